/** Waiting deliveries by their webhook, so that what waits for one receiver is in nobody's way; and since when a webhook fails. */
import type { Migration } from '../migration.ts';

export const webhooks: Migration = {
  number: 6,
  name: 'webhooks',
  sql: ({ int, real, ownerKey }) => `
alter table webhooks add column failing_since ${real};

alter table webhook_deliveries add column webhook_key ${int} not null default 0;
update webhook_deliveries set webhook_key = ${ownerKey('project_id', 'webhook_id')};
drop index webhook_deliveries_due;
create index webhook_deliveries_waiting on webhook_deliveries (webhook_key, next_at) where next_at is not null;
`,
};
