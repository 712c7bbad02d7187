/** Statements about events. */
import { sql } from 'kysely';
import type { eventAttributes } from '../../../domain/list-attributes.ts';
import type { ListQuery, Page } from '../../../ports/store.ts';
import type { EventDispatch, EventRow, EventSummary, PendingEvents } from '../../../ports/store/event-store.ts';
import { listPage, type AttributeColumns } from '../list-page.ts';
import { enqueueJobs } from '../queue/enqueue.ts';
import type { Database } from '../schema.ts';
import { eventCodec, summaryCodec, summaryColumns } from './append-events.ts';
import { insertDeliveries } from './deliveries.ts';
import { eventKey } from './event-key.ts';

const attributes: AttributeColumns<typeof eventAttributes> = {
  $id: { value: sql.ref('id') },
  $createdAt: { value: sql.ref('created_at') },
  $updatedAt: { value: sql.ref('updated_at') },
  $sequence: { value: sql.ref('seq') },
  source: { value: sql.ref('source') },
  type: { value: sql.ref('type') },
  subject: { value: sql.ref('subject') },
  origin: { value: sql.ref('origin') },
};

interface EventAt {
  readonly projectId: string;
  readonly source: string;
  readonly id: string;
}

export async function getEvent(db: Database, at: EventAt): Promise<EventRow | null> {
  const raw = await db
    .selectFrom('events')
    .selectAll()
    .where('project_id', '=', at.projectId)
    .where('key', '=', eventKey(at))
    .executeTakeFirst();
  return raw === undefined ? null : eventCodec.decode(raw);
}

export function listEvents(db: Database, at: { projectId: string; query: ListQuery }): Promise<Page<EventSummary>> {
  const scope = [sql`project_id = ${at.projectId}`];
  return listPage(
    db,
    {
      noun: 'Event',
      table: 'events',
      columns: summaryColumns,
      scope,
      attributes,
      insertion: ['created_at', 'seq'],
      decode: summaryCodec.decode,
    },
    at.query,
  );
}

export async function pendingEvents(db: Database, { limit, bytes, except = [] }: PendingEvents): Promise<readonly EventRow[]> {
  const left = except.map((event) => `${event.projectId}/${eventKey(event)}`);
  const others = left.length === 0 ? sql`` : sql`and project_id || '/' || key not in (${sql.join(left)})`;
  const { rows } = await sql<object>`
    with oldest as (select seq, length(data) as bytes from events where dispatched_at is null ${others} order by seq limit ${limit}),
    counted as (select seq, sum(bytes) over (order by seq) - bytes as before from oldest)
    select * from events where seq in (select seq from counted where before < ${bytes}) order by seq`.execute(db);
  return rows.map((raw) => eventCodec.decode(raw));
}

export async function eventDepth(db: Database, { projectId, max }: { projectId: string; max: number }): Promise<number> {
  const { rows } = await sql<{ depth: number }>`select count(*) as depth from
    (select 1 from events where dispatched_at is null and project_id = ${projectId} limit ${max}) as pending`.execute(db);
  return Number(rows[0]?.depth ?? 0);
}

export async function dispatchEvent(db: Database, what: EventDispatch): Promise<boolean> {
  const result = await db
    .updateTable('events')
    .set({ dispatched_at: what.now, updated_at: what.now, started: what.jobs.length })
    .where('project_id', '=', what.projectId)
    .where('key', '=', eventKey(what))
    .where('dispatched_at', 'is', null)
    .executeTakeFirst();
  if (result.numUpdatedRows === 0n) return false;
  await enqueueJobs(db, { batch: what.jobs, decisions: what.decisions });
  await insertDeliveries(db, what.deliveries ?? []);
  return true;
}

export async function deleteEventsBefore(db: Database, { time, limit }: { time: number; limit: number }): Promise<number> {
  const old = db
    .selectFrom('events')
    .select('seq')
    .where('created_at', '<', time)
    .where('dispatched_at', 'is not', null)
    .orderBy('created_at')
    .limit(limit);
  const result = await db.deleteFrom('events').where('seq', 'in', old).executeTakeFirst();
  return Number(result.numDeletedRows);
}
