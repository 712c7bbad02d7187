/** Statements about deliveries of webhooks. The attempt is the fence of every write. */
import { sql, type Insertable, type RawBuilder } from 'kysely';
import type { deliveryAttributes } from '../../../domain/list-attributes.ts';
import type { ListQuery, Page } from '../../../ports/store.ts';
import { TOO_MANY_WAIT, WAITING_MAX, type DeliveryEnd, type DeliveryRow } from '../../../ports/store/webhook-store.ts';
import { listPage, type AttributeColumns } from '../list-page.ts';
import { ownerKey } from '../owner-key.ts';
import { createRowCodec, plain, type Cell } from '../row-codec.ts';
import type { Database, WebhookDeliveryTable } from '../schema.ts';
import { valuesTable } from '../values-table.ts';

export const deliveryCodec = createRowCodec<DeliveryRow, Omit<Insertable<WebhookDeliveryTable>, 'webhook_key'>>({
  id: plain('id'),
  createdAt: plain('created_at'),
  updatedAt: plain('updated_at'),
  projectId: plain('project_id'),
  webhookId: plain('webhook_id'),
  eventId: plain('event_id'),
  eventSource: plain('event_source'),
  eventType: plain('event_type'),
  status: plain('status'),
  attempt: plain('attempt'),
  tries: plain('tries'),
  nextAt: plain('next_at'),
  responseStatus: plain('response_status'),
  error: plain('error'),
  endedAt: plain('ended_at'),
});

const attributes: AttributeColumns<typeof deliveryAttributes> = {
  $id: { value: sql.ref('id') },
  $createdAt: { value: sql.ref('created_at') },
  $updatedAt: { value: sql.ref('updated_at') },
  $sequence: { value: sql.ref('seq') },
  eventId: { value: sql.ref('event_id') },
  eventType: { value: sql.ref('event_type') },
  status: { value: sql.ref('status') },
  responseStatusCode: { value: sql.ref('response_status') },
};

interface WebhookAt {
  readonly projectId: string;
  readonly webhookId: string;
}
type DeliveryAt = WebhookAt & { readonly id: string };

/** Rows of one statement: 16 values each, and SQLite binds 32,766. */
const ROWS_AT_ONCE = 500;
const types = {
  place: 'bigint',
  id: 'text',
  created_at: 'double precision',
  updated_at: 'double precision',
  project_id: 'text',
  webhook_id: 'text',
  webhook_key: 'bigint',
  event_id: 'text',
  event_source: 'text',
  event_type: 'text',
  status: 'text',
  attempt: 'bigint',
  tries: 'bigint',
  next_at: 'double precision',
  response_status: 'bigint',
  error: 'text',
  ended_at: 'double precision',
} as const;

/** Of webhooks that were deleted a moment ago nothing is stored: their events are dispatched all the same. */
export async function insertDeliveries(db: Database, rows: readonly DeliveryRow[]): Promise<void> {
  for (let at = 0; at < rows.length; at += ROWS_AT_ONCE) await insertSome(db, rows.slice(at, at + ROWS_AT_ONCE));
}

async function insertSome(db: Database, rows: readonly DeliveryRow[]): Promise<void> {
  const cells = rows.map((row, place) => {
    const raw: Readonly<Record<string, Cell | undefined>> = {
      ...deliveryCodec.encode(row),
      place,
      webhook_key: ownerKey(row.projectId, row.webhookId),
    };
    return Object.keys(types).map((column) => raw[column] ?? null);
  });
  const columns = Object.keys(types).filter((column) => column !== 'place');
  const beyond: Readonly<Record<string, RawBuilder<unknown>>> = {
    status: sql`'failed'`,
    next_at: sql`null`,
    ended_at: sql`created_at`,
    error: sql`cast(${TOO_MANY_WAIT} as text)`,
  };
  const values = columns.map((column) => {
    const own = sql.ref(column);
    return beyond[column] === undefined
      ? own
      : sql`case when next_at is not null and number > ${sql.lit(WAITING_MAX)} then ${beyond[column]} else ${own} end`;
  });
  const waiting = sql`(select count(*) from (select 1 from webhook_deliveries as other
    where other.webhook_key = given.webhook_key and other.next_at is not null limit ${sql.lit(WAITING_MAX)}) as counted)`;
  await sql`
    with ${valuesTable(db, 'given', { types, rows: cells })},
    numbered as (
      select given.*, ${waiting} + row_number() over (partition by given.webhook_key order by given.place) as number from given
      join webhooks on webhooks.project_id = given.project_id and webhooks.id = given.webhook_id
    )
    insert into webhook_deliveries (${sql.join(columns.map((column) => sql.ref(column)))})
    select ${sql.join(values)} from numbered order by place`.execute(db);
}

