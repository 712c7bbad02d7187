/** Calls one example the way any client does, and shows what the platform knows about that call. */
import { examineMachine } from './server-process.mjs';

const LIVE_WITHIN_MS = 120_000;
const RECORDED_WITHIN_MS = 10_000;

/** `ready` is the line that `martlet dev --json` prints. Rejects with a sentence for people when something does not work. */
export async function takeTour(ready) {
  const url = `${ready.url}/functions/hello?name=Ada`;
  const response = await callUntilLive(url);
  const answer = await response.text();
  if (!response.ok) throw new Error(`Cannot call the example: ${url} answered ${response.status} ${answer}`);
  const execution = await readExecution(ready, response.headers.get('x-martlet-execution-id'));

  section('An example, called through the front door', [`GET ${url}`, `${response.status} ${answer}`]);
  section('The record of that execution', [
    `${execution.$id}: ${execution.status}, answered ${execution.responseStatusCode} in ${milliseconds(execution.duration)} (${execution.start} start${coldPart(execution)})`,
    ...execution.logs
      .trimEnd()
      .split('\n')
      .map((line) => `log  ${line}`),
  ]);
  section('The sandbox', await tierLines(ready));
  section('Addresses', [
    `functions  ${ready.url}/functions/<name>`,
    `API        ${ready.url}/v1  (read it at ${ready.url}/v1/docs)`,
    `metrics    ${ready.url}/metrics  (with the API key as bearer token)`,
    `project    ${ready.project}`,
    `API key    ${ready.apiKey ?? '(the one of the first start)'}`,
  ]);
  section('Try next', tryNext(ready));
}

/** Functions are built while the server already serves: not found and not ready mean "soon" for a while. */
async function callUntilLive(url) {
  const deadline = Date.now() + LIVE_WITHIN_MS;
  for (;;) {
    const response = await fetch(url);
    const soon = response.status === 404 || response.status === 503;
    if (!soon || Date.now() > deadline) return response;
    await response.arrayBuffer();
    await pause(200);
  }
}

/** Records are written a moment after the answer. */
async function readExecution({ url, project, apiKey }, id) {
  if (id === null) throw new Error('Cannot find the execution: the answer has no header x-martlet-execution-id.');
  const headers = { 'x-martlet-project': project, ...(apiKey === undefined ? {} : { 'x-martlet-key': apiKey }) };
  const deadline = Date.now() + RECORDED_WITHIN_MS;
  for (;;) {
    const response = await fetch(`${url}/v1/executions/${id}`, { headers });
    const body = await response.json();
    if (response.ok && (body.status === 'completed' || body.status === 'failed')) return body;
    if (Date.now() > deadline) throw new Error(`Cannot read the execution ${id}: ${response.status} ${JSON.stringify(body)}`);
    await pause(50);
  }
}

/** What the tier means, and below the strongest one what the machine lacks for a stronger one. */
async function tierLines({ tier }) {
  const meaning = `tier ${tier}: ${TIERS[tier] ?? 'unknown'}`;
  if (tier === 'A') return [meaning];
  const { checks } = await examineMachine();
  return [
    meaning,
    ...checks.filter(({ state, check }) => state !== 'good' && check !== 'port').map(({ check, detail }) => `${check}: ${detail}`),
  ];
}

const TIERS = {
  A: 'own namespaces, system call filter and hard limits of the kernel',
  'A-': 'own namespaces and system call filter; memory is held by a watchdog, as this host gives no cgroup',
  C: 'a plain process without a wall. Only run code that you trust; `npx martlet doctor` says what is missing',
};

function tryNext({ url }) {
  return [
    `curl -N '${url}/functions/chat?message=hello'`,
    `curl '${url}/functions/greet-all?names=Ada,Grace,Edsger'`,
    `curl -o invoice.pdf ${url}/functions/invoice -d '{"number":"2026-001","customer":"Ada","lines":[{"text":"Notes","quantity":3,"cents":4500}]}'`,
    'cd examples && npx martlet executions list     and: npx martlet logs --follow, npx martlet doctor',
  ];
}

function section(title, lines) {
  console.log(`\n${title}`);
  for (const line of lines) console.log(`  ${line}`);
}

function milliseconds(seconds) {
  return `${(seconds * 1000).toFixed(1)} ms`;
}

function coldPart({ timings }) {
  return timings?.coldStart > 0 ? `, ${milliseconds(timings.coldStart)} of it for the start` : '';
}

function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
