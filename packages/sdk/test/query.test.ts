/** Queries, letter by letter as the Appwrite clients write them (appwrite 28.0.0, recorded). */
import { expect, test } from 'vitest';
import { Query } from '../src/index.ts';

const recorded: [string, string][] = [
  [Query.equal('a', 1), '{"method":"equal","attribute":"a","values":[1]}'],
  [Query.equal('a', ['x', 'y']), '{"method":"equal","attribute":"a","values":["x","y"]}'],
  [Query.equal('a', true), '{"method":"equal","attribute":"a","values":[true]}'],
  [Query.equal('a', null), '{"method":"equal","attribute":"a","values":[null]}'],
  [Query.notEqual('a', 'b'), '{"method":"notEqual","attribute":"a","values":["b"]}'],
  [Query.lessThan('a', 1), '{"method":"lessThan","attribute":"a","values":[1]}'],
  [Query.lessThanEqual('a', 1), '{"method":"lessThanEqual","attribute":"a","values":[1]}'],
  [Query.greaterThan('a', 1), '{"method":"greaterThan","attribute":"a","values":[1]}'],
  [Query.greaterThanEqual('a', 1), '{"method":"greaterThanEqual","attribute":"a","values":[1]}'],
  [Query.regex('a', '^b'), '{"method":"regex","attribute":"a","values":["^b"]}'],
  [Query.exists(['a', 'b']), '{"method":"exists","values":["a","b"]}'],
  [Query.notExists('a'), '{"method":"notExists","values":["a"]}'],
  [Query.between('a', 1n, 2), '{"method":"between","attribute":"a","values":[1,2]}'],
  [Query.notBetween('a', 1, 2), '{"method":"notBetween","attribute":"a","values":[1,2]}'],
  [Query.isNull('a'), '{"method":"isNull","attribute":"a"}'],
  [Query.isNotNull('a'), '{"method":"isNotNull","attribute":"a"}'],
  [Query.startsWith('a', 'b'), '{"method":"startsWith","attribute":"a","values":["b"]}'],
  [Query.notStartsWith('a', 'b'), '{"method":"notStartsWith","attribute":"a","values":["b"]}'],
  [Query.endsWith('a', 'b'), '{"method":"endsWith","attribute":"a","values":["b"]}'],
  [Query.notEndsWith('a', 'b'), '{"method":"notEndsWith","attribute":"a","values":["b"]}'],
  [Query.search('a', 'b'), '{"method":"search","attribute":"a","values":["b"]}'],
  [Query.notSearch('a', 'b'), '{"method":"notSearch","attribute":"a","values":["b"]}'],
  [Query.contains('a', 'b'), '{"method":"contains","attribute":"a","values":["b"]}'],
  [Query.contains('a', ['b']), '{"method":"contains","attribute":"a","values":["b"]}'],
  [Query.notContains('a', ['b']), '{"method":"notContains","attribute":"a","values":["b"]}'],
  [Query.containsAny('a', ['b']), '{"method":"containsAny","attribute":"a","values":["b"]}'],
  [Query.containsAll('a', ['b']), '{"method":"containsAll","attribute":"a","values":["b"]}'],
  [Query.select(['a']), '{"method":"select","values":["a"]}'],
  [Query.orderAsc('a'), '{"method":"orderAsc","attribute":"a"}'],
  [Query.orderDesc('a'), '{"method":"orderDesc","attribute":"a"}'],
  [Query.orderRandom(), '{"method":"orderRandom"}'],
  [Query.limit(1), '{"method":"limit","values":[1]}'],
  [Query.offset(1), '{"method":"offset","values":[1]}'],
  [Query.cursorAfter('x'), '{"method":"cursorAfter","values":["x"]}'],
  [Query.cursorBefore('x'), '{"method":"cursorBefore","values":["x"]}'],
  [Query.createdBefore('x'), '{"method":"lessThan","attribute":"$createdAt","values":["x"]}'],
  [Query.createdAfter('x'), '{"method":"greaterThan","attribute":"$createdAt","values":["x"]}'],
  [Query.createdBetween('x', 'y'), '{"method":"between","attribute":"$createdAt","values":["x","y"]}'],
  [Query.updatedBefore('x'), '{"method":"lessThan","attribute":"$updatedAt","values":["x"]}'],
  [Query.updatedAfter('x'), '{"method":"greaterThan","attribute":"$updatedAt","values":["x"]}'],
  [Query.updatedBetween('x', 'y'), '{"method":"between","attribute":"$updatedAt","values":["x","y"]}'],
  [
    Query.or([Query.equal('a', 1), Query.and([Query.isNull('b'), Query.limit(2)])]),
    '{"method":"or","values":[{"method":"equal","attribute":"a","values":[1]},{"method":"and","values":[{"method":"isNull","attribute":"b"},{"method":"limit","values":[2]}]}]}',
  ],
  [
    Query.elemMatch('a', [Query.equal('b', 1)]),
    '{"method":"elemMatch","attribute":"a","values":[{"method":"equal","attribute":"b","values":[1]}]}',
  ],
  [
    Query.and([Query.isNull('b'), Query.limit(2)]),
    '{"method":"and","values":[{"method":"isNull","attribute":"b"},{"method":"limit","values":[2]}]}',
  ],
  [Query.distanceEqual('a', [1, 2], 5), '{"method":"distanceEqual","attribute":"a","values":[[[1,2],5,true]]}'],
  [Query.distanceEqual('a', [[1, 2]], 5, false), '{"method":"distanceEqual","attribute":"a","values":[[[[1,2]],5,false]]}'],
  [Query.distanceNotEqual('a', [1, 2], 5), '{"method":"distanceNotEqual","attribute":"a","values":[[[1,2],5,true]]}'],
  [Query.distanceGreaterThan('a', [1, 2], 5), '{"method":"distanceGreaterThan","attribute":"a","values":[[[1,2],5,true]]}'],
  [Query.distanceLessThan('a', [1, 2], 5), '{"method":"distanceLessThan","attribute":"a","values":[[[1,2],5,true]]}'],
  ...(['vectorDot', 'vectorCosine', 'vectorEuclidean', 'intersects', 'notIntersects', 'crosses', 'notCrosses'] as const).map(
    (name): [string, string] => [Query[name]('a', [1, 2]), `{"method":"${name}","attribute":"a","values":[[1,2]]}`],
  ),
  ...(['overlaps', 'notOverlaps', 'touches', 'notTouches'] as const).map((name): [string, string] => [
    Query[name]('a', [1]),
    `{"method":"${name}","attribute":"a","values":[[1]]}`,
  ]),
];

test.each(recorded)('%s', (written, expected) => {
  expect(written).toBe(expected);
});

test('every method is among the recorded ones', () => {
  const methods = new Set(recorded.map(([, text]) => (JSON.parse(text) as { method: string }).method));
  const dates = ['createdBefore', 'createdAfter', 'createdBetween', 'updatedBefore', 'updatedAfter', 'updatedBetween'];
  expect(Object.keys(Query).filter((name) => !methods.has(name) && !dates.includes(name))).toEqual([]);
});

test('an integer that JSON cannot hold is refused', () => {
  expect(() => Query.equal('a', 2n ** 60n)).toThrow(/give it as a string/);
});
