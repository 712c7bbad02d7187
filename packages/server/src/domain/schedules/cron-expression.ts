/**
 * A schedule that recurs, with the rule for changes of the clock. `croner` only ever sees wall times, as if all the world
 * lived in UTC; which instants they are is decided here:
 * - A schedule of fixed times (`30 2 * * *`) runs once for every wall time: at its first occurrence where the clock shows it
 *   twice, at the first instant after the gap where the clock leaves it out (and once, however many it left out).
 * - A schedule with a wildcard or a step in its hour or minute (`*` + `/15 * * * *`) follows elapsed time: it runs at every
 *   instant at which the clock shows a wall time of it, so both times where one is shown twice, and not in a gap.
 */
import { readCronFields, scheduleInvalid, type CronFields } from '@martlet/protocol';
import { Cron } from 'croner';
import { LRUCache } from 'lru-cache';
import { countTicks } from './count-ticks.ts';
import { findTimeZone, type TimeZone } from './time-zone.ts';

export interface CronExpression {
  /** As it was given. */
  readonly text: string;
  readonly zone: string;
  /** The first tick after an instant; null where there is none. Ticks are whole seconds, in milliseconds since 1970. */
  readonly nextAfter: (timeMs: number) => number | null;
  /** The last tick at or before an instant; null where there is none. */
  readonly previousAtOrBefore: (timeMs: number) => number | null;
  /** How many ticks are in `(afterMs, throughMs]`; takes no longer for seconds than for days. */
  readonly countBetween: (afterMs: number, throughMs: number) => number;
}

const DAY = 86_400_000;
/** Longer than a zone's distance from UTC and any change of a clock together. */
const NEAR = 2 * DAY;
/** A pattern of croner holds some 80 KB, so that thousands of schedules share these and none keeps its own. */
const patterns = new LRUCache<string, Cron>({ max: 256 });
/** They have no state, and are small. */
const expressions = new LRUCache<string, CronExpression>({ max: 5000 });

/**
 * Five fields, or six with the second first, or a short form such as `@daily`; `zone` is an IANA name.
 * @throws {PlatformError} `schedule_invalid`, naming the field; also for a schedule that can never run
 */
export function parseCronExpression(text: string, zone = 'UTC'): CronExpression {
  const key = `${zone}\n${text}`;
  const known = expressions.get(key);
  if (known !== undefined) return known;
  const expression = readExpression(text, zone);
  expressions.set(key, expression);
  return expression;
}

function readExpression(text: string, zone: string): CronExpression {
  const fields = readCronFields(text);
  const found = findTimeZone(zone);
  if (found === undefined)
    throw scheduleInvalid(
      text,
      `its time zone ${JSON.stringify(zone.slice(0, 80))} is not known; write an IANA name such as Europe/Berlin`,
    );
  // Leap years and weekdays repeat after 400 years; croner ends its search by itself, after some milliseconds.
  if (nextWall(fields, Date.UTC(2000, 0, 1)) === null)
    throw scheduleInvalid(text, 'it can never run: no date has this day of month, month and day of week');
  const nextDay = (wallMs: number) => nextWall(datesOf(fields), wallMs);
  return {
    text,
    zone,
    ...(fields.byElapsedTime ? elapsedTicks(fields, found) : fixedTicks(fields, found)),
    countBetween: (afterMs, throughMs) => countTicks({ fields, zone: found, nextDay }, wholeSecond(afterMs), wholeSecond(throughMs)),
  };
}

/** The same dates, at midnight. */
function datesOf({ text }: CronFields): Pick<CronFields, 'text'> {
  return { text: `0 0 0 ${text.split(' ').slice(3).join(' ')}` };
}

type Ticks = Pick<CronExpression, 'nextAfter' | 'previousAtOrBefore'>;

/** A wall time's tick is the first instant that has reached it, so that ticks and the highest wall time go up together. */
function fixedTicks(fields: CronFields, zone: TimeZone): Ticks {
  return {
    nextAfter: (timeMs) => {
      const wall = nextWall(fields, zone.highestWallAt(wholeSecond(timeMs)));
      return wall === null ? null : zone.firstInstantOf(wall);
    },
    previousAtOrBefore: (timeMs) => {
      const wall = previousWall(fields, zone.highestWallAt(wholeSecond(timeMs)));
      return wall === null ? null : zone.firstInstantOf(wall);
    },
  };
}

/**
 * Between two changes of the clock, wall times are instants plus an offset. So the next tick is found stretch by stretch,
 * where only the stretches close to here and close to the wall time found can hold another one.
 */
function elapsedTicks(fields: CronFields, zone: TimeZone): Ticks {
  const offsetAt = (timeMs: number) => zone.wallAt(timeMs) - timeMs;

  const nextAfter = (timeMs: number): number | null => {
    let from = wholeSecond(timeMs);
    for (;;) {
      const wall = nextWall(fields, zone.wallAt(from));
      if (wall === null) return null;
      const tick = wall - offsetAt(from);
      const change = zone.changeBetween(from, Math.min(tick, from + NEAR));
      if (change !== undefined) {
        if (nextWall(fields, zone.wallAt(change) - 1000) === zone.wallAt(change)) return change;
        from = change;
      } else if (tick <= from + NEAR) return tick;
      else from = Math.max(from + NEAR, tick - NEAR);
    }
  };

  const previousAtOrBefore = (timeMs: number): number | null => {
    let to = wholeSecond(timeMs);
    for (;;) {
      const wall = previousWall(fields, zone.wallAt(to));
      if (wall === null) return null;
      const tick = wall - offsetAt(to);
      const change = lastChangeBetween(zone, Math.max(tick, to - NEAR), to);
      if (change !== undefined) to = change - 1000;
      else if (tick >= to - NEAR) return tick;
      else to = Math.min(to - NEAR, tick + NEAR);
    }
  };

  return { nextAfter, previousAtOrBefore };
}

function lastChangeBetween(zone: TimeZone, fromMs: number, toMs: number): number | undefined {
  let last: number | undefined;
  for (let change = zone.changeBetween(fromMs, toMs); change !== undefined; change = zone.changeBetween(change, toMs)) last = change;
  return last;
}

const wholeSecond = (timeMs: number): number => Math.floor(timeMs / 1000) * 1000;

function nextWall(fields: Pick<CronFields, 'text'>, wallMs: number): number | null {
  return patternOf(fields).nextRun(new Date(wallMs))?.getTime() ?? null;
}

function previousWall(fields: CronFields, wallMs: number): number | null {
  return (
    patternOf(fields)
      .previousRuns(1, new Date(wallMs + 1000))[0]
      ?.getTime() ?? null
  );
}

function patternOf({ text }: Pick<CronFields, 'text'>): Cron {
  const known = patterns.get(text);
  if (known !== undefined) return known;
  const pattern = new Cron(text, { paused: true, utcOffset: 0, mode: '6-part' });
  patterns.set(text, pattern);
  return pattern;
}
