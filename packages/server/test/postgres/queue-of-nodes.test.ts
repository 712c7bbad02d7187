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
});
