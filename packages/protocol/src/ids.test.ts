import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatId } from './ids.ts';

const micros = fc.integer({ min: 0, max: 2 ** 52 - 1 });
const random28 = fc.integer({ min: 0, max: 2 ** 28 - 1 });
const padded = (number: number, digits: number): string => number.toString(16).padStart(digits, '0');

test('an id is its second, its microsecond and its chance, in hexadecimal', () => {
  fc.assert(
    fc.property(micros, random28, (now, chance) => {
      expect(formatId(now, chance)).toBe(padded(Math.floor(now / 1e6), 8) + padded(now % 1e6, 5) + padded(chance, 7));
    }),
  );
});

test('ids sort by their time, also across the turn of a second', () => {
  fc.assert(
    fc.property(micros, fc.integer({ min: 1, max: 2_000_000 }), random28, random28, (now, later, one, other) => {
      expect(formatId(now, one) < formatId(now + later, other)).toBe(true);
    }),
  );
});
