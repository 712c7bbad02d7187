/** How jobs come in. */
import { sql } from 'kysely';
import type { NewDecision } from '../../../ports/store/decision-store.ts';
import type { Enqueued, NewJob } from '../../../ports/store/job-store.ts';
import { appendDecisions } from './decisions.ts';
import { encodeJob, jobColumns } from './job-rows.ts';
import { appendEvents } from '../triggers/append-events.ts';
import { ownerKey } from '../owner-key.ts';
import type { Database } from '../schema.ts';

/** Rows of one statement: 27 values each, and SQLite binds 32,766. */
const ROWS_AT_ONCE = 500;

export async function enqueueJobs(
  db: Database,
  { batch, decisions }: { batch: readonly NewJob[]; decisions: readonly NewDecision[] },
): Promise<readonly Enqueued[]> {
  const answers: Enqueued[] = [];
  const fresh: NewJob[] = [];
  for (const job of batch) {
    const known = job.idempotency === null ? undefined : await remember(db, job, job.idempotency);
    answers.push(known ?? { kind: 'enqueued' });
    if (known === undefined) fresh.push(job);
  }
  for (let at = 0; at < fresh.length; at += ROWS_AT_ONCE) await insertJobs(db, fresh.slice(at, at + ROWS_AT_ONCE));
  await appendEvents(
    db,
    fresh.flatMap(({ told = [] }) => told),
  );
  const added = new Set(fresh.map((job) => job.execution.id));
  await appendDecisions(
    db,
    decisions.filter((decision) => decision.subject !== 'execution' || added.has(decision.subjectId)),
  );
  return answers;
}

async function insertJobs(db: Database, jobs: readonly NewJob[]): Promise<void> {
  const columns = sql.join(jobColumns.map((column) => sql.ref(column)));
  const tuples = jobs.map((job) => sql`(${sql.join(encodeJob(job))})`);
  await sql`insert into executions (${columns}) values ${sql.join(tuples)}`.execute(db);
  await db
    .insertInto('execution_requests')
    .values(jobs.map((job) => ({ execution_id: job.execution.id, request: JSON.stringify(job.request), body: job.body })))
    .execute();
}

/** @returns the execution that has this key already */
async function remember(
  db: Database,
  { execution }: NewJob,
  { key, hash }: NonNullable<NewJob['idempotency']>,
): Promise<Extract<Enqueued, { kind: 'known' }> | undefined> {
  // Two functions may share the number, so the ids are part of the key.
  const row = {
    function_key: ownerKey(execution.projectId, execution.functionId),
    key: `${execution.projectId}/${execution.functionId}/${key}`,
  };
  const inserted = await db
    .insertInto('idempotency_keys')
    .values({ ...row, hash, execution_id: execution.id })
    .onConflict((conflict) => conflict.doNothing())
    .returning('execution_id')
    .executeTakeFirst();
  if (inserted !== undefined) return undefined;
  const known = await db
    .selectFrom('idempotency_keys')
    .select(['execution_id', 'hash'])
    .where('function_key', '=', row.function_key)
    .where('key', '=', row.key)
    .executeTakeFirstOrThrow();
  return { kind: 'known', executionId: known.execution_id, sameRequest: known.hash === hash };
}
