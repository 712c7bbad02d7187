/** A server that is killed under load, three times over: nothing of it stays, nothing that it promised is lost. */
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { DeploymentResource, ExecutionResource } from '@martlet/protocol';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { callUnderLoad, type Call } from './call-under-load.ts';
import { cgroupsOf, isAlive, processesBelow, type HostProcess } from './host-processes.ts';
import { REPOSITORY, startMartlet, type Martlet } from './start-martlet.ts';

const LAUNCHER = join(REPOSITORY, 'packages/cli/bin/martlet.mjs');
const FIXTURES = ['echo', 'sleeps', 'streams', 'wait-until'];
const CALLERS = [
  ['echo'],
  ['echo', 'sleeps?ms=20'],
  ['echo', 'wait-until?ms=5'],
  ['streams?chunks=3&delay=5', 'echo'],
  ['sleeps?ms=10'],
  ['sleeps?ms=3000'],
  ['sleeps?ms=3000', 'echo'],
  ['streams?chunks=30&delay=100'],
];
const LOAD_MS = 1500;
const SURVIVORS_GONE_WITHIN_MS = 2000;
const ANSWERS_AGAIN_WITHIN_MS = 5000;
/** A record is durable some 10 ms after its answer, and on a busy host some 50. */
const ANSWERED_BEFORE_MS = 150;
/** An execution is put on record while it runs when a look, each 100 ms, finds it older than 100 ms. */
const IN_FLIGHT_FOR_MS = 400;

interface Crash {
  readonly calls: readonly Call[];
  /** Milliseconds of `performance.now()`. */
  readonly at: number;
  readonly pid: number;
  readonly sandboxes: readonly HostProcess[];
  readonly survivors: readonly HostProcess[];
}

let home: string;
let martlet: Martlet;
let apiKey: string;

const start = () =>
  startMartlet(['serve'], {
    cwd: home,
    data: join(home, 'data'),
    apiKey,
    env: { MARTLET_HOST: '127.0.0.1', MARTLET_SANDBOX_TIER: 'C' },
  });

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'martlet-crash-'));
  await mkdir(join(home, 'functions'));
  for (const name of FIXTURES) await cp(join(REPOSITORY, `fixtures/functions/${name}.ts`), join(home, `functions/${name}.ts`));
  apiKey = '';
  martlet = await start();
  apiKey = martlet.ready.apiKey;
  await promisify(execFile)(process.execPath, [LAUNCHER, 'deploy'], { cwd: home });
}, 120_000);

afterAll(async () => {
  await martlet?.stop();
  if (home !== undefined) await rm(home, { recursive: true, force: true });
});

const skipped = process.platform === 'linux' ? '' : ' (skipped: processes and cgroups are read as Linux shows them)';

describe.skipIf(skipped !== '')(`a server that is killed under load, for the${skipped}`, () => {
  test.each(['first', 'second', 'third'])(
    '%s time, takes its sandboxes with it, starts again at once and accounts for every call',
    async (time) => {
      const crash = await crashUnderLoad(time);
      expect(crash.sandboxes.length).toBeGreaterThan(FIXTURES.length);
      expect(crash.survivors).toEqual([]);

      const spawnedAt = performance.now();
      martlet = await start();
      expect((await martlet.call('echo')).status).toBe(200);
      const downFor = performance.now() - spawnedAt;
      expect(downFor).toBeLessThan(ANSWERS_AGAIN_WITHIN_MS);

      const executions = await everyExecution();
      const facts = accountFor(crash, executions);
      console.log(
        `${crash.calls.length} calls, ${crash.sandboxes.length} processes in sandboxes; answered again after ${downFor.toFixed(0)} ms; ${facts.summary}`,
      );
      expect(executions.filter(({ status }) => status !== 'completed' && status !== 'failed')).toEqual([]);
      expect(facts.answered).toBeGreaterThan(20);
      expect(facts.forgotten).toEqual([]);
      expect(facts.inFlight).toBeGreaterThan(0);
      expect(facts.notInterrupted).toEqual([]);
      await expectNoTraceOf(crash.pid);
    },
    60_000,
  );
});

