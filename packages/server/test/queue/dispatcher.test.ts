/** The dispatcher beside a store whose answers get lost. */
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { PlatformError } from '@martlet/protocol';
import { createMemoryStore } from '../../src/drivers/memory-store/memory-store.ts';
import type { JobStore } from '../../src/ports/store/job-store.ts';
import type { JobRunner, RunningJob } from '../../src/services/queue/run-job.ts';
import { createDispatcher, type Dispatcher } from '../../src/triggers/queue/dispatcher.ts';
import { aJob } from '../support/rows.ts';

const store = createMemoryStore();
const quiet = { warn: () => undefined, error: () => undefined } as never;
beforeAll(() => store.open());
let dispatcher: Dispatcher | undefined;
afterEach(async () => {
  await dispatcher?.close(0);
});

function startDispatcher({
  jobs,
  run,
  capacity = 10,
}: {
  jobs: JobStore;
  capacity?: number;
  run: (executionId: string, fence: number) => RunningJob['done'];
}) {
  const lost: string[] = [];
  const runner: JobRunner = {
    run: ({ job }) => ({ ...job, recording: undefined, interrupt: () => undefined, done: run(job.executionId, job.fence) }),
    async settleLost({ job, execution }) {
      lost.push(job.executionId);
      const [held] = await jobs.settle([
        {
          executionId: job.executionId,
          fence: job.fence,
          execution: { ...execution, status: 'failed', errorCode: 'execution_interrupted' },
          lines: [],
          attempt: { startedAt: 1, endedAt: 2, errorCode: 'execution_interrupted' },
          next: { state: null },
          decisions: [],
        },
      ]);
      return held === true;
    },
    stopping: () => undefined,
  };
  dispatcher = createDispatcher({
    jobs,
    nodes: store.nodes,
    runner,
    invoke: { cancel: () => false } as never,
    routes: { byId: async () => null } as never,
    clock: { now: Date.now } as never,
    log: quiet,
    capacity,
    node: { name: 'test', newId: () => 'n1' },
  });
  return { dispatcher, lost };
}

describe('a dispatcher', () => {
  it('runs what it has taken without having heard of it', async () => {
    let claims = 0;
    const jobs: JobStore = {
      ...store.jobs,
      async claim(at) {
        const claimed = await store.jobs.claim(at);
        claims += 1;
        if (claims === 1) throw new PlatformError('store_unavailable');
        return claimed;
      },
    };
    await jobs.enqueue([aJob({ id: 'unheard', projectId: 'd-unheard' })], []);
    const ran: number[] = [];
    const settled = Promise.withResolvers<void>();
    const { dispatcher: made, lost } = startDispatcher({
      jobs,
      async run(executionId, fence) {
        const execution = await store.executions.find('d-unheard', executionId);
        if (execution === null) throw new Error('It is not on record.');
        ran.push(fence);
        await store.jobs.settle([
          {
            executionId,
            fence,
            execution: { ...execution, status: 'completed' },
            lines: [],
            attempt: { startedAt: 1, endedAt: 2, errorCode: null },
            next: { state: null },
            decisions: [],
          },
        ]);
        settled.resolve();
        return 'ended';
      },
    });
    await made.start();
    await settled.promise;
    // Under a new fence, and as its first attempt: that nobody ran is nobody's attempt.
    expect(ran).toEqual([2]);
    expect(lost).toEqual([]);
    await expect(store.jobs.attempts('d-unheard', 'unheard')).resolves.toMatchObject([{ number: 1, fence: 2 }]);
  });

  it('decides on what it began and could not end, as on what a dead server left', async () => {
    await store.jobs.enqueue([aJob({ id: 'unended', projectId: 'd-unended' })], []);
    const { dispatcher: made, lost } = startDispatcher({ jobs: store.jobs, run: async () => 'unended' });
    await made.start();
    await expect.poll(() => lost, { timeout: 8000 }).toEqual(['unended']);
  });

  it('keeps an attempt that was claimed before the end of the one before it was heard of', async () => {
    await store.jobs.enqueue([aJob({ id: 'again', projectId: 'd-again' })], []);
    const heard = Promise.withResolvers<void>();
    const second = Promise.withResolvers<'ended'>();
    const { dispatcher: made } = startDispatcher({
      jobs: store.jobs,
      async run(executionId, fence) {
        if (fence > 1) {
          heard.resolve();
          return second.promise;
        }
        await store.jobs.release([{ executionId, fence }]);
        made.wake();
        // Its end is on record, and its successor runs, before anybody is told.
        await heard.promise;
        return 'ended';
      },
    });
    await made.start();
    await heard.promise;
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(made.running).toBe(1);
    second.resolve('ended');
  });

  it('lets functions run beside one whose executions all wait for a key', async () => {
    const keyed = Array.from({ length: 3 }, (_, index) =>
      aJob({ id: `keyed-${index}`, projectId: 'd-keyed', functionId: 'a' }, { concurrencyKey: 'k' }),
    );
    await store.jobs.enqueue([...keyed, aJob({ id: 'free', projectId: 'd-keyed', functionId: 'b' })], []);
    const ran: string[] = [];
    const never = new Promise<'ended'>(() => undefined);
    const { dispatcher: made } = startDispatcher({
      jobs: store.jobs,
      capacity: 2,
      run(executionId) {
        ran.push(executionId);
        return never;
      },
    });
    await made.start();
    // One place is left after the first of the key; the function without a free key must not use up the turn.
    await expect.poll(() => ran.toSorted(), { timeout: 500 }).toEqual(['free', 'keyed-0']);
  });
});
