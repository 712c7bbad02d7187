/** Statements about deliveries of webhooks. The attempt is the fence of every write. */
import { sql, type Insertable } from 'kysely';
import type { deliveryAttributes } from '../../../domain/list-attributes.ts';
import type { ListQuery, Page } from '../../../ports/store.ts';
import type { DeliveryEnd, DeliveryRow } from '../../../ports/store/webhook-store.ts';
import { listPage, type AttributeColumns } from '../list-page.ts';
import { createRowCodec, plain } from '../row-codec.ts';
import type { Database, WebhookDeliveryTable } from '../schema.ts';

const codec = createRowCodec<DeliveryRow, Insertable<WebhookDeliveryTable>>({
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

/** Of webhooks that were deleted a moment ago nothing is stored: their events are dispatched all the same. */
export async function insertDeliveries(db: Database, rows: readonly DeliveryRow[]): Promise<void> {
  for (const row of rows) {
    const webhook = await db
      .selectFrom('webhooks')
      .select('id')
      .where('project_id', '=', row.projectId)
      .where('id', '=', row.webhookId)
      .executeTakeFirst();
    if (webhook !== undefined) await db.insertInto('webhook_deliveries').values(codec.encode(row)).execute();
  }
}

export async function getDelivery(db: Database, at: DeliveryAt): Promise<DeliveryRow | null> {
  const raw = await db
    .selectFrom('webhook_deliveries')
    .selectAll()
    .where('id', '=', at.id)
    .where('project_id', '=', at.projectId)
    .where('webhook_id', '=', at.webhookId)
    .executeTakeFirst();
  return raw === undefined ? null : codec.decode(raw);
}

export function listDeliveries(db: Database, at: WebhookAt & { query: ListQuery }): Promise<Page<DeliveryRow>> {
  const scope = [sql`project_id = ${at.projectId}`, sql`webhook_id = ${at.webhookId}`];
  return listPage(
    db,
    { noun: 'Delivery', table: 'webhook_deliveries', scope, attributes, insertion: ['created_at', 'seq'], decode: codec.decode },
    at.query,
  );
}

export async function dueDeliveries(
  db: Database,
  { now, limit, except }: { now: number; limit: number; except: readonly string[] },
): Promise<readonly DeliveryRow[]> {
  let query = db
    .selectFrom('webhook_deliveries')
    .selectAll()
    .where(sql<boolean>`next_at is not null`)
    .where('next_at', '<=', now);
  if (except.length > 0) query = query.where(sql<string>`project_id || '/' || webhook_id`, 'not in', except);
  const raws = await query.orderBy('next_at').limit(limit).execute();
  return raws.map((raw) => codec.decode(raw));
}

export async function claimDeliveries(
  db: Database,
  { rows, now, until }: { rows: readonly Pick<DeliveryRow, 'id' | 'attempt'>[]; now: number; until: number },
): Promise<readonly DeliveryRow[]> {
  const claimed: DeliveryRow[] = [];
  for (const { id, attempt } of rows) {
    const raw = await db
      .updateTable('webhook_deliveries')
      .set((column) => ({ attempt: attempt + 1, tries: column('tries', '+', 1), next_at: until, updated_at: now }))
      .where('id', '=', id)
      .where('attempt', '=', attempt)
      .where('next_at', '<=', now)
      .returningAll()
      .executeTakeFirst();
    if (raw !== undefined) claimed.push(codec.decode(raw));
  }
  return claimed;
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

export async function redeliver(db: Database, at: DeliveryAt & { now: number }): Promise<DeliveryRow | null> {
  const raw = await db
    .updateTable('webhook_deliveries')
    .set({ status: 'waiting', tries: 0, next_at: at.now, ended_at: null, updated_at: at.now })
    .where('id', '=', at.id)
    .where('project_id', '=', at.projectId)
    .where('webhook_id', '=', at.webhookId)
    .returningAll()
    .executeTakeFirst();
  return raw === undefined ? null : codec.decode(raw);
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
