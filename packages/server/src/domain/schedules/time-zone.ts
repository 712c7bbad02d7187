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
/** Offsets are remembered for so long a time at once: finding them costs about as much as one look for a change. */
const SPAN = 32 * STEP;
/** Of each zone; about three years. */
const SPANS_MAX = 64;

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

interface Span {
  /** Offset at its beginning. */
  readonly offset: number;
  /** Oldest first; each with the offset from then on. */
  readonly changes: readonly { readonly atMs: number; readonly offset: number }[];
}

function createTimeZone(name: string, findOffset: (timeMs: number) => number): TimeZone {
  const spans = new LRUCache<number, Span>({ max: SPANS_MAX });

  const spanOf = (index: number): Span => {
    const known = spans.get(index);
    if (known !== undefined) return known;
    const changes: { atMs: number; offset: number }[] = [];
    // From the second before, so that a change at the beginning is one of it.
    const [before, last] = [index * SPAN - 1000, (index + 1) * SPAN - 1000];
    let [from, offset] = [before, findOffset(before)];
    for (; from < last; from = Math.min(from + STEP, last)) {
      const to = Math.min(from + STEP, last);
      const next = findOffset(to);
      if (next !== offset) changes.push({ atMs: bisect(from, to, offset), offset: next });
      offset = next;
    }
    const span = { offset: findOffset(index * SPAN), changes };
    spans.set(index, span);
    return span;
  };

  /** Offsets change at whole seconds, so that the search ends there. */
  const bisect = (from: number, to: number, before: number): number => {
    let low = from / 1000;
    let high = to / 1000;
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2);
      if (findOffset(middle * 1000) === before) low = middle;
      else high = middle;
    }
    return high * 1000;
  };

  const offsetAt = (timeMs: number): number => {
    const { offset, changes } = spanOf(Math.floor(timeMs / SPAN));
    return changes.findLast(({ atMs }) => atMs <= timeMs)?.offset ?? offset;
  };
  const wallAt = (timeMs: number) => timeMs + offsetAt(timeMs);

  const changeBetween = (fromMs: number, toMs: number): number | undefined => {
    for (let index = Math.floor(fromMs / SPAN); index * SPAN <= toMs; index += 1) {
      const change = spanOf(index).changes.find(({ atMs }) => atMs > fromMs);
      if (change !== undefined) return change.atMs <= toMs ? change.atMs : undefined;
    }
    return undefined;
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
