/** What looking for deliveries costs does not grow with those that wait for a receiver that does not answer. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ownerKey } from '../../src/drivers/sql/owner-key.ts';
import type { Database } from '../../src/drivers/sql/schema.ts';
import { claimDueDeliveries } from '../../src/drivers/sql/triggers/claim-deliveries.ts';
import { insertDeliveries } from '../../src/drivers/sql/triggers/deliveries.ts';
import { insertWebhook } from '../../src/drivers/sql/triggers/webhooks.ts';
import { openWriter, type Connection } from '../../src/drivers/sqlite-store/connection.ts';
import { explaining } from '../support/explaining.ts';
import { aDelivery, aWebhook } from '../support/rows.ts';

const BACKLOG = 50_000;
const folder = mkdtempSync(join(tmpdir(), 'martlet-delivery-plans-'));
let connection: Connection;
beforeAll(async () => {
  connection = openWriter(join(folder, 'martlet.db'));
  for (const id of ['dead', 'well']) await insertWebhook(connection.db, aWebhook({ id }));
  await insertDeliveries(connection.db, [aDelivery({ id: 'first', webhookId: 'dead' })]);
});
afterAll(() => {
  connection.close();
  rmSync(folder, { recursive: true, force: true });
});

const claim = (db: Database) =>
  claimDueDeliveries(db, {
    now: Date.UTC(2030, 0, 1),
    until: Date.UTC(2030, 0, 2),
    limit: 256,
    perWebhook: 4,
    running: [{ projectId: 'default', webhookId: 'dead', count: 4 }],
  });

async function quickestMs(): Promise<number> {
  let quickest = Infinity;
  for (let run = 0; run < 30; run += 1) {
    const begun = performance.now();
    await expect(claim(connection.db)).resolves.toEqual([]);
    quickest = Math.min(quickest, performance.now() - begun);
  }
  return quickest;
}

it('of them none is read while there is no room for it', async () => {
  const few = await quickestMs();
  const columns =
    'created_at, updated_at, project_id, webhook_id, webhook_key, event_id, event_source, event_type, status, attempt, tries, next_at, response_status, error';
  connection.raw
    .prepare(
      `insert into webhook_deliveries (id, ${columns})
       with recursive counted(n) as (select 1 union all select n + 1 from counted where n < ?)
       select 'more ' || n, ${columns} from counted, webhook_deliveries where webhook_key = ?`,
    )
    .run(BACKLOG, ownerKey('default', 'dead'));
  expect(await quickestMs()).toBeLessThan(few * 10);
});

it.each<[string, (db: Database) => Promise<unknown>]>([
  ['the claim', claim],
  ['the insertion', (db) => insertDeliveries(db, [aDelivery({ id: 'new', webhookId: 'well' })])],
])('%s seeks', async (_name, run) => {
  const plans: string[] = [];
  await run(explaining(connection.raw, plans));
  expect(plans.length).toBeGreaterThan(0);
  expect(plans.join('\n').match(/SCAN (?:webhook_deliveries|longest|other|webhooks)[^;\n]*/g)).toBeNull();
});
