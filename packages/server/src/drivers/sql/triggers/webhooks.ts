/** Statements about webhooks. */
import { sql, type Insertable } from 'kysely';
import type { webhookAttributes } from '../../../domain/list-attributes.ts';
import type { ListQuery, Page } from '../../../ports/store.ts';
import type { WebhookChange, WebhookRow } from '../../../ports/store/webhook-store.ts';
import { listPage, type AttributeColumns } from '../list-page.ts';
import { createRowCodec, flag, json, plain } from '../row-codec.ts';
import type { Database, WebhookTable } from '../schema.ts';
import { StoreFault, violationMeans } from '../store-fault.ts';

const codec = createRowCodec<WebhookRow, Insertable<WebhookTable>>({
  id: plain('id'),
  createdAt: plain('created_at'),
  updatedAt: plain('updated_at'),
  projectId: plain('project_id'),
  name: plain('name'),
  direction: plain('direction'),
  enabled: flag('enabled'),
  url: plain('url'),
  events: json('events'),
  hearsExecutions: flag('hears_executions'),
  verify: json('verify'),
  secrets: plain('secrets'),
  failingSince: plain('failing_since'),
});

const attributes: AttributeColumns<typeof webhookAttributes> = {
  $id: { value: sql.ref('id') },
  $createdAt: { value: sql.ref('created_at') },
  $updatedAt: { value: sql.ref('updated_at') },
  $sequence: { value: sql.ref('seq') },
  name: { value: sql.ref('name') },
  direction: { value: sql.ref('direction') },
  enabled: { value: sql.ref('enabled') },
  url: { value: sql.ref('url') },
};

interface WebhookAt {
  readonly projectId: string;
  readonly id: string;
}

export async function insertWebhook(db: Database, row: WebhookRow): Promise<void> {
  await db
    .insertInto('webhooks')
    .values(codec.encode(row))
    .execute()
    .catch(violationMeans({ unique: new StoreFault('webhook_already_exists', `A webhook with the id "${row.id}" exists already.`) }));
}

export async function getWebhook(db: Database, at: WebhookAt): Promise<WebhookRow | null> {
  const raw = await db.selectFrom('webhooks').selectAll().where('project_id', '=', at.projectId).where('id', '=', at.id).executeTakeFirst();
  return raw === undefined ? null : codec.decode(raw);
}

export function listWebhooks(db: Database, at: { projectId: string; query: ListQuery }): Promise<Page<WebhookRow>> {
  const scope = [sql`project_id = ${at.projectId}`];
  return listPage(db, { noun: 'Webhook', table: 'webhooks', scope, attributes, insertion: ['seq'], decode: codec.decode }, at.query);
}

export async function updateWebhook(db: Database, at: WebhookAt & { change: WebhookChange }): Promise<WebhookRow | null> {
  const cells = codec.encodeChange(at.change);
  if (Object.keys(cells).length === 0) return getWebhook(db, at);
  const raw = await db
    .updateTable('webhooks')
    .set(cells)
    .where('project_id', '=', at.projectId)
    .where('id', '=', at.id)
    .returningAll()
    .executeTakeFirst();
  return raw === undefined ? null : codec.decode(raw);
}

export async function deleteWebhook(db: Database, at: WebhookAt): Promise<boolean> {
  const result = await db.deleteFrom('webhooks').where('project_id', '=', at.projectId).where('id', '=', at.id).executeTakeFirst();
  return result.numDeletedRows > 0n;
}

/** Flags and direction are written out, so that the index of those that send is used. */
const sends = sql<boolean>`direction = 'out' and enabled = 1`;

export async function sendingWebhooks(db: Database, projectId: string): Promise<readonly WebhookRow[]> {
  const raws = await db.selectFrom('webhooks').selectAll().where('project_id', '=', projectId).where(sends).orderBy('seq').execute();
  return raws.map((raw) => codec.decode(raw));
}

export async function projectsHearingExecutions(db: Database): Promise<readonly string[]> {
  const raws = await db.selectFrom('webhooks').select('project_id').distinct().where(sends).where('hears_executions', '=', 1).execute();
  return raws.map((raw) => raw.project_id);
}
