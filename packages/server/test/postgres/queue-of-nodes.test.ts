/** Statements of the queue that several nodes send at the same moment: what they wait for, and what they must not. */
import { setTimeout as wait } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { createPostgresStore } from '../../src/drivers/postgres-store/postgres-store.ts';
import type { Store } from '../../src/ports/store.ts';
import { aJob } from '../support/rows.ts';
import { suiteName } from '../support/suite-name.ts';
import { sharedPostgres, whyNoPostgres } from './shared-postgres.ts';

const skipped = whyNoPostgres();
const server = skipped === undefined ? await sharedPostgres(inject('postgresFolder')) : { createDatabase: () => Promise.resolve('') };
const NOW = Date.UTC(2026, 0, 31);
/** Far below the 5 s after which a statement gives up waiting for a lock. */
const AT_ONCE_MS = 2500;

describe.skipIf(skipped !== undefined)(suiteName('the queue beside another node', skipped), () => {
  let store: Store;
  let other: pg.Client;
  beforeAll(async () => {
    const url = await server.createDatabase();
    store = createPostgresStore({ url });
    await store.open();
    other = new pg.Client({ connectionString: url });
    await other.connect();
  });
  afterAll(async () => {
    await other?.end();
    await store?.close();
  });

  it('adds no line to an execution that another node is ending', async () => {
    await store.jobs.enqueue([aJob({ id: 'ending' })], []);
    const take = { projectId: 'default', functionId: 'hello', count: 1, concurrency: 10 };
    const [claimed] = await store.jobs.claim({ nodeId: 'n', now: NOW, takes: [take] });
    await other.query('begin');
    await other.query(`update executions set queue = null, status = 'completed', ended_at = 1 where id = 'ending'`);
    const line = { time: NOW, level: 'info', stream: 'logs', text: 'late' } as const;
    const added = store.jobs.addLines([{ executionId: 'ending', fence: claimed?.job.fence ?? 0, lines: [line] }]);
    await Promise.race([added, wait(500)]);
    await other.query('commit');
    await added;
    await expect(store.executions.lines('ending')).resolves.toEqual([]);
  });

  it('makes ready and lets expire what no other node is at, without waiting', async () => {
    const delayed = { delayed: true, runAt: NOW };
    await store.jobs.enqueue(
      ['due-a', 'due-b'].map((id) => aJob({ id, status: 'scheduled' }, delayed)),
      [],
    );
    await store.jobs.enqueue(
      ['old-a', 'old-b'].map((id) => aJob({ id }, { expiresAt: NOW })),
      [],
    );
    await other.query('begin');
    await other.query(`select 1 from executions where id in ('due-a', 'old-a') for update`);
    const began = performance.now();
    await expect(store.jobs.promote(NOW, 10)).resolves.toBe(1);
    await expect(store.jobs.expire(NOW, 10)).resolves.toBe(1);
    expect(performance.now() - began).toBeLessThan(AT_ONCE_MS);
    await other.query('commit');
    await expect(store.jobs.promote(NOW, 10)).resolves.toBe(1);
    await expect(store.jobs.expire(NOW, 10)).resolves.toBe(1);
  });
});
