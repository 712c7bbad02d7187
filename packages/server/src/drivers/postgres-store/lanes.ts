/** Which writes wait for each other. Those of one noun do, so that its reads by key see them; the queue's main ways do not. */
import type { InputOf, OperationName } from '../sql/operations.ts';
import { ROWS_AT_ONCE } from '../sql/queue/enqueue.ts';

/**
 * Coming in, being taken and ending are of different executions, and each is asked for by one caller, one batch after the
 * other: in one lane every batch would wait for two commits of others.
 */
const APART: ReadonlySet<OperationName> = new Set(['jobs.enqueue', 'jobs.claim']);

/** What the dispatcher looks at to see whether there is work: the claim decides, and it is awake after the commit that matters. */
const GLANCES: ReadonlySet<OperationName> = new Set(['jobs.groups', 'jobs.nextDue', 'jobs.depth', 'jobs.cancelRequests']);

export const laneName = (name: OperationName): string => (APART.has(name) ? name : nounOf(name));

/** Names of the lanes whose writes a read by key must see. */
export function lanesBefore(name: OperationName): readonly string[] {
  if (GLANCES.has(name)) return [];
  return [nounOf(name), ...[...APART].filter((apart) => nounOf(apart) === nounOf(name))];
}

/** Whether it comes down to one statement, which is a transaction by itself. */
export function isOneStatement(name: OperationName, input: unknown): boolean {
  if (name === 'deliveries.claimDue') return true;
  if (name === 'jobs.settle')
    return (input as InputOf<'jobs.settle'>).every(({ decisions, told = [] }) => decisions.length + told.length === 0);
  if (name !== 'jobs.enqueue') return false;
  const { batch, decisions } = input as InputOf<'jobs.enqueue'>;
  return (
    decisions.length === 0 &&
    batch.length <= ROWS_AT_ONCE &&
    batch.every(({ idempotency, told = [] }) => idempotency === null && told.length === 0)
  );
}

function nounOf(name: string): string {
  return name.slice(0, name.indexOf('.'));
}
