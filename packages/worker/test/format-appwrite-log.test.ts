import { expect, it } from 'vitest';
import { formatAppwriteLog } from '../src/appwrite/format-appwrite-log.ts';

const circle: Record<string, unknown> = {};
circle['self'] = circle;

it.each<[string, unknown[], string]>([
  ['nothing', [], ''],
  ['text', ['%s fmt', 'x'], '%s fmt x'],
  ['undefined and null', [undefined, null], 'null null'],
  ['a list with a hole', [[1, undefined]], '[1,null]'],
  ['an object with undefined', [{ a: undefined }], '{"a":null}'],
  ['a map', [new Map([['a', 1]])], '[["a",1]]'],
  ['a set', [new Set([1, 2])], '[1,2]'],
  ['a function and a symbol', [() => 1, Symbol('s')], ' '],
  ['special numbers', [Number.NaN, -0, Number.POSITIVE_INFINITY, 10n], '"NaN" "-0" "Infinity" "10"'],
  ['a date', [new Date(0)], '"1970-01-01T00:00:00.000Z"'],
  ['an invalid date', [new Date(Number.NaN)], 'null'],
  ['a regular expression', [/r/g], '"/r/g"'],
  ['a URL', [new URL('http://a/b')], '"http://a/b"'],
  ['an error inside', [{ e: new TypeError('in') }], '{"e":{"name":"TypeError","message":"in"}}'],
  ['a circle', [circle], '{"self":null}'],
  ['bytes', [new Uint8Array([1, 2])], '[1,2]'],
  ['a toJSON of its own', [{ toJSON: () => ({ big: 1n }) }], '{"big":"1"}'],
  ['a key named __proto__', [JSON.parse('{"__proto__":1}')], '{"__proto__":1}'],
  [
    'what throws when read',
    [
      {
        get a() {
          throw new Error('no');
        },
      },
    ],
    '[object Object]',
  ],
  [
    'what throws when written',
    [
      {
        get a() {
          throw new Error('no');
        },
        toString() {
          throw new Error('no');
        },
      },
    ],
    '[cannot be shown]',
  ],
])('writes %s', (_, values, text) => expect(formatAppwriteLog(values)).toBe(text));

it('writes the stack of an error', () => {
  const error = new Error('x');
  expect(formatAppwriteLog([error])).toBe(error.stack);
});

it('bounds the work for huge values', () => {
  let branches: unknown = 1;
  for (let depth = 0; depth < 40; depth += 1) branches = [branches, branches];
  expect(formatAppwriteLog([branches]).length).toBeLessThan(500_000);
});
