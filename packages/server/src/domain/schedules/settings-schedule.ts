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
