/** The pool of blanks when the host does not play along: launches that come too late, and launches that fail. */
import { PlatformError } from '@martlet/protocol';
import { describe, expect, test, vi } from 'vitest';
import type { Sandbox } from '../../src/ports/sandbox.ts';
import { createBlankPool } from '../../src/services/workers/blank-pool.ts';
import { Worker } from '../../src/services/workers/worker.ts';
import { createFakeProcess, createFakeSandbox, noWorkerEvents, silentLog } from './fake-process.ts';

function createPool(sandbox: Sandbox) {
  return createBlankPool({
    sandbox,
    log: silentLog,
    launch: { memoryMb: 1, tmpMb: 1, processes: 1 },
    blanks: 2,
    createWorker: (process) => new Worker(process, noWorkerEvents),
  });
}

describe('a pool of blanks', () => {
  test('that is closed ends a worker whose launch comes through afterwards', async () => {
    const fake = createFakeProcess();
    const launched = Promise.withResolvers<void>();
    const pool = createPool(createFakeSandbox(() => launched.promise.then(() => fake.process)));
    const filling = pool.fill();
    pool.close();
    expect(fake.killed()).toBe(false);
    launched.resolve();
    await vi.waitFor(() => expect(fake.killed()).toBe(true), { timeout: 5000 });
    fake.exit();
    await filling;
    expect(pool.size).toBe(0);
  });

  test('does not keep a host busy that cannot boot', async () => {
    let launches = 0;
    const pool = createPool(
      createFakeSandbox(() => {
        launches += 1;
        return Promise.reject(new PlatformError('worker_start_failed'));
      }),
    );
    void pool.fill();
    await new Promise((resolve) => setTimeout(resolve, 500));
    pool.close();
    expect(launches).toBeGreaterThan(0);
    expect(launches).toBeLessThan(5);
  });
});
