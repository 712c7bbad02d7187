/** A dead execution that is replayed twice: by two callers, or by one who got no answer. */
import { beforeEach, describe, expect, it } from 'vitest';
import { createMemoryStore } from '../../src/drivers/memory-store/memory-store.ts';
import type { Store } from '../../src/ports/store.ts';
import { createDeadLetters } from '../../src/services/queue/dead-letters.ts';
import { createEnqueue } from '../../src/services/queue/enqueue.ts';
import { aDeployment, aFunction, aJob } from '../support/rows.ts';

let store: Store;
let last = 0;
beforeEach(async () => {
  store = createMemoryStore();
  last = 0;
  await store.open();
  await store.functions.insert(aFunction());
  await store.deployments.insert(aDeployment());
  await store.jobs.enqueue([aJob({ id: 'dead' })], []);
  const take = { projectId: 'default', functionId: 'hello', count: 1, concurrency: 1 };
  const [claimed] = await store.jobs.claim({ nodeId: 'n', now: 1, takes: [take] });
  if (claimed === undefined) throw new Error('Nothing was claimed');
  await store.jobs.settle([
    {
      executionId: 'dead',
      fence: claimed.job.fence,
      execution: { ...claimed.execution, status: 'failed', errorCode: 'execution_threw', endedAt: 2 },
      lines: [],
      attempt: { startedAt: 1, endedAt: 2, errorCode: 'execution_threw' },
      next: { state: 'dead', facts: { crashes: 0 } },
      decisions: [],
    },
  ]);
});

function lettersOf(jobs: Store['jobs']) {
  const clock = { now: () => 3, uniqueMicros: () => 3 };
  const ids = { next: () => `new-${++last}`, secret: () => '' };
  const findExecution = (projectId: string, id: string) => store.executions.find(projectId, id);
  const enqueue = createEnqueue({ jobs, findExecution, clock, ids, limits: { asyncQueueDepth: 100, hops: 16 } });
  return createDeadLetters({ store: { ...store, jobs }, enqueue, clock });
}

const replayed = async () => {
  const all = await Promise.all(['new-1', 'new-2', 'new-3'].map((id) => store.executions.find('default', id)));
  return all.filter((row) => row !== null).length;
};

describe('the replay of a dead execution', () => {
  it('is one execution when two ask for it at once', async () => {
    const letters = lettersOf(store.jobs);
    const [a, b] = await Promise.all([letters.replay('default', 'dead'), letters.replay('default', 'dead')]);
    expect(b.id).toBe(a.id);
    await expect(replayed()).resolves.toBe(1);
  });

  it('is one execution when the server died in the middle of it, and is finished by the next call', async () => {
    const cut = { ...store.jobs, purgeDead: () => Promise.reject(new Error('killed')) };
    await expect(lettersOf(cut).replay('default', 'dead')).rejects.toThrow('killed');
    await lettersOf(store.jobs).replay('default', 'dead');
    await expect(replayed()).resolves.toBe(1);
    await expect(store.jobs.listDead({ projectId: 'default', functionId: null, limit: 10 })).resolves.toEqual([]);
  });

  it('is refused when another one with other changes was first', async () => {
    const letters = lettersOf(store.jobs);
    const results = await Promise.allSettled(['a', 'b'].map((text) => letters.replay('default', 'dead', { body: Buffer.from(text) })));
    expect(results.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
    expect(results).toContainEqual(
      expect.objectContaining({ reason: expect.objectContaining({ code: 'execution_idempotency_conflict' }) }),
    );
    await expect(replayed()).resolves.toBe(1);
  });
});
