/** Times and spans as people type them, and as they read them. */
import { describe, expect, test, vi } from 'vitest';
import { inZone, stateOf } from '../src/commands/triggers/schedule-words.ts';
import { readSeconds, readSpan, readTime, readWhen } from '../src/terminal/read-time.ts';
import { styleFor } from '../src/terminal/style.ts';
import { timeline } from '../src/terminal/timeline.ts';
import { sinceStart, until } from '../src/terminal/units.ts';

describe('what is typed', () => {
  test.each([
    ['250ms', 250],
    ['30s', 30_000],
    ['1.5h', 5_400_000],
    ['1h30m', 5_400_000],
    ['2d', 172_800_000],
    ['1w', 604_800_000],
  ])('%s is a span', (text, milliseconds) => expect(readSpan(text, '--in')).toBe(milliseconds));

  test.each(['', '5', 's', '-1s', '1 h', '1y', '1h x', 'Infinitys'])('%j is none', (text) => {
    expect(() => readSpan(text, '--in')).toThrow(/as --in: it is no span of time/);
  });

  test('seconds are at least one', () => expect([readSeconds('1ms', '--x'), readSeconds('90s', '--x')]).toEqual([1, 90]));

  test.each([
    ['2027-01-31T18:00:00Z', '2027-01-31T18:00:00.000Z'],
    ['2027-01-31t18:00:00.5z', '2027-01-31T18:00:00.500Z'],
    ['2027-01-31 18:00+02:00', '2027-01-31T16:00:00.000Z'],
    ['2028-02-29T00:00Z', '2028-02-29T00:00:00.000Z'],
  ])('%s is a time', (text, iso) => expect(readTime(text, '--at').toISOString()).toBe(iso));

  test('a time without a zone is that of this machine, and a date its midnight', () => {
    expect(readTime('2027-01-31T18:00', '--at')).toEqual(new Date(2027, 0, 31, 18));
    expect(readTime('2027-01-31', '--at')).toEqual(new Date(2027, 0, 31));
  });

  test.each([
    '',
    'tomorrow',
    '2027-02-29',
    '2027-13-01',
    '2027-01-31T25:00',
    '2027-01-00',
    '1',
    '27-01-01',
    '2027-01-31T18:00 Europe/Berlin',
  ])('%j is none', (text) => {
    expect(() => readTime(text, '--before')).toThrow(/as --before: it is no date with a time/);
  });

  test('only one of --at and --in says when', () => {
    vi.useFakeTimers({ now: Date.UTC(2027, 0, 1) });
    try {
      expect(readWhen({})).toBeUndefined();
      expect(readWhen({ in: '1d' })).toBe('2027-01-02T00:00:00.000Z');
      expect(readWhen({ at: '2027-01-31T18:00Z' })).toBe('2027-01-31T18:00:00.000Z');
      expect(() => readWhen({ at: '2027-01-31', in: '1d' })).toThrow('give one of them');
    } finally {
      vi.useRealTimers();
    }
  });
});

describe('what is read', () => {
  const now = Date.UTC(2027, 0, 1);
  const after = (milliseconds: number): string => new Date(now + milliseconds).toISOString();

  test.each([
    [-1, 'now'],
    [40_000, 'in 40 s'],
    [3_599_000, 'in 59 min'],
    [7_200_000, 'in 2 h'],
    [86_400_000, 'in 1 day'],
    [172_800_000, 'in 2 days'],
  ])('%d ms from now is %s', (milliseconds, text) => expect(until(after(milliseconds), now)).toBe(text));

  test('no date is no text', () => expect(until('', now)).toBe(''));

  test.each([
    [0.4, '+0 ms'],
    [999, '+999 ms'],
    [1250, '+1.3 s'],
    [242_000, '+4 min 2 s'],
    [11_100_000, '+3 h 5 min'],
    [183_600_000, '+2 days 3 h'],
  ])('%d ms later is %s', (milliseconds, text) => expect(sinceStart(milliseconds)).toBe(text));

  test('times of a zone have its distance from UTC', () => {
    expect(inZone('2027-03-28T01:00:00Z', 'Europe/Berlin')).toBe('Sun 2027-03-28 03:00:00 GMT+2');
    expect(inZone('2027-10-31T00:00:00Z', 'Asia/Kolkata')).toBe('Sun 2027-10-31 05:30:00 GMT+5:30');
    expect(inZone('2027-01-01T00:00:00Z', 'UTC')).toMatch(/^Fri 2027-01-01 00:00:00 (?:GMT|UTC)/);
  });

  test('a schedule is due, paused or over', () => {
    const schedule = { enabled: true, next: [new Date(Date.now() + 90_500).toISOString()] };
    const state = (change: object) => stateOf({ ...schedule, ...change } as Parameters<typeof stateOf>[0]);
    expect([state({}), state({ enabled: false, next: [] }), state({ next: [] })]).toEqual(['next in 1 min', 'paused', 'over']);
  });

  test('a story is in columns, with its days, and without control characters', () => {
    const local = (day: number, milliseconds: number): string => new Date(2027, 0, day, 23, 59, 59, milliseconds).toISOString();
    const lines = timeline(
      [
        { at: local(1, 0), code: 'accepted', text: 'It was accepted.' },
        { at: local(1, 12), code: 'ran', text: 'It ran \u001b[31mred\u001b[2J.' },
        { at: local(2, 0), code: 'dead', text: 'No more.' },
      ],
      styleFor({}, {}),
    );
    expect(lines).toEqual([
      '2027-01-01',
      '  23:59:59.000              accepted  It was accepted.',
      '  23:59:59.012      +12 ms  ran       It ran red\ufffd[2J.',
      '2027-01-02',
      '  23:59:59.000  +1 day 0 h  dead      No more.',
    ]);
    expect(timeline([], styleFor({}, {}))).toEqual([]);
  });
});
