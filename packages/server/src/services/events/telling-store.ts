/**
 * Executions tell of themselves only in projects where somebody listens: there are so many of them that an event each
 * would cost more than they do. Elsewhere a write costs one look into a set. Functions cannot listen to executions; webhooks can.
 */
import type { ExecutionRow, ExecutionWrite, Store } from '../../ports/store.ts';
import type { EventRow } from '../../ports/store/event-store.ts';
import type { JobEnd, NewJob } from '../../ports/store/job-store.ts';
import type { Clock } from '../../ports/system/clock.ts';
import type { Ids } from '../../ports/system/ids.ts';
import type { Log } from '../../ports/system/log.ts';
import { isTerminal } from '../../domain/execution-state.ts';
import type { Changes } from '../changes.ts';
import type { NewsViews } from './news-views.ts';
import { platformEvent } from './platform-event.ts';

export interface TellingStore {
  /** The store, with events of executions in the commit of their writes. */
  readonly store: Store;
  /** Reads who listens. */
  refresh(): Promise<void>;
  stop(): void;
}

export interface TellingStoreOptions {
  readonly store: Store;
  readonly changes: Changes;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
  readonly views: Pick<NewsViews, 'execution'>;
  readonly onStored: () => void;
}

/** Another server may have made a listener, and its word of it been lost. */
const REFRESH_MS = 2000;

export function createTellingStore({ store, changes, clock, ids, log, views, onStored }: TellingStoreOptions): TellingStore {
  let heard: ReadonlySet<string> = new Set();
  /** Executions of which the recorder has told that they were created. */
  const begun = new Set<string>();
  const timer = setInterval(() => void refresh(), REFRESH_MS);
  timer.unref();
  changes.subscribe(({ kind }) => kind === 'webhook' && void refresh());

  async function refresh(): Promise<void> {
    try {
      heard = new Set(await store.webhooks.hearingExecutions());
    } catch (error) {
      log.debug({ err: error }, 'Cannot read who listens to executions; trying again');
    }
  }

  /**
   * One action of one execution is one event, however often its write is tried. Writes gather many executions, so that
   * what goes on then is not their cause; only who deletes one does so by itself.
   */
  const eventOf = (row: ExecutionRow, action: 'create' | 'update' | 'delete'): EventRow =>
    platformEvent(
      { clock, ids },
      {
        id: action === 'update' ? `${row.id}.${action}.${row.attempt}.${row.status}` : `${row.id}.${action}`,
        projectId: row.projectId,
        resources: [
          { type: 'functions', id: row.functionId },
          { type: 'executions', id: row.id },
        ],
        action,
        resource: views.execution(row),
        ...(action !== 'delete' && { cause: { userId: row.userId, hops: 0 } }),
      },
    );

  function toldWrite(write: ExecutionWrite): ExecutionWrite {
    const { row } = write;
    if (!heard.has(row.projectId)) return write;
    if (!begun.has(row.id)) return { ...write, told: [eventOf(row, 'create')] };
    return isTerminal(row.status) ? { ...write, told: [eventOf(row, 'update')] } : write;
  }
  /** Only what is on disk has been told. */
  async function writeExecutions(batch: readonly ExecutionWrite[]): Promise<void> {
    await store.executions.write(batch.map(toldWrite));
    for (const { row } of batch) {
      if (isTerminal(row.status) || !heard.has(row.projectId)) begun.delete(row.id);
      else begun.add(row.id);
    }
  }
  const toldJob = (job: NewJob): NewJob =>
    heard.has(job.execution.projectId) ? { ...job, told: [eventOf(job.execution, 'create')] } : job;
  const toldEnd = (end: JobEnd): JobEnd =>
    heard.has(end.execution.projectId) && isTerminal(end.execution.status) ? { ...end, told: [eventOf(end.execution, 'update')] } : end;

  async function andWake<Result>(write: Promise<Result>): Promise<Result> {
    const result = await write;
    if (heard.size > 0) onStored();
    return result;
  }
  const { executions, jobs, events, schedules } = store;
  return {
    refresh,
    stop: () => clearInterval(timer),
    store: {
      ...store,
      executions: {
        ...executions,
        write: (batch) => (heard.size === 0 ? executions.write(batch) : andWake(writeExecutions(batch))),
        async delete(projectId, functionId, id) {
          const row = heard.has(projectId) ? await executions.get(projectId, functionId, id) : null;
          if (row === null) return executions.delete(projectId, functionId, id);
          return andWake(store.announcing([eventOf(row, 'delete')]).executions.delete(projectId, functionId, id));
        },
      },
      jobs: {
        ...jobs,
        enqueue: (batch, decisions) =>
          heard.size === 0 ? jobs.enqueue(batch, decisions) : andWake(jobs.enqueue(batch.map(toldJob), decisions)),
        settle: (batch) => (heard.size === 0 ? jobs.settle(batch) : andWake(jobs.settle(batch.map(toldEnd)))),
      },
      events: { ...events, dispatch: (what) => andWake(events.dispatch({ ...what, jobs: what.jobs.map(toldJob) })) },
      schedules: {
        ...schedules,
        advance: (batch) => andWake(schedules.advance(batch.map((each) => ({ ...each, jobs: each.jobs.map(toldJob) })))),
      },
    },
  };
}
