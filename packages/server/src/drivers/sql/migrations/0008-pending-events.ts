/** How many events of one project wait, counted among those that wait only. */
import type { Migration } from '../migration.ts';

export const pendingEvents: Migration = {
  number: 8,
  name: 'pending events',
  sql: () => `
create index events_pending_by_project on events (project_id) where dispatched_at is null;
`,
};
