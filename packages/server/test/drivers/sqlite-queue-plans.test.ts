/** The queue's statements seek: what they cost does not grow with the executions that have ended. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openWriter, type Connection } from '../../src/drivers/sqlite-store/connection.ts';
import { createBatchWriter, encodeBatch } from '../../src/drivers/sqlite-store/execution-batch.ts';
import { claimJobs, readyGroups } from '../../src/drivers/sql/queue/claims.ts';
import { enqueueJobs } from '../../src/drivers/sql/queue/enqueue.ts';
import {
  cancelJob,
  expireJobs,
  jobCancelRequests,
  jobDepth,
  jobsTakenBeside,
  listDeadJobs,
  lostJobs,
  nextDueJob,
  promoteJobs,
} from '../../src/drivers/sql/queue/jobs.ts';
import { settleJobs } from '../../src/drivers/sql/queue/settle-jobs.ts';
import type { Database } from '../../src/drivers/sql/schema.ts';
import { eventDepth, pendingEvents } from '../../src/drivers/sql/triggers/events.ts';
import { deleteSchedulesDoneBefore, dueSchedules, schedulesDueAt } from '../../src/drivers/sql/triggers/schedules.ts';
import { explaining } from '../support/explaining.ts';
import { aJob, aWrite } from '../support/rows.ts';

const folder = mkdtempSync(join(tmpdir(), 'martlet-queue-plans-'));
let connection: Connection;
beforeAll(async () => {
  connection = openWriter(join(folder, 'martlet.db'));
  const ended = Array.from({ length: 2000 }, (_, index) => aWrite({ id: `e${index}`, functionId: `f${index % 3}` }));
  createBatchWriter(connection.raw)(encodeBatch(ended));
  const jobs = Array.from({ length: 20 }, (_, index) => aJob({ id: `j${index}`, functionId: 'f1' }, { delayed: index % 2 === 0 }));
  await enqueueJobs(connection.db, { batch: jobs, decisions: [] });
});
afterAll(() => {
  connection.close();
  rmSync(folder, { recursive: true, force: true });
});

const settled = {
  executionId: 'j1',
  fence: 9,
  execution: aJob({ id: 'j1', functionId: 'f1' }).execution,
  lines: [],
  attempt: { startedAt: 1, endedAt: 2, errorCode: null },
  next: { state: null },
  decisions: [],
} as const;

const statements: readonly [string, (db: Database) => Promise<unknown>][] = [
  ['groups', (db) => readyGroups(db, { limit: 64, after: null })],
  ['claim', (db) => claimJobs(db, { nodeId: 'n', now: 1, takes: [{ projectId: 'default', functionId: 'f1', count: 2, concurrency: 9 }] })],
  ['settle', (db) => settleJobs(db, [settled])],
  ['promote', (db) => promoteJobs(db, { now: 1, limit: 10 })],
  ['expire', (db) => expireJobs(db, { now: 1, limit: 10 })],
  ['nextDue', (db) => nextDueJob(db)],
  ['cancel', (db) => cancelJob(db, { projectId: 'default', executionId: 'none', now: 1 })],
  ['cancelRequests', (db) => jobCancelRequests(db, 'n')],
  ['takenBeside', (db) => jobsTakenBeside(db, { nodeId: 'n', known: ['e1'], limit: 100 })],
  ['lost', (db) => lostJobs(db, 100)],
  ['dead', (db) => listDeadJobs(db, { projectId: 'default', functionId: null, limit: 10 })],
  ['depth', (db) => jobDepth(db, { projectId: 'default', functionId: 'f1', max: 100 })],
  ['due schedules', (db) => schedulesDueAt(db, { now: 1, limit: 10 })],
  ['done schedules', (db) => deleteSchedulesDoneBefore(db, { time: 1, limit: 10 })],
  ['next due schedule', (db) => dueSchedules(db, 10)],
  ['pending events', (db) => pendingEvents(db, { limit: 10, bytes: 10, except: [{ projectId: 'default', source: '/', id: 'e' }] })],
  ['depth of events', (db) => eventDepth(db, { projectId: 'default', max: 10 })],
];

describe('plans of the queue', () => {
  it.each(statements)('%s', async (_name, run) => {
    const plans: string[] = [];
    await run(explaining(connection.raw, plans));
    expect(plans.length).toBeGreaterThan(0);
    // An index that is scanned is a partial one, and holds only what waits.
    const scans = plans
      .join('\n')
      .match(/SCAN (?:executions|candidate|other|schedules|events|execution_\w+)(?! USING (?:COVERING )?INDEX)[^;\n]*/g);
    expect(scans).toBeNull();
  });
});
