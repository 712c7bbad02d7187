/** Schedules: when functions run by themselves. */
import { isCustomId, isPlatformError, PlatformError } from '@martlet/protocol';
import { decideDueTicks, CATCH_UP_DEFAULT, type CatchUp } from '../../domain/schedules/due-ticks.ts';
import type { Clock } from '../../ports/system/clock.ts';
import type { Log } from '../../ports/system/log.ts';
import type { Ids } from '../../ports/system/ids.ts';
import type { ExecutionRow, ListQuery, Page, Store } from '../../ports/store.ts';
import type { NewDecision } from '../../ports/store/decision-store.ts';
import type { ScheduledRequest, ScheduleRow } from '../../ports/store/schedule-store.ts';
import { requireFunction } from '../functions.ts';
import type { Enqueue } from '../queue/enqueue.ts';
import { createAdvanceDue, type Found } from './advance-due.ts';
import { rulesOf, scheduledOrder } from './decide-ticks.ts';

/** What a caller may set; what is left out keeps its value, or its default in a new schedule. */
export interface ScheduleInput {
  readonly name?: string | undefined;
  readonly expression?: string | undefined;
  readonly timezone?: string | undefined;
  /** Milliseconds since 1970, in place of an expression. */
  readonly at?: number | undefined;
  readonly enabled?: boolean | undefined;
  readonly request?: Partial<ScheduledRequest> | undefined;
  readonly jitterMs?: number | undefined;
  readonly catchUp?: Partial<CatchUp> | undefined;
  readonly overlap?: ScheduleRow['overlap'] | undefined;
}

export interface Schedules {
  /** @throws {PlatformError} `schedule_invalid`, `schedule_already_exists`, `function_not_found` */
  create(projectId: string, functionId: string, input: ScheduleInput & { readonly id?: string | undefined }): Promise<ScheduleRow>;
  /** @throws {PlatformError} `schedule_not_found` */
  get(projectId: string, id: string): Promise<ScheduleRow>;
  list(projectId: string, functionId: string | null, query: ListQuery): Promise<Page<ScheduleRow>>;
  /** Ticks of before another time or a pause are nobody's; those of another change stay. @throws {PlatformError} `schedule_not_found`, `schedule_invalid`, `schedule_of_settings` for its times */
  update(projectId: string, id: string, input: ScheduleInput): Promise<ScheduleRow>;
  /** @throws {PlatformError} `schedule_not_found`, `schedule_of_settings` */
  delete(projectId: string, id: string): Promise<void>;
  /** Runs it now, beside its ticks. @throws {PlatformError} `schedule_not_found`, and what `Enqueue` refuses with */
  run(projectId: string, id: string): Promise<ExecutionRow>;
  /** The next instants at which it runs, jitter included; the first one is stored, and costs nothing. */
  next(row: ScheduleRow, count: number): readonly number[];
  /** What was decided about its ticks. */
  decisions(projectId: string, id: string): Promise<readonly NewDecision[]>;
  /** Decides on those that are due. */
  advanceDue(): Promise<Found>;
}

export interface SchedulesOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly enqueue: Enqueue;
  readonly log: Log;
  readonly origin: string;
}

const DECISIONS_SHOWN = 200;