test('a server that is killed while it builds ends those builds on record, builds what waited, and serves what was live', async () => {
  for (let number = 1; number <= 6; number += 1) {
    await writeFile(
      join(home, `functions/new-${number}.ts`),
      `import { z } from 'zod';\nexport default () => new Response(z.string().parse('new'));\n`,
    );
  }
  await writeFile(join(home, 'package.json'), '{ "dependencies": { "zod": "4.6.7" } }');
  const deploying = new Promise((resolve) => {
    const env = { ...process.env, MARTLET_URL: martlet.ready.url, MARTLET_API_KEY: apiKey };
    execFile(process.execPath, [LAUNCHER, 'deploy'], { cwd: home, env }, resolve);
  });
  await expect
    .poll(async () => (await everyDeployment()).filter(({ status }) => status === 'building').length, { timeout: 20_000, interval: 10 })
    .toBe(2);
  process.kill(martlet.ready.pid, 'SIGKILL');
  await martlet.ended;
  await deploying;

  martlet = await start();
  expect((await martlet.call('echo')).status).toBe(200);
  const isPending = ({ status }: DeploymentResource) => ['waiting', 'processing', 'building'].includes(status);
  await expect.poll(async () => (await everyDeployment()).filter(isPending), { timeout: 30_000 }).toEqual([]);
  const failed = (await everyDeployment()).filter(({ status }) => status === 'failed');
  expect(failed.map(({ buildError }) => buildError)).toEqual(['build_interrupted', 'build_interrupted']);
  expect(await readdir(join(home, 'data/temp'))).toEqual([]);
}, 90_000);

async function everyDeployment(): Promise<DeploymentResource[]> {
  const read = async (path: string) => (await martlet.api(path)).json();
  const { functions } = (await read('/functions')) as { functions: { $id: string }[] };
  const lists = await Promise.all(
    functions.map(({ $id }) => read(`/functions/${$id}/deployments`) as Promise<{ deployments: DeploymentResource[] }>),
  );
  return lists.flatMap(({ deployments }) => deployments);
}

async function crashUnderLoad(name: string): Promise<Crash> {
  const { pid } = martlet.ready;
  const load = callUnderLoad(martlet.ready.url, { name, callers: CALLERS });
  await sleep(LOAD_MS);
  const sandboxes = processesBelow(pid);
  process.kill(pid, 'SIGKILL');
  const at = performance.now();
  const stopped = load.stop();
  await martlet.ended;
  const deadline = performance.now() + SURVIVORS_GONE_WITHIN_MS;
  while (sandboxes.some(isAlive) && performance.now() < deadline) await sleep(20);
  const survivors = sandboxes.filter(isAlive);
  await stopped;
  return { calls: load.calls, at, pid, sandboxes, survivors };
}

async function everyExecution(): Promise<ExecutionResource[]> {
  const executions: ExecutionResource[] = [];
  for (;;) {
    const last = executions.at(-1);
    const queries = [{ method: 'limit', values: [500] }, ...(last === undefined ? [] : [{ method: 'cursorAfter', values: [last.$id] }])];
    const search = new URLSearchParams(queries.map((query) => ['queries[]', JSON.stringify(query)]));
    const response = await martlet.api(`/executions?${search}`);
    expect(response.status).toBe(200);
    const page = (await response.json()) as { executions: ExecutionResource[] };
    if (page.executions.length === 0) return executions;
    executions.push(...page.executions);
  }
}

/** Sets the calls against the record. */
function accountFor({ calls, at }: Crash, executions: readonly ExecutionResource[]) {
  const byId = new Map(executions.map((execution) => [execution.$id, execution]));
  const tags = new Map(executions.map((execution) => [/tag=([\w-]+)/.exec(execution.requestPath)?.[1] ?? '', execution]));
  const answered = calls.filter((call) => call.status === 200 && call.answeredAt !== undefined);
  const inFlight = calls.filter((call) => call.answeredAt === undefined && call.sentAt < at);
  const lost = answered.filter((call) => !byId.has(call.executionId ?? ''));
  const unrecorded = inFlight.filter((call) => tags.get(call.tag)?.errorCode !== 'execution_interrupted');
  const newest = (of: readonly Call[], time: (call: Call) => number) => Math.max(0, ...of.map((call) => at - time(call))).toFixed(0);
  return {
    answered: answered.length,
    forgotten: lost.filter((call) => at - (call.answeredAt ?? at) > ANSWERED_BEFORE_MS),
    inFlight: inFlight.filter((call) => at - call.sentAt > IN_FLIGHT_FOR_MS).length,
    notInterrupted: unrecorded.filter((call) => at - call.sentAt > IN_FLIGHT_FOR_MS),
    summary: `answered ${answered.length}, of which ${lost.length} of the last ${newest(lost, (call) => call.answeredAt ?? at)} ms are not on record; in flight ${inFlight.length}, of which ${unrecorded.length} sent in the last ${newest(unrecorded, (call) => call.sentAt)} ms are not`,
  };
}

async function expectNoTraceOf(pid: number): Promise<void> {
  expect(cgroupsOf(pid)).toEqual([]);
  const data = join(home, 'data');
  const left = await readdir(data, { recursive: true });
  expect(left.filter((path) => path.startsWith('run/') && path.includes(`-${pid}-`))).toEqual([]);
  expect(await readdir(join(data, 'temp'))).toEqual([]);
}
