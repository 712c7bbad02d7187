/** A job whose request is gone, by damage or by a hand in the database. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { openWriter } from '../../src/drivers/sqlite-store/connection.ts';
import { claimJobs } from '../../src/drivers/sql/queue/claims.ts';
import { enqueueJobs } from '../../src/drivers/sql/queue/enqueue.ts';
import { aJob } from '../support/rows.ts';

const folder = mkdtempSync(join(tmpdir(), 'martlet-lost-request-'));
const connection = openWriter(join(folder, 'martlet.db'));
afterAll(() => {
  connection.close();
  rmSync(folder, { recursive: true, force: true });
});

it('ends, and keeps nobody else from being claimed', async () => {
  await enqueueJobs(connection.db, { batch: [aJob({ id: 'broken' }), aJob({ id: 'whole' })], decisions: [] });
  await connection.db.deleteFrom('execution_requests').where('execution_id', '=', 'broken').execute();
  const takes = [{ projectId: 'default', functionId: 'hello', count: 9, concurrency: 9 }];
  const claimed = await claimJobs(connection.db, { nodeId: 'n', now: 5, takes });
  expect(claimed.map(({ job }) => job.executionId)).toEqual(['whole']);
  const broken = await connection.db.selectFrom('executions').selectAll().where('id', '=', 'broken').executeTakeFirst();
  expect(broken).toMatchObject({ queue: null, status: 'failed', error_code: 'general_server_error', ended_at: 5, node_id: null });
  const [line] = await connection.db.selectFrom('decisions').selectAll().where('subject_id', '=', 'broken').execute();
  expect(line).toMatchObject({ code: 'request_lost' });
});
