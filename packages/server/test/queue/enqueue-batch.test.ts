/** Executions that come in together, where the store takes none of them, or all but one. */
import { PlatformError } from '@martlet/protocol';
import { describe, expect, it } from 'vitest';
import { createMemoryStore } from '../../src/drivers/memory-store/memory-store.ts';
import type { JobStore } from '../../src/ports/store/job-store.ts';
import { createEnqueue } from '../../src/services/queue/enqueue.ts';
import { aJob } from '../support/rows.ts';

async function enqueueTwenty(taking: (jobs: JobStore) => JobStore['enqueue']) {
  const store = createMemoryStore();
  await store.open();
  let calls = 0;
  let last = 0;
  const jobs: JobStore = {
    ...store.jobs,
    enqueue(batch, decisions) {
      calls += 1;
      return taking(store.jobs)(batch, decisions);
    },
  };
  const { enqueue } = createEnqueue({
    jobs,
    findExecution: (projectId, id) => store.executions.find(projectId, id),
    clock: { now: () => 1, uniqueMicros: () => 1 },
    ids: { next: () => `e${++last}`, secret: () => '' },
    limits: { asyncQueueDepth: 100, hops: 16 },
  });
  const { request, body } = aJob();
  const order = { projectId: 'default', functionId: 'hello', deploymentId: '', trigger: 'http', userId: null, request, body } as const;
  const results = await Promise.allSettled(Array.from({ length: 20 }, () => enqueue(order)));
  return { calls, results };
}

describe('executions that come in together', () => {
  it('are refused together at once when the store is away', async () => {
    const { calls, results } = await enqueueTwenty(() => () => Promise.reject(new PlatformError('store_unavailable')));
    expect(results.map((result) => result.status === 'rejected' && (result.reason as PlatformError).code)).toEqual(
      Array.from({ length: 20 }, () => 'store_unavailable'),
    );
    // The first one may have gone ahead of its company; nobody is tried alone after that.
    expect(calls).toBeLessThanOrEqual(2);
  });

  it('are taken but for the one that the store refuses', async () => {
    const { results } = await enqueueTwenty(
      (jobs) => (batch, decisions) =>
        batch.some(({ execution }) => execution.id === 'e7')
          ? Promise.reject(new PlatformError('general_server_error', 'no'))
          : jobs.enqueue(batch, decisions),
    );
    expect(results.filter(({ status }) => status === 'rejected')).toHaveLength(1);
  });
});