export async function getDelivery(db: Database, at: DeliveryAt): Promise<DeliveryRow | null> {
  const raw = await db
    .selectFrom('webhook_deliveries')
    .selectAll()
    .where('id', '=', at.id)
    .where('project_id', '=', at.projectId)
    .where('webhook_id', '=', at.webhookId)
    .executeTakeFirst();
  return raw === undefined ? null : deliveryCodec.decode(raw);
}

export function listDeliveries(db: Database, at: WebhookAt & { query: ListQuery }): Promise<Page<DeliveryRow>> {
  const scope = [sql`project_id = ${at.projectId}`, sql`webhook_id = ${at.webhookId}`];
  return listPage(
    db,
    { noun: 'Delivery', table: 'webhook_deliveries', scope, attributes, insertion: ['created_at', 'seq'], decode: deliveryCodec.decode },
    at.query,
  );
}

export async function settleDeliveries(db: Database, ends: readonly DeliveryEnd[]): Promise<readonly boolean[]> {
  const answers: boolean[] = [];
  for (const { id, attempt, now, ...end } of ends) {
    const result = await db
      .updateTable('webhook_deliveries')
      .set({
        status: end.status,
        next_at: end.nextAt,
        response_status: end.responseStatus,
        error: end.error,
        ended_at: end.endedAt,
        updated_at: now,
      })
      .where('id', '=', id)
      .where('attempt', '=', attempt)
      .where('status', '=', 'waiting')
      .executeTakeFirst();
    answers.push(result.numUpdatedRows > 0n);
  }
  return answers;
}

export async function releaseDelivery(db: Database, { id, attempt, now }: { id: string; attempt: number; now: number }): Promise<void> {
  await db
    .updateTable('webhook_deliveries')
    .set((column) => ({ tries: column('tries', '-', 1), next_at: now, updated_at: now }))
    .where('id', '=', id)
    .where('attempt', '=', attempt)
    .where('status', '=', 'waiting')
    .execute();
}

export async function redeliver(db: Database, at: DeliveryAt & { now: number }): Promise<DeliveryRow | null> {
  const raw = await db
    .updateTable('webhook_deliveries')
    .set({ status: 'waiting', tries: 0, next_at: at.now, ended_at: null, updated_at: at.now })
    .where('id', '=', at.id)
    .where('project_id', '=', at.projectId)
    .where('webhook_id', '=', at.webhookId)
    .returningAll()
    .executeTakeFirst();
  return raw === undefined ? null : deliveryCodec.decode(raw);
}

export async function deleteDeliveriesBefore(db: Database, { time, limit }: { time: number; limit: number }): Promise<number> {
  const old = db
    .selectFrom('webhook_deliveries')
    .select('seq')
    .where(sql<boolean>`ended_at is not null`)
    .where('ended_at', '<', time)
    .orderBy('ended_at')
    .limit(limit);
  const result = await db.deleteFrom('webhook_deliveries').where('seq', 'in', old).executeTakeFirst();
  return Number(result.numDeletedRows);
}

/** @returns how many, at most `limit` */
export async function deleteDeliveriesOf(db: Database, at: WebhookAt & { limit: number }): Promise<number> {
  const some = db
    .selectFrom('webhook_deliveries')
    .select('seq')
    .where('project_id', '=', at.projectId)
    .where('webhook_id', '=', at.webhookId)
    .limit(at.limit);
  const result = await db.deleteFrom('webhook_deliveries').where('seq', 'in', some).executeTakeFirst();
  return Number(result.numDeletedRows);
}
