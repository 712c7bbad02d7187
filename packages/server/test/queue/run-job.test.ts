/** What becomes of attempts that this server cannot run, or may not any longer. */
import { describe, expect, it } from 'vitest';
import { PlatformError, type ErrorCode } from '@martlet/protocol';
import { createMemoryStore } from '../../src/drivers/memory-store/memory-store.ts';
import type { InvokeRequest } from '../../src/services/invoke/invoke.ts';
import { createJobRunner, type RunningJob } from '../../src/services/queue/run-job.ts';
import { createSettler } from '../../src/services/queue/settler.ts';
import { aJob, anExecution } from '../support/rows.ts';

const NOW = 1_769_817_600_000;
const quiet = { warn: () => undefined, error: () => undefined } as never;
let projects = 0;

/** Runs one job by an invoke of the test's own. */
async function runOne({
  invoke,
  userToken,
  now = () => NOW,
}: {
  invoke: (request: InvokeRequest) => Promise<object>;
  userToken?: () => Promise<string>;
  now?: () => number;
}) {
  projects += 1;
  const projectId = `r-${projects}`;
  const store = createMemoryStore();
  await store.open();
  await store.jobs.enqueue([aJob({ id: 'job', projectId, userId: userToken === undefined ? null : 'u1' })], []);
  const runner = createJobRunner({
    closing: new AbortController().signal,
    invoke: { invoke } as never,
    routes: { byId: async () => null } as never,
    jobs: store.jobs,
    settler: createSettler({ jobs: store.jobs, log: quiet }),
    clock: { now } as never,
    log: quiet,
    userToken: userToken ?? (async () => ''),
    random: () => 0.5,
  });
  const claim = async (): Promise<RunningJob> => {
    const [claimed] = await store.jobs.claim({
      nodeId: 'n',
      now: NOW,
      takes: [{ projectId, functionId: 'hello', count: 1, concurrency: 9 }],
    });
    if (claimed === undefined) throw new Error('There is nothing to claim.');
    return runner.run(claimed);
  };
  return { claim, job: () => store.jobs.get(projectId, 'job'), record: () => store.executions.find(projectId, 'job') };
}

/** As the real one does: it gets its place, and ends with this code. */
const endsWith =
  (errorCode: ErrorCode, before: (request: InvokeRequest) => Promise<void> = async () => undefined) =>
  async (request: InvokeRequest): Promise<object> => {
    const recording = request.attempt?.record({
      id: 'job',
      beganAt: 0,
      lines: () => [],
      row: () => anExecution({ id: 'job', status: 'failed', errorCode }),
    });
    await before(request);
    recording?.ended(0);
    throw new PlatformError(errorCode);
  };

describe('an attempt', () => {
  it.each(['host_memory_exhausted', 'server_draining', 'store_unavailable'] as const)(
    'does not count when it found %s after it got its place',
    async (code) => {
      const { claim, job, record } = await runOne({ invoke: endsWith(code) });
      await expect((await claim()).done).resolves.toBe('no_room');
      await expect(job()).resolves.toMatchObject({ state: 'ready', attempt: 0, facts: { crashes: 0 } });
      await expect(record()).resolves.toMatchObject({ status: 'waiting', errorCode: null });
    },
  );

  it('does not count while no process starts here, and ends when that goes on', async () => {
    let now = NOW;
    const { claim, job } = await runOne({ invoke: endsWith('worker_start_failed'), now: () => now });
    for (let time = 0; time < 5; time += 1) await expect((await claim()).done).resolves.toBe('not_started');
    await expect(job()).resolves.toMatchObject({ state: 'ready', attempt: 0, facts: { crashes: 0 } });
    now += 11 * 60_000;
    await expect((await claim()).done).resolves.toBe('ended');
    await expect(job()).resolves.toMatchObject({ state: 'delayed', attempt: 1, facts: { crashes: 1 } });
  });

  it('is made again when its server lost its lease while it ran', async () => {
    const running = Promise.withResolvers<RunningJob>();
    const { claim, job } = await runOne({
      async invoke(request) {
        return endsWith('execution_interrupted', async () => {
          const aborted = new Promise<void>((resolve) => request.signal?.addEventListener('abort', resolve));
          (await running.promise).interrupt();
          await aborted;
          expect(request.signal?.reason).toMatchObject({ code: 'execution_interrupted' });
        })(request);
      },
      userToken: async () => {
        await new Promise((resolve) => setTimeout(resolve, 10));
        return 'token';
      },
    });
    const begun = await claim();
    running.resolve(begun);
    await expect(begun.done).resolves.toBe('ended');
    await expect(job()).resolves.toMatchObject({ state: 'ready', attempt: 1, facts: { crashes: 1 } });
  });

  it('does not begin after its server lost its lease, and leaves it to others to decide', async () => {
    const begun: string[] = [];
    const token = Promise.withResolvers<string>();
    const { claim, job } = await runOne({
      async invoke(request) {
        if (request.signal?.aborted === true) throw new PlatformError('execution_canceled');
        begun.push('it');
        return endsWith('execution_threw')(request);
      },
      userToken: () => token.promise,
    });
    const running = await claim();
    running.interrupt();
    token.resolve('token');
    await expect(running.done).resolves.toBe('ended');
    expect(begun).toEqual([]);
    await expect(job()).resolves.toMatchObject({ state: 'taken', fence: 1 });
  });
});