export function createSchedules({ store, clock, ids, enqueue, log, origin }: SchedulesOptions): Schedules {
  const schedules: Schedules = {
    async create(projectId, functionId, { id = ids.next(), ...input }) {
      if (!isCustomId(id))
        throw new PlatformError('general_argument_invalid', `Invalid \`scheduleId\` param: "${id.slice(0, 40)}" is not an id`);
      const fn = await requireFunction(store, projectId, functionId);
      if ((await store.functions.get(projectId, id)) !== null)
        throw new PlatformError(
          'schedule_already_exists',
          `Cannot create the schedule: "${id}" is the id of a function, and kept for the schedule of its settings. Give another id, or none.`,
        );
      const now = clock.now();
      const row = withTimes(
        {
          id,
          projectId,
          functionId,
          createdAt: now,
          updatedAt: now,
          name: input.name ?? fn.name,
          source: 'api',
          expression: input.expression ?? '',
          timezone: input.timezone ?? 'UTC',
          at: input.at ?? null,
          enabled: input.enabled ?? true,
          request: { method: 'POST', path: '/', headers: [], body: '', ...input.request },
          jitterMs: input.jitterMs ?? 0,
          catchUp: { ...CATCH_UP_DEFAULT, ...input.catchUp },
          overlap: input.overlap ?? 'allow',
          cursor: now,
          nextDue: null,
          ran: 0,
          missed: 0,
          caughtUp: 0,
          skipped: 0,
          lastTick: null,
          lastExecutionId: null,
          open: [],
        },
        null,
        now,
      );
      await store.schedules.insert(row);
      return row;
    },

    async get(projectId, id) {
      const row = await store.schedules.get(projectId, id);
      if (row === null)
        throw new PlatformError('schedule_not_found', `Schedule with the requested ID could not be found: "${id.slice(0, 40)}".`);
      return row;
    },

    list: (projectId, functionId, query) => store.schedules.list(projectId, functionId, query),

    async update(projectId, id, input) {
      const old = await schedules.get(projectId, id);
      const timed = input.expression !== undefined || input.timezone !== undefined || input.at !== undefined;
      if (timed && old.source === 'settings')
        throw new PlatformError(
          'schedule_of_settings',
          `Cannot change when "${id}" runs: its times stand in the settings of its function.`,
        );
      // Whoever gives one kind of time takes the other away.
      const expression = input.expression ?? (input.at === undefined ? old.expression : '');
      const at = input.at ?? (input.expression === undefined ? old.at : null);
      const row = withTimes(
        {
          ...old,
          ...definedOf({
            name: input.name,
            timezone: input.timezone,
            enabled: input.enabled,
            jitterMs: input.jitterMs,
            overlap: input.overlap,
          }),
          expression,
          at,
          request: { ...old.request, ...input.request },
          catchUp: { ...old.catchUp, ...input.catchUp },
          // Also within one millisecond, as changes are told apart by it.
          updatedAt: Math.max(clock.now(), old.updatedAt + 1),
          open: input.overlap === 'allow' ? [] : old.open,
        },
        old,
        clock.now(),
      );
      const { id: _id, projectId: _project, functionId: _function, source: _source, createdAt: _created, ...change } = row;
      const updated = await store.schedules.update(projectId, id, change, { cursor: old.cursor, updatedAt: old.updatedAt });
      // A tick was decided meanwhile, or another change made: it counts, so this one is made to what it has left.
      return updated ?? schedules.update(projectId, id, input);
    },

    async delete(projectId, id) {
      const row = await schedules.get(projectId, id);
      if (row.source === 'settings')
        throw new PlatformError(
          'schedule_of_settings',
          `Cannot delete "${id}": it stands in the settings of its function. Pause it, or take \`schedule\` out there.`,
        );
      await store.schedules.delete(projectId, id);
    },

    async run(projectId, id) {
      const row = await schedules.get(projectId, id);
      const fn = await requireFunction(store, projectId, row.functionId);
      return enqueue.enqueue({ ...scheduledOrder(row, fn, origin), trigger: 'manual', facts: { scheduleId: id } });
    },

    next(row, count) {
      if (!row.enabled || row.nextDue === null || count < 1) return [];
      const times = [row.nextDue];
      while (times.length < count) {
        const due = nextAfter(row, Math.max(times.at(-1) ?? 0, clock.now()));
        if (due === null) break;
        times.push(due);
      }
      return times;
    },

    async decisions(projectId, id) {
      await schedules.get(projectId, id);
      return store.decisions.list({ projectId, subject: 'schedule', subjectId: id, limit: DECISIONS_SHOWN });
    },

    advanceDue: createAdvanceDue({ store, ids, enqueue, log, origin }),
  };
  return schedules;
}

/**
 * With its next look. One that is new, gets other times or is resumed begins now; every other change leaves the ticks that wait.
 * @throws {PlatformError} `schedule_invalid`
 */
function withTimes(row: ScheduleRow, old: ScheduleRow | null, now: number): ScheduleRow {
  if (row.at === null && row.expression === '')
    throw new PlatformError('schedule_invalid', 'Cannot use the schedule: it has neither an `expression` nor a time `at`.');
  if (row.at !== null && row.expression !== '')
    throw new PlatformError('schedule_invalid', 'Cannot use the schedule: it has both an `expression` and a time `at`; give one of them.');
  const begins = old === null || (row.enabled && !old.enabled) || hasOtherTimes(row, old);
  if (begins && row.at !== null && row.enabled && row.at <= now)
    throw new PlatformError('schedule_invalid', 'Cannot use the schedule: `at` is in the past, so that it can never run.');
  // Ticks that were decided stay so, also where the clock of another server is ahead of ours.
  const cursor = begins ? Math.max(now, row.cursor) : row.cursor;
  const next = nextOf(row, cursor);
  return { ...row, cursor, nextDue: row.enabled ? next : null };
}

const hasOtherTimes = (row: ScheduleRow, old: ScheduleRow): boolean =>
  row.at !== old.at || row.expression !== old.expression || (row.at === null && row.timezone !== old.timezone);

/** Null also where this server cannot read what is stored: then it is not what keeps somebody from looking at it. */
function nextAfter(row: ScheduleRow, time: number): number | null {
  try {
    return nextOf(row, time);
  } catch (error) {
    if (isPlatformError(error) && error.code === 'schedule_invalid') return null;
    throw error;
  }
}

function nextOf(row: ScheduleRow, after: number): number | null {
  return decideDueTicks(rulesOf(row), { cursorMs: after, nowMs: after, running: 0, waiting: 0 }).nextDueMs;
}

function definedOf<Fields extends object>(fields: Fields): { [Name in keyof Fields]?: Exclude<Fields[Name], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [Name in keyof Fields]?: Exclude<Fields[Name], undefined>;
  };
}
