/**
 * Counts ticks without walking through them: after a year of downtime a schedule of every second has missed millions,
 * and their number is still told exactly. Days are walked through, and times of a day are multiplied.
 */
import type { CronFields } from '@martlet/protocol';
import type { TimeZone } from './time-zone.ts';

const DAY = 86_400_000;
const SECOND = 1000;

export interface TickCounter {
  readonly fields: CronFields;
  readonly zone: TimeZone;
  /** The first midnight after a wall time whose date the schedule matches. */
  readonly nextDay: (wallMs: number) => number | null;
}

/** Ticks in `(afterMs, throughMs]`, both whole seconds. */
export function countTicks(counter: TickCounter, afterMs: number, throughMs: number): number {
  if (throughMs <= afterMs) return 0;
  return counter.fields.byElapsedTime ? countElapsed(counter, afterMs, throughMs) : countFixed(counter, afterMs, throughMs);
}

/** Stretch by stretch between changes of the clock, as each has an offset of its own. */
function countElapsed(counter: TickCounter, afterMs: number, throughMs: number): number {
  const { zone } = counter;
  const changes = changesBetween(zone, afterMs, throughMs);
  const begins = [afterMs + SECOND, ...changes];
  const ends = [...changes.map((change) => change - SECOND), throughMs];
  return begins.reduce((count, begin, at) => {
    const end = ends[at] ?? throughMs;
    // A change right at the beginning leaves nothing before it, where a clock that was set back would show an hour.
    return begin > end ? count : count + countWalls(counter, zone.wallAt(begin) - SECOND, zone.wallAt(end));
  }, 0);
}

/** All wall times that were reached, but those of a gap together count as the one tick at its end. */
function countFixed(counter: TickCounter, afterMs: number, throughMs: number): number {
  const { zone } = counter;
  const reached = countWalls(counter, zone.highestWallAt(afterMs), zone.highestWallAt(throughMs));
  const joined = changesBetween(zone, afterMs, throughMs).map((change) =>
    Math.max(0, countWalls(counter, zone.highestWallAt(change - SECOND), zone.highestWallAt(change)) - 1),
  );
  return joined.reduce((count, fewer) => count - fewer, reached);
}

function changesBetween(zone: TimeZone, fromMs: number, toMs: number): number[] {
  const changes: number[] = [];
  for (let change = zone.changeBetween(fromMs, toMs); change !== undefined; change = zone.changeBetween(change, toMs)) changes.push(change);
  return changes;
}

/** Wall times of the schedule in `(fromWall, toWall]`. */
function countWalls({ fields, nextDay }: TickCounter, fromWall: number, toWall: number): number {
  if (toWall <= fromWall) return 0;
  const times = timesOfDay(fields);
  const firstDay = Math.floor(fromWall / DAY) * DAY;
  let count = 0;
  for (let day = nextDay(firstDay - SECOND); day !== null && day <= toWall; day = nextDay(day)) {
    count += times.through(Math.min(toWall - day, DAY - 1));
    if (day === firstDay) count -= times.through(fromWall - day);
  }
  return count;
}

/** How many of a day's ticks are at or before a time of the day, in milliseconds since midnight. */
function timesOfDay({ text }: CronFields): { readonly through: (timeMs: number) => number } {
  const [seconds = [], minutes = [], hours = []] = text.split(' ').map((field, at) => valuesOf(field, at === 2 ? 23 : 59));
  const upTo = (values: readonly number[], max: number) => values.filter((value) => value < max).length;
  return {
    through: (timeMs) => {
      const [hour, minute, second] = [Math.floor(timeMs / 3_600_000), Math.floor(timeMs / 60_000) % 60, Math.floor(timeMs / 1000) % 60];
      let count = upTo(hours, hour) * minutes.length * seconds.length;
      if (!hours.includes(hour)) return count;
      count += upTo(minutes, minute) * seconds.length;
      return minutes.includes(minute) ? count + upTo(seconds, second + 1) : count;
    },
  };
}

/** The values of a field that `readCronFields` has read: lists of numbers, ranges and steps. */
function valuesOf(field: string, max: number): number[] {
  const values = new Set<number>();
  for (const item of field.split(',')) {
    const [range = '', step = '1'] = item.split('/');
    const [from = '', to = from] = range === '*' ? ['0', String(max)] : range.split('-');
    for (let value = Number(from); value <= Number(to); value += Number(step)) values.add(value);
  }
  return [...values];
}
