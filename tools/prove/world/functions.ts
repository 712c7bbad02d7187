/** The functions of the proof. Each tells the effects server that it begins, that it still runs, and that it ends. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const CONFIGS: Readonly<Record<string, object>> = {
  work: { timeout: 10 },
  fails: { timeout: 10, retries: { attempts: 3, backoff: { initial: 0.1, factor: 100, max: 0.5, jitter: 0 } } },
  hangs: { timeout: 1 },
  keyed: { timeout: 10 },
  ticks: { timeout: 10 },
  'hears-one': { timeout: 10, events: ['order.made'] },
  'hears-two': { timeout: 10, events: ['order.*'] },
};
export const functionNames = Object.keys(CONFIGS);

const BEATS: Readonly<Record<string, string>> = {
  fails: `await beat('end'); throw new Error('as it shall');`,
  // Nothing but the end of its process ends it.
  hangs: `for (;;) { await pause(100); await beat('beat'); }`,
};

function sourceOf(name: string, effects: string): string {
  return `export const config = ${JSON.stringify(CONFIGS[name])};
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
export default async (request, ctx) => {
  const url = new URL(request.url);
  const nonce = crypto.randomUUID();
  const facts = {
    nonce, fn: '${name}', execution: ctx.execution.id,
    attempt: request.headers.get('x-martlet-attempt') ?? '', tick: ${name === 'ticks'} ? (request.headers.get('x-martlet-scheduled-at') ?? '') : '',
    event: request.headers.get('ce-id') ?? '', token: url.searchParams.get('token') ?? '', key: url.searchParams.get('key') ?? '',
  };
  const beat = async (word) => {
    const at = String(Date.now());
    await (await fetch('http://${effects}/' + word + '?' + new URLSearchParams({ ...facts, at }))).text();
  };
  ctx.log('begin', nonce);
  await beat('begin');
  ${BEATS[name] ?? ''}
  for (let left = Number(url.searchParams.get('ms') ?? 20); left > 0; left -= 100) { await pause(Math.min(left, 100)); await beat('beat'); }
  ctx.log('end', nonce);
  await beat('end');
  return new Response('done');
};
`;
}

export function writeFunctions(folder: string, effects: string): void {
  mkdirSync(join(folder, 'functions'), { recursive: true });
  for (const name of functionNames) writeFileSync(join(folder, 'functions', `${name}.ts`), sourceOf(name, effects));
}
