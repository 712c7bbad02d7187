/** Schedules that run once and have: what retention looks for. */
import type { Migration } from '../migration.ts';

export const doneSchedules: Migration = {
  number: 7,
  name: 'done schedules',
  sql: () => `
create index schedules_done on schedules (cursor_at) where at is not null and next_due is null and enabled = 1;
`,
};
