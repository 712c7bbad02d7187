/** The normal run tries a sample of zones; MARTLET_TEST_ALL_ZONES=1 tries every transition of every zone from 2000 to 2037. */
import { isPlatformError } from '@martlet/protocol';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseCronExpression } from './cron-expression.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const MINUTE = 60_000;
const at = (text: string) => Date.parse(text);
const iso = (time: number | null) => (time === null ? null : new Date(time).toISOString());

describe('what is refused, and why', () => {
  test.each([
    ['', 'it has 0 fields; write five'],
    ['* * * *', 'it has 4 fields'],
    ['* * * * * * 2030', 'it has 7 fields'],
    ['60 * * * *', 'in the field minute, 60 is out of range. Allowed are 0-59'],
    ['0 24 * * *', 'in the field hour, 24 is out of range. Allowed are 0-23'],
    ['0 0 0 * *', 'in the field day of month, 0 is out of range'],
    ['0 0 * 13 *', 'in the field month, 13 is out of range. Allowed are 1-12, JAN-DEC'],
    ['0 0 * * 8', 'in the field day of week, 8 is out of range'],
    ['61 * * * * *', 'in the field second, 61 is out of range'],
    ['*/0 * * * *', 'the step 0 is out of range, 1-60'],
    ['*/61 * * * *', 'the step 61 is out of range, 1-60'],
    ['5/15 * * * *', 'has a step without a range; write 5-59/15'],
    ['0 22-2 * * *', 'the range 22-2 runs backwards'],
    ['? * * * *', 'in the field minute, "?" is not allowed'],
    ['0 0 ?,1 * *', '? stands alone'],
    ['0 0 L-3 * *', 'in the field day of month, "L-3" is not allowed'],
    ['0 0 32W * *', 'in the field day of month, "32W" is not allowed'],
    ['0 0 * * 1#6', 'in the field day of week, "1#6" is not allowed'],
    ['0 0 * * MONDAY', 'in the field day of week'],
    ['0 0 * FOO *', 'in the field month, "FOO" is not allowed'],
    ['0 0 1+ * *', 'in the field day of month, "1+" is not allowed'],
    ['0 0 +1 * *', 'in the field day of month, "+1" is not allowed'],
    ['1,,2 * * * *', 'in the field minute, "" is not allowed'],
    ['-1 * * * *', 'in the field minute, "-1" is not allowed'],
    ['*-5 * * * *', 'in the field minute, "*-5" is not allowed'],
    ['1e1 * * * *', 'in the field minute, "1E1" is not allowed'],
    ['@reboot', 'known are @yearly'],
    ['@constructor', 'known are @yearly'],
    ['0 0 31 2 *', 'it can never run'],
    ['0 0 30 FEB *', 'it can never run'],
    ['0 0 31 4,6,9,11 *', 'it can never run'],
    ['0 0 31W 2 *', 'it can never run'],
    [`${'1,'.repeat(200)}1 * * * *`, 'at most 256'],
  ])('%j', (text, reason) => expect(problemOf(text)).toContain(reason));

  test.each(['', 'Mars/Olympus', '+02:00', '__proto__', 'Europe/Berlin ', 'x'.repeat(10_000)])('zone %j', (zone) => {
    expect(problemOf('* * * * *', zone)).toContain('write an IANA name');
  });

  test('any text is either refused with its code or read, and soon', () => {
    const item = fc.constantFrom('*', '?', 'L', 'W', '#', '/', '-', ',', '1', '5', '31', '99', 'MON', 'JAN', '@daily', '2W', '5L', '1#2');
    const field = fc.array(item, { minLength: 1, maxLength: 4 }).map((items) => items.join(''));
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(field, { minLength: 4, maxLength: 7 }).map((fields) => fields.join(' ')),
    );
    fc.assert(
      fc.property(text, (given) => {
        const started = performance.now();
        const problem = problemOf(given);
        if (problem === undefined) expect(parseCronExpression(given).nextAfter(0)).toBeGreaterThan(0);
        else expect(problem).toMatch(/^Cannot use the schedule "/);
        expect(performance.now() - started).toBeLessThan(2000);
      }),
      { numRuns: 200 },
    );
  });
});

