/** How attempts of deliveries begin. */
import { sql, type RawBuilder } from 'kysely';
import { DISABLED_WAIT_MS, type DeliveryClaim, type DeliveryRow } from '../../../ports/store/webhook-store.ts';
import { ownerKey } from '../owner-key.ts';
import type { Database } from '../schema.ts';
import { isPostgres, valuesTable } from '../values-table.ts';
import { deliveryCodec } from './deliveries.ts';

export async function claimDueDeliveries(db: Database, claim: DeliveryClaim): Promise<readonly DeliveryRow[]> {
  const raws = isPostgres(db) ? await claimAtOnce(db, claim) : await claimInTurn(db, claim);
  return raws.map((raw) => deliveryCodec.decode(raw));
}

const nextKey = (after: RawBuilder<unknown>) =>
  sql`select min(webhook_key) from webhook_deliveries where next_at is not null and webhook_key > ${after}`;

/**
 * Webhooks of which something is due, and how many of it may be under way. Each is found by a few seeks, however many
 * deliveries wait for the ones before it: those of a receiver that does not answer are never read to be passed over.
 */
const openTables = ({ now, perWebhook }: DeliveryClaim) => sql`
  found(key) as (
    select (${nextKey(sql`cast(-1 as bigint)`)})
    union all
    select (${nextKey(sql`found.key`)}) from found where found.key is not null
  ),
  open(key, due, room) as (
    select found.key, longest.next_at,
      case when webhooks.enabled = 0 and webhooks.updated_at > ${now - DISABLED_WAIT_MS} then 0
        when webhooks.failing_since is not null then 1
        else ${sql.lit(perWebhook)} end
    from found
    join webhook_deliveries as longest on longest.seq = (
      select seq from webhook_deliveries where webhook_key = found.key and next_at is not null order by next_at limit 1)
    join webhooks on webhooks.project_id = longest.project_id and webhooks.id = longest.webhook_id
    where longest.next_at <= ${now}
  )`;

const begun = ({ now, until }: DeliveryClaim) => sql`attempt = attempt + 1, tries = tries + 1, next_at = ${until}, updated_at = ${now}`;

const runningTypes = { key: 'bigint', count: 'bigint' } as const;
const runningCells = ({ running }: DeliveryClaim): [key: number, count: number][] =>
  running.map(({ projectId, webhookId, count }) => [ownerKey(projectId, webhookId), count]);

/** PostgreSQL. What another node takes in the same moment is passed over. */
async function claimAtOnce(db: Database, claim: DeliveryClaim): Promise<readonly object[]> {
  const { rows } = await sql<object>`
    with recursive ${valuesTable(db, 'running', { types: runningTypes, rows: runningCells(claim) })}, ${openTables(claim)},
    chosen as materialized (
      select picked.seq from open left join running on running.key = open.key cross join lateral (
        select seq, next_at from webhook_deliveries
        where webhook_key = open.key and next_at is not null and next_at <= ${claim.now}
        order by next_at, seq
        limit greatest(0, open.room - coalesce(running.count, 0))
        for update skip locked
      ) as picked
      order by picked.next_at, picked.seq limit ${claim.limit}
    )
    update webhook_deliveries set ${begun(claim)} where seq in (select seq from chosen) returning *`.execute(db);
  return rows;
}

/** SQLite, which cannot join what depends on another row: webhook by webhook, the one whose delivery waits longest first. */
async function claimInTurn(db: Database, claim: DeliveryClaim): Promise<readonly object[]> {
  const under = new Map(runningCells(claim));
  const { rows: open } = await sql<{ key: number; room: number }>`
    with recursive ${openTables(claim)} select key, room from open order by due`.execute(db);
  const claimed: object[] = [];
  for (const { key, room } of open) {
    const count = Math.min(room - (under.get(key) ?? 0), claim.limit - claimed.length);
    if (count <= 0) continue;
    const { rows } = await sql<object>`
      update webhook_deliveries set ${begun(claim)} where seq in (
        select seq from webhook_deliveries where webhook_key = ${key} and next_at is not null and next_at <= ${claim.now}
        order by next_at, seq limit ${count}
      ) returning *`.execute(db);
    claimed.push(...rows);
  }
  return claimed;
}
