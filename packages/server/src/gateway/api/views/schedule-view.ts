import type { ScheduleResource } from '@martlet/protocol';
import { headerPairs } from '../../../domain/contract/execution-headers.ts';
import { formatDate } from '../../../domain/contract/dates.ts';
import type { ScheduleRow } from '../../../ports/store/schedule-store.ts';

export function viewSchedule(row: ScheduleRow, next: readonly number[]): ScheduleResource {
  return {
    $id: row.id,
    $createdAt: formatDate(row.createdAt),
    $updatedAt: formatDate(row.updatedAt),
    functionId: row.functionId,
    name: row.name,
    source: row.source,
    expression: row.expression,
    timezone: row.timezone,
    at: formatDate(row.at),
    enabled: row.enabled,
    request: { method: row.request.method, path: row.request.path, headers: headerPairs(row.request.headers), body: row.request.body },
    jitter: row.jitterMs / 1000,
    catchUp: { policy: row.catchUp.policy, max: row.catchUp.max, window: row.catchUp.windowMs / 1000 },
    overlap: row.overlap,
    next: next.map((time) => formatDate(time)),
    lastTick: formatDate(row.lastTick),
    lastExecutionId: row.lastExecutionId ?? '',
    counters: { ran: row.ran, missed: row.missed, caughtUp: row.caughtUp, skipped: row.skipped },
  };
}