describe('what is understood', () => {
  test.each([
    ['@hourly', '2026-03-01T11:00'],
    ['@daily', '2026-03-02T00:00'],
    ['@MIDNIGHT', '2026-03-02T00:00'],
    ['@weekly', '2026-03-08T00:00'],
    ['@monthly', '2026-04-01T00:00'],
    ['@yearly', '2027-01-01T00:00'],
    ['@annually', '2027-01-01T00:00'],
    ['  5   4 * * *  ', '2026-03-02T04:05'],
    ['0 0 L * *', '2026-03-31T00:00'],
    ['0 0 LW 5 *', '2026-05-29T00:00'],
    ['0 0 15W 3 ?', '2026-03-16T00:00'],
    ['0 0 ? * 5L', '2026-03-27T00:00'],
    ['0 0 * * fri#2', '2026-03-13T00:00'],
    ['0 0 * * Sat-Sun', '2026-03-07T00:00'],
    ['0 0 * * sun-mon', '2026-03-02T00:00'],
    ['0 0 * jan,dec *', '2026-12-01T00:00'],
    ['0 0 29 2 *', '2028-02-29T00:00'],
    ['0 9-17/4 * * 1-5', '2026-03-02T09:00'],
    ['0 0 13 * 5', '2026-03-06T00:00'],
  ])('%s', (text, next) => expect(iso(parseCronExpression(text).nextAfter(at('2026-03-01T10:30:00Z')))).toBe(`${next}:00.000Z`));

  test('the sixth field, in front, is the second', () => {
    const every = parseCronExpression('*/20 * * * * *');
    expect(iso(every.nextAfter(at('2026-03-01T00:00:20.500Z')))).toBe('2026-03-01T00:00:40.000Z');
    expect(iso(every.previousAtOrBefore(at('2026-03-01T00:00:20.500Z')))).toBe('2026-03-01T00:00:20.000Z');
    expect(iso(every.nextAfter(at('2026-03-01T00:00:20Z')))).toBe('2026-03-01T00:00:40.000Z');
    expect(iso(every.previousAtOrBefore(at('2026-03-01T00:00:20Z')))).toBe('2026-03-01T00:00:20.000Z');
  });
});

describe('changes of the clock', () => {
  const ticks = (text: string, zone: string, from: string, to: string) => listTicks(text, zone, at(from), at(to)).map(iso);

  test('a fixed time in the gap runs once, when the gap has ended', () => {
    const night = ['2026-03-28T23:00:00Z', '2026-03-29T03:00:00Z'] as const;
    expect(ticks('30 2 * * *', 'Europe/Berlin', ...night)).toEqual(['2026-03-29T01:00:00.000Z']);
    expect(ticks('0,15,30,45 2 * * *', 'Europe/Berlin', ...night)).toEqual(['2026-03-29T01:00:00.000Z']);
    expect(ticks('0 2,3 * * *', 'Europe/Berlin', ...night)).toEqual(['2026-03-29T01:00:00.000Z']);
  });

  test('a fixed time that is shown twice runs the first time', () => {
    const night = ['2026-10-24T22:00:00Z', '2026-10-25T03:00:00Z'] as const;
    expect(ticks('30 2 * * *', 'Europe/Berlin', ...night)).toEqual(['2026-10-25T00:30:00.000Z']);
    expect(ticks('0 3 * * *', 'Europe/Berlin', ...night)).toEqual(['2026-10-25T02:00:00.000Z']);
  });

  test('a wildcard or a step follows elapsed time', () => {
    expect(ticks('*/30 * * * *', 'Europe/Berlin', '2026-10-25T00:00:00Z', '2026-10-25T02:00:00Z')).toHaveLength(4);
    expect(ticks('*/30 * * * *', 'Europe/Berlin', '2026-03-29T00:00:00Z', '2026-03-29T02:00:00Z')).toHaveLength(4);
    expect(ticks('*/30 2 * * *', 'Europe/Berlin', '2026-03-29T00:00:00Z', '2026-03-29T02:00:00Z')).toEqual([]);
  });

  test('half an hour, and a whole day, are gaps as well', () => {
    expect(ticks('10 2 * * *', 'Australia/Lord_Howe', '2026-10-03T12:00:00Z', '2026-10-04T00:00:00Z')).toEqual([
      '2026-10-03T15:30:00.000Z',
    ]);
    expect(ticks('0 12 * * *', 'Pacific/Apia', '2011-12-30T00:00:00Z', '2011-12-31T12:00:00Z')).toEqual([
      '2011-12-30T10:00:00.000Z',
      '2011-12-30T22:00:00.000Z',
    ]);
  });

  const everyZone = process.env['MARTLET_TEST_ALL_ZONES'] === '1';
  const all = Intl.supportedValuesOf('timeZone');
  const sample = ['Europe/Berlin', 'Australia/Lord_Howe', 'Pacific/Apia', 'Africa/Casablanca', 'America/St_Johns', 'Antarctica/Troll'];
  const years = everyZone ? [2000, 2037] : [2010, 2011];
  test.each(everyZone ? all : sample)(
    '%s: as the oracle says around every change',
    (zone) => {
      const offsets = offsetReader(zone);
      for (const change of changesOf(offsets, Date.UTC(years[0] ?? 0, 0, 1), Date.UTC((years[1] ?? 0) + 1, 0, 1))) {
        const [from, to] = [change - 30 * HOUR, change + 30 * HOUR];
        const clock = wallClock(offsets, from - 30 * HOUR, to);
        for (const text of EXPRESSIONS) {
          const expected = oracleTicks(text, clock, from);
          expect(firstDifference(listTicks(text, zone, from, to), expected), `${text} around ${iso(change)}`).toBeUndefined();
          expect(firstDifference(listTicksBackwards(text, zone, from, to), expected), `${text} backwards`).toBeUndefined();
        }
      }
    },
    everyZone ? 600_000 : 60_000,
  );
});

