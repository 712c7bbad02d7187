/**
 * A time zone as schedules need it: between instants (milliseconds since 1970) and wall times, which are written as the
 * instant at which a clock in UTC would show them. Clocks that are set back show some wall times twice, clocks that are
 * set forward leave some out; every function here says what it does about both.
 */
import { LRUCache } from 'lru-cache';

const HOUR = 3_600_000;
/** No zone is further from UTC, and no change of a clock is larger, than this; nor are two changes as close as twice this. */
const REACH = 26 * HOUR;
/** Shorter than the time between any two changes, so that none hides another. */
const STEP = 12 * HOUR;
const ZONES_MAX = 600;

export interface TimeZone {
  readonly name: string;
  /** What the clock shows at an instant. */
  readonly wallAt: (timeMs: number) => number;
  /** The latest wall time, in whole seconds, that the clock has shown up to an instant: above `wallAt` while a clock that was set back catches up. */
  readonly highestWallAt: (timeMs: number) => number;
  /** The first instant at which the clock shows a wall time or a later one: where the wall time was left out, the end of the gap. */
  readonly firstInstantOf: (wallMs: number) => number;
  /** The first instant in `(fromMs, toMs]` with another offset than the instant before it; undefined where there is none. */
  readonly changeBetween: (fromMs: number, toMs: number) => number | undefined;
}

const zones = new LRUCache<string, TimeZone>({ max: ZONES_MAX });

/** The zone with an IANA name, such as `Europe/Berlin`; undefined where there is none. Offsets such as `+02:00` are no zones. */
export function findTimeZone(name: string): TimeZone | undefined {
  const known = zones.get(name);
  if (known !== undefined) return known;
  const offsetAt = offsetsOf(name);
  if (offsetAt === undefined) return undefined;
  const zone = createTimeZone(name, offsetAt);
  zones.set(name, zone);
  return zone;
}

function createTimeZone(name: string, offsetAt: (timeMs: number) => number): TimeZone {
  const wallAt = (timeMs: number) => timeMs + offsetAt(timeMs);

  const changeBetween = (fromMs: number, toMs: number): number | undefined => {
    for (let from = fromMs; from < toMs; from += STEP) {
      const to = Math.min(from + STEP, toMs);
      if (offsetAt(from) !== offsetAt(to)) return bisect(from, to);
    }
    return undefined;
  };

  /** Offsets change at whole seconds, so that the search ends there. */
  const bisect = (from: number, to: number): number => {
    const before = offsetAt(from);
    let low = Math.floor(from / 1000);
    let high = Math.ceil(to / 1000);
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2);
      if (offsetAt(middle * 1000) === before) low = middle;
      else high = middle;
    }
    return high * 1000;
  };

  const highestWallAt = (timeMs: number): number => {
    const change = changeBetween(timeMs - REACH, timeMs);
    return change === undefined ? wallAt(timeMs) : Math.max(wallAt(timeMs), change - 1000 + offsetAt(change - 1000));
  };

  const firstInstantOf = (wallMs: number): number => {
    const change = changeBetween(wallMs - REACH, wallMs + REACH);
    if (change === undefined) return wallMs - offsetAt(wallMs);
    const before = wallMs - offsetAt(change - 1);
    // Up to the change the clock shows it for the first time; else after it, or at it where the change leaves it out.
    return before < change ? before : Math.max(change, wallMs - offsetAt(change));
  };

  return { name, wallAt, highestWallAt, firstInstantOf, changeBetween };
}

function offsetsOf(name: string): ((timeMs: number) => number) | undefined {
  if (!/^[A-Za-z]/.test(name)) return undefined;
  let format: Intl.DateTimeFormat;
  try {
    format = new Intl.DateTimeFormat('en-US', { timeZone: name, timeZoneName: 'longOffset' });
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
  if (format.resolvedOptions().timeZone === 'UTC') return () => 0;
  return (timeMs) => parseOffset(format.format(timeMs));
}

/** The end of a text such as `3/29/2026, GMT+02:00`, where UTC itself is `GMT` alone. */
function parseOffset(text: string): number {
  const found = /GMT(?:([+-])(\d\d):(\d\d)(?::(\d\d))?)?$/.exec(text);
  if (found === null) throw new TypeError(`Cannot read the offset in ${JSON.stringify(text)}: it does not end with GMT±hh:mm`);
  const [, sign, hours = '0', minutes = '0', seconds = '0'] = found;
  const offset = ((Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1000;
  return sign === '-' ? -offset : offset;
}
