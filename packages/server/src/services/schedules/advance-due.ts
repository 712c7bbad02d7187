/** Decides on the schedules that are due. */
import type { Ids } from '../../ports/system/ids.ts';
import type { Store } from '../../ports/store.ts';
import type { ScheduleRow } from '../../ports/store/schedule-store.ts';
import type { Enqueue } from '../queue/enqueue.ts';
import { decideTicks } from './decide-ticks.ts';

/** That there may be more, or how long until the next one is due; null where there is none. */
export type Found = 'more' | { readonly dueInMs: number | null };

export interface AdvanceDueOptions {
  readonly store: Store;
  readonly ids: Ids;
  readonly enqueue: Enqueue;
  /** Origin of the URL that functions see. */
  readonly origin: string;
}

const DUE_MAX = 200;
/** Another server, or a change, was faster with all of them: it is about to be done. */
const FASTER_MS = 100;

export function createAdvanceDue({ store, ids, enqueue, origin }: AdvanceDueOptions): () => Promise<Found> {
  return async function advanceDue() {
    const { now, rows, next } = await store.schedules.due(DUE_MAX);
    if (rows.length === 0) return { dueInMs: next === null ? null : next - now };
    const functionOf = await functionsOf(rows);
    const batch = rows.map((row) => decideTicks(row, { now, fn: functionOf(row), origin, newId: () => ids.next() }));
    const moved = await store.schedules.advance(batch);
    if (batch.some(({ jobs }, at) => moved[at] === true && jobs.length > 0)) enqueue.announce();
    return moved.includes(true) ? 'more' : { dueInMs: FASTER_MS };
  };

  /** Those of the schedules, each asked for once. */
  async function functionsOf(rows: readonly ScheduleRow[]) {
    const keyOf = ({ projectId, functionId }: ScheduleRow) => `${projectId}\n${functionId}`;
    const distinct = new Map(rows.map((row) => [keyOf(row), row]));
    const found = await Promise.all(
      Array.from(distinct, async ([key, row]) => [key, await store.functions.get(row.projectId, row.functionId)] as const),
    );
    const functions = new Map(found);
    return (row: ScheduleRow) => functions.get(keyOf(row)) ?? null;
  }
}
