import { duplexPair } from 'node:stream';
import { expect, test } from 'vitest';
import { PlatformError } from '@martlet/protocol';
import type { Sandbox, SandboxExit, SandboxProcess } from '../../src/ports/sandbox.ts';
import { createBlankPool } from '../../src/services/workers/blank-pool.ts';
import { Worker } from '../../src/services/workers/worker.ts';

const log = { info() {}, warn() {}, error() {}, debug() {} } as never;
const launch = { memoryMb: 1, tmpMb: 1, processes: 1 };
const sleep = (ms: number) => new Promise((r) => setTimeout(r, ms));
const nobody = { onLoaded: () => undefined, onCodeCache: () => undefined, onIdleChange: () => undefined, onDead: () => undefined };

test('a worker whose launch ends after the pool was closed is ended', async () => {
  let killed = 0;
  const sandbox = {
    launch: async (): Promise<SandboxProcess> => {
      await sleep(50);
      const [channel] = duplexPair();
      let done: (exit: SandboxExit) => void = () => undefined;
      return {
        pid: 1,
        channel,
        egressSocketInside: undefined,
        treeInside: undefined,
        stderr: () => '',
        exited: new Promise((r) => (done = r)),
        setMemoryLimit: () => undefined,
        memoryBytes: () => 0,
        kill: () => {
          killed += 1;
          done({ exitCode: null, signal: 'SIGKILL', outOfMemory: false });
        },
      };
    },
  } as unknown as Sandbox;
  const pool = createBlankPool({ sandbox, log, launch, blanks: 1, createWorker: (process) => new Worker(process, nobody) });
  void pool.fill();
  await sleep(10);
  pool.close();
  await sleep(200);
  expect(killed).toBe(1);
});

test('a host that cannot boot is not kept busy trying', async () => {
  let launches = 0;
  const sandbox = {
    launch: async () => {
      launches += 1;
      await sleep(1);
      throw new PlatformError('worker_start_failed');
    },
  } as unknown as Sandbox;
  const pool = createBlankPool({ sandbox, log, launch, blanks: 2, createWorker: (process) => new Worker(process, nobody) });
  void pool.fill();
  await sleep(500);
  pool.close();
  console.log('launches in 500 ms', launches);
  expect(launches).toBeLessThan(5);
});
