/** One index fewer for each execution to be in. */
import type { Migration } from '../migration.ts';

/** Only retention read it, six times an hour; it finds what is old in the index of the project. */
export const leanExecutions: Migration = {
  number: 5,
  name: 'lean executions',
  sql: () => `drop index executions_by_end;`,
};
