/** How jobs come in. */
import { sql } from 'kysely';
import type { NewDecision } from '../../../ports/store/decision-store.ts';
import type { Enqueued, NewJob } from '../../../ports/store/job-store.ts';
import { appendDecisions } from './decisions.ts';
import { encodeJob, jobColumns, typesOf } from './job-rows.ts';
import { appendEvents } from '../triggers/append-events.ts';
import { ownerKey } from '../owner-key.ts';
import type { Database } from '../schema.ts';
import { arrayTable, inPieces, isPostgres, valuesTable } from '../values-table.ts';

const KEYS_AT_ONCE = 2000;
const jobTypes = typesOf(jobColumns);
const requestTypes = { execution_id: 'text', request: 'text', body: 'bytea' } as const;
const keyTypes = { function_key: 'bigint', key: 'text', hash: 'text', execution_id: 'text' } as const;

type Known = Extract<Enqueued, { kind: 'known' }>;

export async function enqueueJobs(
  db: Database,
  { batch, decisions }: { batch: readonly NewJob[]; decisions: readonly NewDecision[] },
): Promise<readonly Enqueued[]> {
  const known = await rememberKeys(db, batch);
  const fresh = batch.filter((job) => !known.has(job));
  for (const piece of jobsInPieces(fresh)) await insertJobs(db, piece);
  await appendEvents(
    db,
    fresh.flatMap(({ told = [] }) => told),
  );
  const added = new Set(fresh.map((job) => job.execution.id));
  await appendDecisions(
    db,
    decisions.filter((decision) => decision.subject !== 'execution' || added.has(decision.subjectId)),
  );
  return batch.map((job) => known.get(job) ?? { kind: 'enqueued' });
}

/** What one statement takes of a batch. */
export const jobsInPieces = (batch: readonly NewJob[]): NewJob[][] => inPieces(batch, ({ body }) => body.length);

async function insertJobs(db: Database, jobs: readonly NewJob[]): Promise<void> {
  const columns = sql.join(jobColumns.map((column) => sql.ref(column)));
  const requests = jobs.map((job) => ({ execution_id: job.execution.id, request: JSON.stringify(job.request), body: job.body }));
  if (isPostgres(db)) {
    // One statement: alone in its transaction it needs no other round trip.
    const cells = requests.map(({ execution_id, request, body }) => [execution_id, request, body]);
    await sql`with stored as (insert into executions (${columns}) select * from ${arrayTable(jobTypes, jobs.map(encodeJob))})
      insert into execution_requests (execution_id, request, body) select * from ${arrayTable(requestTypes, cells)}`.execute(db);
    return;
  }
  const tuples = jobs.map((job) => sql`(${sql.join(encodeJob(job))})`);
  await sql`insert into executions (${columns}) values ${sql.join(tuples)}`.execute(db);
  await db.insertInto('execution_requests').values(requests).execute();
}

interface Keyed {
  readonly job: NewJob;
  readonly hash: string;
  readonly row: readonly [functionKey: number, key: string, hash: string, executionId: string];
}

/** @returns the jobs whose key an execution has already, one of the same batch included */
async function rememberKeys(db: Database, batch: readonly NewJob[]): Promise<ReadonlyMap<NewJob, Known>> {
  const keyed = batch.flatMap((job) => (job.idempotency === null ? [] : [keyedOf(job, job.idempotency)]));
  const known = new Map<NewJob, Known>();
  for (let at = 0; at < keyed.length; at += KEYS_AT_ONCE) {
    for (const [job, answer] of await rememberSome(db, keyed.slice(at, at + KEYS_AT_ONCE))) known.set(job, answer);
  }
  return known;
}

function keyedOf(job: NewJob, { key, hash }: NonNullable<NewJob['idempotency']>): Keyed {
  const { projectId, functionId, id } = job.execution;
  // Two functions may share the number, so the ids are part of the key.
  return { job, hash, row: [ownerKey(projectId, functionId), `${projectId}/${functionId}/${key}`, hash, id] };
}

async function rememberSome(db: Database, keyed: readonly Keyed[]): Promise<readonly (readonly [NewJob, Known])[]> {
  // In one order for everybody, so that two servers with the same keys do not wait for each other.
  const rows = keyed.map(({ row }) => row).toSorted((a, b) => (a[1] < b[1] ? -1 : a[1] > b[1] ? 1 : 0));
  const { rows: inserted } = await sql<{ execution_id: string }>`with ${valuesTable(db, 'given', { types: keyTypes, rows })}
    insert into idempotency_keys (function_key, key, hash, execution_id) select * from given where true
    on conflict do nothing returning execution_id`.execute(db);
  const fresh = new Set(inserted.map((row) => row.execution_id));
  const others = keyed.filter(({ row }) => !fresh.has(row[3]));
  if (others.length === 0) return [];
  const { rows: found } = await sql<{ key: string; execution_id: string; hash: string }>`
    with ${valuesTable(db, 'given', { types: keyTypes, rows: others.map(({ row }) => row) })}
    select idempotency_keys.key as key, idempotency_keys.execution_id as execution_id, idempotency_keys.hash as hash from idempotency_keys
    join given on idempotency_keys.function_key = given.function_key and idempotency_keys.key = given.key`.execute(db);
  const byKey = new Map(found.map((row) => [row.key, row]));
  return others.map(({ job, hash, row }) => {
    const owner = byKey.get(row[1]);
    if (owner === undefined) throw new Error('An idempotency key is taken and cannot be found.');
    return [job, { kind: 'known', executionId: owner.execution_id, sameRequest: owner.hash === hash }] as const;
  });
}
