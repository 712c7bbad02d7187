import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { flattenHeaders, headerPairs } from './execution-headers.ts';

describe('headers for a function', () => {
  test('become lower case and flat, numbers and booleans become text', () => {
    expect(flattenHeaders({ 'X-One': 'a', 'two-2': 2, three: true })).toEqual(['x-one', 'a', 'two-2', '2', 'three', 'true']);
    expect(headerPairs(['a', '1', 'a', '2'])).toEqual([
      { name: 'a', value: '1' },
      { name: 'a', value: '2' },
    ]);
  });

  test.each([
    [{ 'x-appwrite-key': 'x' }],
    [{ 'X-Appwrite-Trigger': 'x' }],
    [{ 'x-martlet-project': 'x' }],
    [{ connection: 'close' }],
    [{ 'transfer-encoding': 'chunked' }],
    [{ a_b: 'x' }],
    [{ '-a': 'x' }],
    [{ 'a-': 'x' }],
    [{ '': 'x' }],
    [{ a: 'x\ny' }],
    [{ a: 'x\0' }],
    [{ a: 'Ā' }],
    [{ a: null }],
    [{ a: ['x'] }],
    [Object.fromEntries(Array.from({ length: 101 }, (_, n) => [`a${n}`, 'x']))],
    [{ a: 'x'.repeat(16_384) }],
  ])('may not be %j', (headers) => {
    expect(flattenHeaders(headers)).toBeUndefined();
  });

  test('that are let through are headers that HTTP can carry unchanged', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.oneof(fc.string({ unit: 'binary' }), fc.string(), fc.integer())), (headers) => {
        const flat = flattenHeaders(headers);
        for (const { name, value } of headerPairs(flat ?? [])) {
          const carried = new Headers();
          carried.append(name, value);
          expect(carried.get(name)).toBe(value.replace(/^[\t ]+|[\t ]+$/g, ''));
          expect(name.startsWith('x-appwrite')).toBe(false);
        }
      }),
    );
  });
});
