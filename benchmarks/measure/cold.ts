/** The first request of functions that were never called, one at a time and a hundred at once, against spawning node. */
import { setTimeout as wait } from 'node:timers/promises';
import { type ChildServer, startServer } from '../hosts/child-server.ts';
import { helloSource, type Martlet, removeData, startMartlet } from '../hosts/martlet.ts';
import { BARE_SCRIPT, readPort } from '../hosts/peers.ts';
import { untilQuiet } from '../hosts/process-tree.ts';
import { median, percentile } from '../load/percentiles.ts';
import type { Measure, MeasureRow, Settings } from './measure-row.ts';
import { formatMs, toRow } from './table.ts';

export const cold: Measure = { name: 'cold', about: 'first request of a function that was never called', run: runCold };
export const burst: Measure = { name: 'burst', about: 'a hundred cold functions at once', run: runBurst };

/** Lets the pool of blanks fill up again: one at a time is measured here, the pool's end is measured by the burst. */
const REFILL_MS = 400;
const DEPLOYS_AT_ONCE = 8;

async function runCold(settings: Settings): Promise<MeasureRow[]> {
  const count = settings.quick ? 10 : 100;
  const martlet = await startMartlet();
  try {
    const names = await deployMany(martlet, count, 'cold');
    await untilQuiet(martlet.pid);
    const ours: number[] = [];
    const spawned: number[] = [];
    for (const name of names) {
      await wait(REFILL_MS);
      ours.push(await timed(() => call(martlet, name)));
      const began = performance.now();
      const server = await spawnToAnswer();
      spawned.push(performance.now() - began);
      await server.stop();
    }
    settings.note(
      `cold: ours p50 ${formatMs(median(ours))} p99 ${formatMs(percentile(ours, 0.99))}, spawned p50 ${formatMs(median(spawned))}`,
    );
    const row = (name: string, share: number) =>
      toRow({
        measure: `cold start, ${count} functions, against spawning node, ${name}`,
        ours: formatMs(percentile(ours, share)),
        peer: formatMs(percentile(spawned, share)),
        values: [percentile(ours, share) / percentile(spawned, share)],
        bound: { side: 'at most', must: 0.2, aim: 0.1, unit: '×' },
      });
    return [row('p50', 0.5)];
  } finally {
    await removeData(martlet);
  }
}

async function runBurst(settings: Settings): Promise<MeasureRow[]> {
  const [size, rounds] = settings.quick ? [30, 1] : [100, 3];
  const martlet = await startMartlet();
  try {
    const ours: number[] = [];
    const spawned: number[] = [];
    for (let round = 0; round < rounds; round += 1) {
      const names = await deployMany(martlet, size, `burst${round}-`);
      await untilQuiet(martlet.pid);
      ours.push(await timed(() => Promise.all(names.map((name) => call(martlet, name)))));
      const servers: ChildServer[] = [];
      spawned.push(await timed(async () => servers.push(...(await Promise.all(names.map(() => spawnToAnswer()))))));
      await Promise.all(servers.map((server) => server.stop()));
      settings.note(`burst round ${round + 1}: ours ${formatMs(ours.at(-1) ?? 0)}, spawned ${formatMs(spawned.at(-1) ?? 0)}`);
    }
    return [
      toRow({
        measure: `burst of ${size} cold functions, last answer, against spawning node for each`,
        ours: formatMs(median(ours)),
        peer: formatMs(median(spawned)),
        values: ours.map((value, round) => value / (spawned[round] ?? Number.NaN)),
        bound: { side: 'at most', must: 1, aim: 0.5, unit: '×' },
      }),
    ];
  } finally {
    await removeData(martlet);
  }
}

async function deployMany(martlet: Martlet, count: number, prefix: string): Promise<string[]> {
  const names = Array.from({ length: count }, (_, index) => `${prefix}${index}`);
  const waiting = [...names];
  const one = async () => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      // Each has a text of its own, so that nothing made for one of them serves another.
      await martlet.deploy(name, `${helloSource}\nexport const deployedAs = ${JSON.stringify(name)};\n`);
    }
  };
  await Promise.all(Array.from({ length: DEPLOYS_AT_ONCE }, one));
  return names;
}

async function call(martlet: Martlet, name: string): Promise<void> {
  const { path, headers } = martlet.contender(name);
  const response = await fetch(`http://127.0.0.1:${martlet.port}${path}`, { headers });
  const text = await response.text();
  if (response.status !== 200) throw new Error(`${path} answered ${response.status}: ${text}`);
}

/** From the spawn of a plain node server to its first answer. */
async function spawnToAnswer(): Promise<ChildServer> {
  const server = await startServer({ command: process.execPath, args: [BARE_SCRIPT], ready: readPort });
  const response = await fetch(`http://127.0.0.1:${server.ready.port}/`);
  await response.text();
  return server;
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}
