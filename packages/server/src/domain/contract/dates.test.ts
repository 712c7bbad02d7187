import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatDate, parseDate } from './dates.ts';

test('a date is written in UTC with milliseconds, an unset one is empty', () => {
  expect(formatDate(Date.UTC(2026, 0, 31, 6, 38))).toBe('2026-01-31T06:38:00.000+00:00');
  expect(formatDate(null)).toBe('');
});

test.each([
  ['2026-01-31T06:38:00.000+00:00', Date.UTC(2026, 0, 31, 6, 38)],
  ['2026-01-31T06:38:00Z', Date.UTC(2026, 0, 31, 6, 38)],
  ['2026-01-31T08:38:00+02:00', Date.UTC(2026, 0, 31, 6, 38)],
  ['2026-01-31 06:38:00', Date.UTC(2026, 0, 31, 6, 38)],
  ['2026-01-31T06:38', Date.UTC(2026, 0, 31, 6, 38)],
  ['2026-01-31', Date.UTC(2026, 0, 31)],
])('%s is read', (text, time) => {
  expect(parseDate(text)).toBe(time);
});

test.each(['', 'now', '2026-13-01', '2026-01-31T25:00:00Z', '31.01.2026', '1769841480000', '2026-01-31T06:38:00Z; drop'])(
  '%j is no date',
  (text) => {
    expect(parseDate(text)).toBeUndefined();
  },
);

test('what is written is read back', () => {
  fc.assert(
    fc.property(fc.date({ noInvalidDate: true, min: new Date(0), max: new Date('9999-12-31T23:59:59.999Z') }), (date) => {
      expect(parseDate(formatDate(date.getTime()))).toBe(date.getTime());
    }),
  );
});
