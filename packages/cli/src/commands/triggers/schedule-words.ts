/** Schedules in the words of people. */
import type { ScheduleResource } from '@martlet/protocol';
import { printable } from '../../terminal/style.ts';
import { until } from '../../terminal/units.ts';

/** `0 9 * * 1-5 (Europe/Berlin)`, or the one time of a schedule that runs once. */
export function describeTimes({ expression, timezone, at }: ScheduleResource): string {
  return printable(expression === '' ? `once at ${at}` : `${expression} (${timezone})`);
}

/** `next in 4 min`, `paused`, or `over` for one that has no time left. */
export function stateOf({ enabled, next }: ScheduleResource): string {
  if (!enabled) return 'paused';
  return next[0] === undefined ? 'over' : `next ${until(next[0], Date.now())}`;
}

/** A time as the clocks of a zone show it, with the zone's distance from UTC: `Mon 2027-03-29 02:30:00 GMT+2`. */
export function inZone(isoDate: string, timezone: string): string {
  const parts = new Intl.DateTimeFormat('en-GB', {
    timeZone: timezone,
    weekday: 'short',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    timeZoneName: 'shortOffset',
  }).formatToParts(new Date(isoDate));
  const part = (type: Intl.DateTimeFormatPartTypes): string => parts.find((one) => one.type === type)?.value ?? '';
  return `${part('weekday')} ${part('year')}-${part('month')}-${part('day')} ${part('hour')}:${part('minute')}:${part('second')} ${part('timeZoneName')}`;
}
