/**
 * Measures what a sandbox costs on this machine, driver by driver in turn so that noise hits all alike. No test: run it
 * with `node packages/server/test/sandbox/measure-launch.ts [rounds]`.
 */
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { createBubblewrapSandbox } from '../../src/drivers/bubblewrap-sandbox/bubblewrap-sandbox.ts';
import { createProcessSandbox } from '../../src/drivers/process-sandbox/process-sandbox.ts';
import type { Sandbox } from '../../src/ports/sandbox.ts';

const WORKER = `const channel = new (require('node:net').Socket)({ fd: 3 }); channel.write('ready'); channel.on('data', () => {})`;
const rounds = Number(process.argv[2] ?? 15);

const folder = await mkdtemp(join(tmpdir(), 'martlet-measure-'));
const workerBundlePath = join(folder, 'worker.cjs');
await writeFile(workerBundlePath, WORKER);
const print = (facts: object, message: string): void => console.error(message, facts);
const options = {
  nodePath: process.execPath,
  workerBundlePath,
  stateDir: join(folder, 'state'),
  log: { debug: print, info: print, warn: print, error: print },
};
const drivers: Record<string, Sandbox> = {
  'plain process': createProcessSandbox(options),
  'bubblewrap, no cgroup': createBubblewrapSandbox({ ...options, useCgroups: false }),
  'bubblewrap, cgroup': createBubblewrapSandbox(options),
};
const samples = Object.keys(drivers).map((driver) => ({ driver, probe: 0, thread: [0], firstByte: [0], kill: [0], mb: [0] }));

try {
  for (const sample of samples) {
    const start = performance.now();
    await drivers[sample.driver]?.probe();
    sample.probe = performance.now() - start;
  }
  for (let round = 0; round < rounds; round += 1) {
    for (const sample of samples) await measure(drivers[sample.driver] as Sandbox, sample);
  }
  console.table(
    samples.map(({ driver, probe, ...lists }) => {
      const medians = Object.entries(lists).map(([name, list]) => [name, Number(median(list.slice(1)).toFixed(2))]);
      return { driver, probe: Math.round(probe), ...Object.fromEntries(medians) };
    }),
  );
} finally {
  await Promise.all(Object.values(drivers).map((driver) => driver.close()));
  await rm(folder, { recursive: true, force: true });
}

async function measure(driver: Sandbox, sample: (typeof samples)[number]): Promise<void> {
  const start = performance.now();
  const before = performance.eventLoopUtilization();
  const worker = await driver.launch({ memoryMb: 256, tmpMb: 64, processes: 64 });
  sample.thread.push(performance.eventLoopUtilization(before).active);
  await once(worker.channel, 'data');
  sample.firstByte.push(performance.now() - start);
  sample.mb.push((worker.memoryBytes() ?? 0) / 2 ** 20);
  const killed = performance.now();
  worker.kill();
  await worker.exited;
  sample.kill.push(performance.now() - killed);
}

function median(list: readonly number[]): number {
  return list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)] ?? 0;
}
