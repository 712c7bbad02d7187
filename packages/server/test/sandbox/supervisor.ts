/** Stands in for a server in tests that kill one, or that run one as another user: launches sandboxes, runs code in each. */
import { createBubblewrapSandbox } from '../../src/drivers/bubblewrap-sandbox/bubblewrap-sandbox.ts';
import { childrenOf } from '../../src/drivers/worker-process/process-memory.ts';

interface Order {
  readonly stateDir: string;
  readonly workerBundlePath: string;
  readonly count: number;
  /** See `testWorkerSource`. */
  readonly code: string;
}

export interface Report {
  readonly tier: string;
  /** Every process of every sandbox. */
  readonly pids: readonly number[];
  readonly answers: readonly unknown[];
}

const order = JSON.parse(process.argv[2] ?? '') as Order;
const silent = (): void => undefined;
const sandbox = createBubblewrapSandbox({
  ...order,
  nodePath: process.execPath,
  log: { debug: silent, info: silent, warn: silent, error: silent },
});

const answers: unknown[] = [];
const pids: number[] = [];
for (let index = 0; index < order.count; index += 1) {
  const launched = await sandbox.launch({ memoryMb: 128, tmpMb: 8, processes: 64 });
  let text = '';
  const answered = new Promise<void>((resolve) => {
    launched.channel.on('data', (part) => {
      text += String(part);
      if (text.split('\n').length > 2) resolve();
    });
  });
  launched.channel.write(`${JSON.stringify(order.code)}\n`);
  await Promise.race([answered, launched.exited.then(() => process.stderr.write(launched.stderr()))]);
  answers.push(JSON.parse(text.split('\n')[1] ?? 'null'));
  pids.push(...treeOf(launched.pid));
}
const report: Report = { tier: (await sandbox.probe()).tier, pids, answers };
process.stdout.write(`${JSON.stringify(report)}\n`);
process.stdin.resume();
process.stdin.on('end', () => void sandbox.close().then(() => process.exit(0)));

function treeOf(pid: number): number[] {
  return [pid, ...childrenOf(pid).flatMap(treeOf)];
}
