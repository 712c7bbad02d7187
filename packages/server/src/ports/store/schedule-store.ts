/**
 * Schedules. Which of their ticks run is decided by `domain/schedules`; here a decision and the executions that come of it
 * are one commit, on condition that nobody has decided since: so there is one execution per tick, whoever looks.
 */
import type { CatchUp } from '../../domain/schedules/due-ticks.ts';
import type { ListQuery, Page } from '../store.ts';
import type { NewDecision } from './decision-store.ts';
import type { NewJob } from './job-store.ts';

/** What a function is called with at each tick. */
export interface ScheduledRequest {
  readonly method: string;
  readonly path: string;
  /** Flat: name, value, … */
  readonly headers: readonly string[];
  readonly body: string;
}

export interface ScheduleRow {
  /** Unique in the project; the one from the settings of a function has the id of the function. */
  readonly id: string;
  readonly createdAt: number;
  /** Grows with every change, but not with what is decided about ticks. */
  readonly updatedAt: number;
  readonly projectId: string;
  readonly functionId: string;
  readonly name: string;
  /** Whether it stands beside the code of the function, or was made over the API. */
  readonly source: 'settings' | 'api';
  /** Empty for one that runs once. */
  readonly expression: string;
  readonly timezone: string;
  /** When the one that runs once does. */
  readonly at: number | null;
  readonly enabled: boolean;
  readonly request: ScheduledRequest;
  readonly jitterMs: number;
  readonly catchUp: CatchUp;
  readonly overlap: 'allow' | 'skip' | 'queue';
  /** The last tick that was decided, or when it was made, changed or resumed. */
  readonly cursor: number;
  /** When to look at it again; null: not at all. */
  readonly nextDue: number | null;
  readonly ran: number;
  readonly missed: number;
  readonly caughtUp: number;
  readonly skipped: number;
  readonly lastTick: number | null;
  readonly lastExecutionId: string | null;
  /** Executions that may not have ended, the oldest first; kept where they must not overlap. */
  readonly open: readonly string[];
}

export type ScheduleChange = Partial<Omit<ScheduleRow, 'id' | 'projectId' | 'functionId' | 'source' | 'createdAt'>>;

/** What a change or a decision was made from: where the schedule has another one by now, it is made anew. */
export type ScheduleVersion = Pick<ScheduleRow, 'cursor' | 'updatedAt'>;

/** What was decided about a schedule. */
export interface ScheduleAdvance {
  readonly projectId: string;
  readonly id: string;
  /** Another one means that somebody was faster, and nothing is written; as for one that is paused. */
  readonly from: ScheduleVersion;
  readonly change: Pick<
    ScheduleRow,
    'cursor' | 'nextDue' | 'ran' | 'missed' | 'caughtUp' | 'skipped' | 'lastTick' | 'lastExecutionId' | 'open'
  >;
  readonly jobs: readonly NewJob[];
  readonly decisions: readonly NewDecision[];
}

export interface DueSchedules {
  /** What that clock said. */
  readonly now: number;
  /** The longest waiting first, with only those `open` executions that have not ended. */
  readonly rows: readonly ScheduleRow[];
  /** When the first of all is due, those in `rows` included. */
  readonly next: number | null;
}

export interface ScheduleStore {
  /** @throws `schedule_already_exists`, `function_not_found` */
  insert(row: ScheduleRow): Promise<void>;
  get(projectId: string, id: string): Promise<ScheduleRow | null>;
  /** Of one function, or with null of all. */
  list(projectId: string, functionId: string | null, query: ListQuery): Promise<Page<ScheduleRow>>;
  /** With `from` only while it is that version. @returns the changed row, or null where there is none such */
  update(projectId: string, id: string, change: ScheduleChange, from?: ScheduleVersion): Promise<ScheduleRow | null>;
  delete(projectId: string, id: string): Promise<boolean>;
  /** Those whose time has come by the clock that all servers share; none that is paused. */
  due(limit: number): Promise<DueSchedules>;
  /** Those that run once and did so before a time, the oldest first. @returns how many were deleted */
  deleteDoneBefore(time: number, limit: number): Promise<number>;
  /** @returns per advance whether it was the first from its version */
  advance(batch: readonly ScheduleAdvance[]): Promise<readonly boolean[]>;
}