describe('going forward and back', () => {
  test('the tick before the next tick is the last at or before now', () => {
    const texts = fc.constantFrom(...EXPRESSIONS, '0 0 29 2 *', '@yearly', '15 */6 L * *', '* * * 2 1#5', '0 3 15W * *', '*/7 * * * * *');
    const zones = fc.constantFrom('UTC', 'Europe/Berlin', 'Pacific/Apia', 'America/New_York', 'Asia/Kathmandu');
    fc.assert(
      fc.property(texts, zones, fc.integer({ min: Date.UTC(2000, 0), max: Date.UTC(2037, 0) }), (text, zone, now) => {
        const expression = parseCronExpression(text, zone);
        const next = expression.nextAfter(now);
        const previous = expression.previousAtOrBefore(now);
        if (next === null || previous === null) throw new Error('there is one on both sides');
        expect(previous).toBeLessThanOrEqual(now);
        expect(next).toBeGreaterThan(now);
        expect(expression.nextAfter(previous)).toBe(next);
        expect(expression.previousAtOrBefore(next - 1)).toBe(previous);
        expect(expression.previousAtOrBefore(next)).toBe(next);
      }),
      { numRuns: 200 },
    );
  });
});

describe('counting', () => {
  test('is what walking counts, over changes of the clock as well', () => {
    const texts = fc.constantFrom(...EXPRESSIONS, '*/7,30 */15 * * * *', '0 0 29 2 *', '5 4 1-7 * 1', '0,1 30 2 * * *');
    const zones = fc.constantFrom('UTC', 'Europe/Berlin', 'Pacific/Apia', 'Australia/Lord_Howe', 'America/New_York');
    const times = fc.oneof(
      fc.integer({ min: Date.UTC(2000, 0), max: Date.UTC(2037, 0) }),
      fc.constantFrom('2011-12-30T10:00Z', '2026-03-29T01:00Z', '2026-10-25T01:00Z', '2026-10-25T00:30Z').map(at),
    );
    fc.assert(
      fc.property(texts, zones, times, fc.nat(4 * DAY), fc.nat(4 * DAY), (text, zone, time, before, after) => {
        const [from, to] = [time - before, time + after];
        expect(parseCronExpression(text, zone).countBetween(from, to)).toBe(listTicks(text, zone, from, to).length);
      }),
      { numRuns: 80 },
    );
  });

  test('begins right at a change, in both directions', () => {
    for (const change of [at('2026-03-29T01:00Z'), at('2026-10-25T01:00Z')])
      for (const text of ['*/15 * * * *', '0,15 2,3 * * *'])
        for (const [from, to] of [[change - 1000, change] as const, [change - 1, change + HOUR] as const, [change, change + HOUR] as const])
          expect(parseCronExpression(text, 'Europe/Berlin').countBetween(from, to)).toBe(listTicks(text, 'Europe/Berlin', from, to).length);
  });

  test('takes milliseconds for the millions of 400 days', () => {
    const every = parseCronExpression('* * * * * *', 'Europe/Berlin');
    const from = at('2025-01-01T00:00:00Z');
    expect(every.countBetween(from, from + 400 * DAY)).toBe(400 * 86_400);
    expect(every.countBetween(from, from)).toBe(0);
    expect(every.countBetween(from, from - DAY)).toBe(0);
  });
});

// The oracle: walks minute by minute through what Intl shows, and knows numbers, lists, ranges and steps only.

const EXPRESSIONS = [
  '30 2 * * *',
  '0 0 * * *',
  '0,10,20,50 0-3 * * *',
  '59 23 * * *',
  '5 1,2,3 * * 0',
  '15 12 * * 1-5',
  '* 0-3 * * *',
  '*/15 * * * *',
  '0 * * * *',
  '7 */2 * * *',
  '*/20 2 * * *',
  '10-50/20 0-3 28-31 * *',
];

