/** The schedule that stands in the settings of a function, as its row. It has the id of the function. */
import { parseCronExpression } from './cron-expression.ts';
import { CATCH_UP_DEFAULT } from './due-ticks.ts';

export interface ScheduledFunction {
  readonly id: string;
  readonly projectId: string;
  readonly name: string;
  readonly schedule: string;
  readonly timezone: string;
  readonly updatedAt: number;
}

/** Ticks of before the change are nobody's. */
export function settingsSchedule({ id, projectId, name, schedule, timezone, updatedAt }: ScheduledFunction) {
  return {
    id,
    projectId,
    functionId: id,
    createdAt: updatedAt,
    updatedAt,
    name,
    source: 'settings',
    expression: schedule,
    timezone,
    at: null,
    enabled: true,
    request: { method: 'POST', path: '/', headers: [], body: '' },
    jitterMs: 0,
    catchUp: CATCH_UP_DEFAULT,
    overlap: 'allow',
    cursor: updatedAt,
    nextDue: parseCronExpression(schedule, timezone).nextAfter(updatedAt),
    ran: 0,
    missed: 0,
    caughtUp: 0,
    skipped: 0,
    lastTick: null,
    lastExecutionId: null,
    open: [],
  } as const;
}

/** What the settings of a function change in the schedule that stands in them; null where they change nothing. `nextDue` is for one that is not paused. */
export function settingsChange(fn: ScheduledFunction, old: Timed) {
  if (old.expression === fn.schedule && old.timezone === fn.timezone) return null;
  // Ticks that were decided stay so, also where the clock of another server is ahead of ours.
  const cursor = Math.max(fn.updatedAt, old.cursor);
  return {
    name: fn.name,
    expression: fn.schedule,
    timezone: fn.timezone,
    cursor,
    nextDue: parseCronExpression(fn.schedule, fn.timezone).nextAfter(cursor),
    updatedAt: Math.max(fn.updatedAt, old.updatedAt + 1),
  };
}

interface Timed {
  readonly expression: string;
  readonly timezone: string;
  readonly cursor: number;
  readonly updatedAt: number;
}
