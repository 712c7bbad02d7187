/** Decides on the schedules that are due. One on which nothing can be decided, or written, stops no other. */
import { isPlatformError } from '@martlet/protocol';
import type { Ids } from '../../ports/system/ids.ts';
import type { FunctionRow, Store } from '../../ports/store.ts';
import type { ScheduleAdvance, ScheduleRow } from '../../ports/store/schedule-store.ts';
import type { Log } from '../../ports/system/log.ts';
import type { Enqueue } from '../queue/enqueue.ts';
import { BYTES_AT_ONCE, decideTicks, parkTicks, requestBytes } from './decide-ticks.ts';

/** That there may be more, or how long until the next one is due; null where there is none. */
export type Found = 'more' | { readonly dueInMs: number | null };

export interface AdvanceDueOptions {
  readonly store: Store;
  readonly ids: Ids;
  readonly enqueue: Enqueue;
  readonly log: Log;
  /** Origin of the URL that functions see. */
  readonly origin: string;
}

interface Decided {
  readonly row: ScheduleRow;
  readonly advance: ScheduleAdvance;
  readonly parked?: boolean;
}

const DUE_MAX = 200;
/** Executions that one commit stores, but for those of its last schedule. */
const JOBS_MAX = 2000;
/** Another server, or a change, was faster with all of them: it is about to be done. */
const FASTER_MS = 100;

export function createAdvanceDue({ store, ids, enqueue, log, origin }: AdvanceDueOptions): () => Promise<Found> {
  return async function advanceDue() {
    const { now, rows, next } = await store.schedules.due(DUE_MAX);
    if (rows.length === 0) return { dueInMs: next === null ? null : next - now };
    const functionOf = await functionsOf(rows);
    const batch = decideSome(rows, (row) => decide(row, { now, fn: functionOf(row) }));
    const moved = await write(batch, now);
    if (batch.some(({ advance: { jobs } }, at) => moved[at] === true && jobs.length > 0)) enqueue.announce();
    return moved.includes(true) ? 'more' : { dueInMs: FASTER_MS };
  };

  function decide(row: ScheduleRow, { now, fn }: { readonly now: number; readonly fn: FunctionRow | null }): Decided {
    try {
      return { row, advance: decideTicks(row, { now, fn, origin, newId: () => ids.next() }) };
    } catch (error) {
      log.error(
        { err: error, scheduleId: row.id, projectId: row.projectId },
        'Cannot decide on the ticks of a schedule; trying again later',
      );
      return { row, advance: parkTicks(row, now, error), parked: true };
    }
  }

  /** @returns per schedule whether it was advanced */
  async function write(batch: readonly Decided[], now: number): Promise<readonly boolean[]> {
    try {
      return await store.schedules.advance(batch.map(({ advance }) => advance));
    } catch (error) {
      if (isPlatformError(error) && error.code === 'store_unavailable') throw error;
      const moved: boolean[] = [];
      for (const one of batch) moved.push(await writeAlone(one, now));
      return moved;
    }
  }

  async function writeAlone({ row, advance, parked = false }: Decided, now: number): Promise<boolean> {
    try {
      return (await store.schedules.advance([advance])).includes(true);
    } catch (error) {
      if (isPlatformError(error) && error.code === 'store_unavailable') throw error;
      log.error(
        { err: error, scheduleId: row.id, projectId: row.projectId },
        'The store refused the ticks of a schedule; trying again later',
      );
      return parked ? false : writeAlone({ row, advance: parkTicks(row, now, error), parked: true }, now);
    }
  }

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

/** The longest waiting ones, until there is enough for one commit: after a long downtime each may have many executions. */
function decideSome(rows: readonly ScheduleRow[], decide: (row: ScheduleRow) => Decided): Decided[] {
  const batch: Decided[] = [];
  let [jobs, bytes] = [0, 0];
  for (const row of rows) {
    if (jobs >= JOBS_MAX || bytes >= BYTES_AT_ONCE) break;
    const decided = decide(row);
    batch.push(decided);
    jobs += decided.advance.jobs.length;
    bytes += decided.advance.jobs.length * requestBytes(row);
  }
  return batch;
}