interface Clock {
  readonly times: readonly number[];
  readonly walls: readonly number[];
}

function oracleTicks(text: string, { times, walls }: Clock, from: number): number[] {
  const matches = matcher(text);
  const [minute = '', hour = ''] = text.split(' ');
  const elapsed = /[*/]/.test(minute + hour);
  const found: number[] = [];
  let highest = walls[0] ?? 0;
  for (const [index, time] of times.entries()) {
    const wall = walls[index] ?? 0;
    let fires = elapsed && matches(wall);
    // A fixed time fires at the first minute at which the clock has reached it or gone beyond.
    if (!elapsed) for (let passed = highest + MINUTE; passed <= wall && !fires; passed += MINUTE) fires = matches(passed);
    highest = Math.max(highest, wall);
    if (fires && time > from) found.push(time);
  }
  return found;
}

function matcher(text: string): (wall: number) => boolean {
  const limits = [60, 24, 32, 13, 8];
  const sets = text.split(' ').map((field, at) => {
    const set = new Set<number>();
    for (const item of field.split(',')) {
      const [range = '', step = '1'] = item.split('/');
      const [first = 0, last = range === '*' ? (limits[at] ?? 0) : first] = range === '*' ? [0] : range.split('-').map(Number);
      for (let value = first; value <= last; value += Number(step)) set.add(value);
    }
    return set;
  });
  return (wall) => {
    const date = new Date(wall);
    const values = [date.getUTCMinutes(), date.getUTCHours(), date.getUTCDate(), date.getUTCMonth() + 1, date.getUTCDay()];
    return values.every((value, at) => sets[at]?.has(value) === true);
  };
}

function offsetReader(zone: string): (time: number) => number {
  const format = new Intl.DateTimeFormat('en-GB', {
    timeZone: zone,
    hourCycle: 'h23',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
  });
  return (time) => {
    const [day = 0, month = 0, year = 0, hour = 0, minute = 0] = format.format(time).split(/\D+/).map(Number);
    return Date.UTC(year, month - 1, day, hour, minute) - time;
  };
}

function changesOf(offsetAt: (time: number) => number, from: number, to: number): number[] {
  const found: number[] = [];
  for (let day = from; day < to; day += DAY) {
    if (offsetAt(day) === offsetAt(day + DAY)) continue;
    for (let time = day + MINUTE; time <= day + DAY; time += MINUTE) if (offsetAt(time) !== offsetAt(time - MINUTE)) found.push(time);
  }
  return found;
}

/** Offsets change at multiples of fifteen minutes in every zone since 2000, so that Intl is asked once per fifteen. */
function wallClock(offsetAt: (time: number) => number, from: number, to: number): Clock {
  const times: number[] = [];
  const walls: number[] = [];
  let offset = 0;
  for (let time = from; time <= to; time += MINUTE) {
    if (time === from || time % (15 * MINUTE) === 0 || time % (15 * MINUTE) === MINUTE) offset = offsetAt(time);
    times.push(time);
    walls.push(time + offset);
  }
  return { times, walls };
}

function listTicks(text: string, zone: string, from: number, to: number): number[] {
  const expression = parseCronExpression(text, zone);
  const found: number[] = [];
  for (let tick = expression.nextAfter(from); tick !== null && tick <= to; tick = expression.nextAfter(tick)) found.push(tick);
  return found;
}

function listTicksBackwards(text: string, zone: string, from: number, to: number): number[] {
  const expression = parseCronExpression(text, zone);
  const found: number[] = [];
  for (let tick = expression.previousAtOrBefore(to); tick !== null && tick > from; tick = expression.previousAtOrBefore(tick - 1))
    found.unshift(tick);
  return found;
}

/** Where two lists part; a whole comparison of thousands takes minutes to print. */
function firstDifference(given: readonly number[], expected: readonly number[]) {
  const at = Array.from({ length: Math.max(given.length, expected.length) }).findIndex((_, index) => given[index] !== expected[index]);
  return at < 0 ? undefined : { given: iso(given[at] ?? null), expected: iso(expected[at] ?? null) };
}

function problemOf(text: string, zone = 'UTC'): string | undefined {
  try {
    parseCronExpression(text, zone);
    return undefined;
  } catch (error) {
    if (!isPlatformError(error)) throw error;
    expect(error.code).toBe('schedule_invalid');
    expect(error.status).toBe(400);
    return error.message;
  }
}
