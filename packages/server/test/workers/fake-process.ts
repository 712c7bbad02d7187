/** A sandboxed process without a process: the test writes what a worker would, and learns whether it was killed. */
import { duplexPair, type Duplex } from 'node:stream';
import type { Log } from '../../src/ports/system/log.ts';
import type { Sandbox, SandboxExit, SandboxProcess } from '../../src/ports/sandbox.ts';
import type { WorkerEvents } from '../../src/services/workers/worker.ts';

export interface FakeProcess {
  readonly process: SandboxProcess;
  /** The worker's end of the channel. */
  readonly inside: Duplex;
  /** The process ends by itself. */
  exit(): void;
  killed(): boolean;
}

export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} };

export const noWorkerEvents: WorkerEvents = { onLoaded() {}, onCodeCache() {}, onIdleChange() {}, onDead() {} };

export function createFakeProcess(): FakeProcess {
  const [outside, inside] = duplexPair();
  const { promise: exited, resolve } = Promise.withResolvers<SandboxExit>();
  let killed = false;
  return {
    inside,
    exit: () => resolve({ exitCode: 0, signal: null, outOfMemory: false }),
    killed: () => killed,
    process: {
      pid: 1,
      channel: outside,
      egressSocketInside: undefined,
      treeInside: undefined,
      stderr: () => '',
      exited,
      setMemoryLimit() {},
      memoryBytes: () => 0,
      kill() {
        killed = true;
        // A real one is gone a moment later, too.
        setTimeout(resolve, 5, { exitCode: null, signal: 'SIGKILL', outOfMemory: false });
      },
    },
  };
}

export function createFakeSandbox(launch: () => Promise<SandboxProcess>): Sandbox {
  return { name: 'fake', probe: () => Promise.resolve({ tier: 'C', checks: [] }), launch, sweep: async () => {}, close: async () => {} };
}
