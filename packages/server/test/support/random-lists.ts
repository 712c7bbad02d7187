/** Random rows and list queries whose values often meet. */
import * as fc from 'fast-check';
import { executionAttributes, functionAttributes, type Attributes } from '../../src/domain/list-attributes.ts';
import type { ExecutionRow, Filter, FunctionRow, ListQuery, Value } from '../../src/ports/store.ts';
import { aFunction, anExecution } from './rows.ts';

const texts = fc.constantFrom(
  '',
  'a',
  'A',
  'b',
  'ab',
  'a%',
  'a_b',
  "a'b",
  'ü',
  '\uff5e',
  '😀',
  'null',
  '\\',
  'GET',
  'completed',
  'failed',
  'f1',
);
const numbers = fc.constantFrom(-1, 0, 0.001, 0.0015, 0.1, 1, 1.5, 2, 200, 404, 500);
const times = fc.constantFrom(0, 1000, 1001, 1002, 1_769_817_600_000);

export const executionRows = (projectId: string): fc.Arbitrary<ExecutionRow> =>
  fc
    .record({
      id: fc.uuid(),
      createdAt: times,
      updatedAt: times,
      functionId: fc.constantFrom('f1', 'f2'),
      deploymentId: texts,
      trigger: fc.constantFrom('http', 'schedule', 'event', 'manual'),
      status: fc.constantFrom('scheduled', 'waiting', 'processing', 'completed', 'failed'),
      errorCode: fc.constantFrom(null, null, 'execution_threw', 'execution_crashed'),
      userId: fc.constantFrom(null, 'u1', 'u2'),
      requestMethod: fc.constantFrom('GET', 'POST'),
      requestPath: texts,
      responseStatus: fc.constantFrom(0, 200, 404, 500),
      runMs: fc.constantFrom(0, 1, 1.5, 100, 1000, 1500),
    })
    .map((facts) => anExecution({ ...facts, projectId }));

export const functionRows = (projectId: string): fc.Arbitrary<FunctionRow> =>
  fc
    .record({
      createdAt: times,
      updatedAt: times,
      name: texts,
      path: fc.constantFrom('a', 'b', 'ab'),
      enabled: fc.boolean(),
      live: fc.boolean(),
      runtime: fc.constantFrom('node-22', 'node-24', 'deno-2'),
      activeDeploymentId: fc.option(texts),
      schedule: fc.constantFrom('', '* * * * *'),
      timeoutSeconds: fc.constantFrom(1, 2, 15),
      memoryMb: fc.constantFrom(64, 200),
      entrypoint: texts,
      commands: texts,
    })
    .map((facts) => aFunction({ ...facts, projectId }));

export const executionQueries = (rows: readonly ExecutionRow[]) =>
  fc.record({
    query: queries(executionAttributes, rows),
    functionId: fc.constantFrom(null, 'f1', 'f2'),
    readerUserId: fc.constantFrom(undefined, undefined, 'u1'),
  });

export const functionQueries = (rows: readonly FunctionRow[]) =>
  fc.record({ query: queries(functionAttributes, rows), search: fc.constantFrom(undefined, '', 'node', 'NODE a', 'ü', '%') });

function queries(
  attributes: typeof executionAttributes | typeof functionAttributes,
  rows: readonly { id: string }[],
): fc.Arbitrary<ListQuery> {
  const order = fc.record({
    attribute: fc.constantFrom(...Object.keys(attributes)),
    direction: fc.constantFrom('asc' as const, 'desc' as const),
  });
  const cursor = fc.record({
    id: fc.constantFrom(...rows.map((row) => row.id)),
    side: fc.constantFrom('after' as const, 'before' as const),
  });
  return fc
    .record({
      filters: fc.array(filters(attributes), { maxLength: 3 }),
      order: fc.array(order, { maxLength: 3 }),
      limit: fc.integer({ min: 1, max: 40 }),
      offset: fc.constantFrom(0, 0, 1, 10),
      cursor: fc.option(cursor, { nil: undefined }),
      withTotal: fc.boolean(),
    })
    .map(({ cursor: at, ...query }) => (at === undefined ? query : { ...query, cursor: at }));
}

function filters(attributes: Attributes): fc.Arbitrary<Filter> {
  // Numbers of insertion are each store's own: they order alike, but are not alike.
  const comparable = Object.entries(attributes).filter(([attribute]) => attribute !== '$sequence');
  const leaf = fc.constantFrom(...comparable).chain(([attribute, type]) => {
    const value: fc.Arbitrary<Value> = { text: texts, number: numbers, boolean: fc.boolean(), date: times }[type];
    const comparing = fc.record({
      kind: fc.constantFrom('lessThan', 'lessThanEqual', 'greaterThan', 'greaterThanEqual'),
      attribute: fc.constant(attribute),
      value,
    });
    const listing = fc.record({
      kind: fc.constantFrom('equal', 'notEqual'),
      attribute: fc.constant(attribute),
      values: fc.array(value, { maxLength: 3 }),
    });
    const between = fc.record({ kind: fc.constant('between'), attribute: fc.constant(attribute), from: value, to: value });
    const absent = fc.record({ kind: fc.constantFrom('isNull', 'isNotNull'), attribute: fc.constant(attribute) });
    const matching = fc.record({
      kind: fc.constantFrom('startsWith', 'endsWith', 'contains'),
      attribute: fc.constant(attribute),
      text: texts,
    });
    return fc.oneof(comparing, listing, between, absent, ...(type === 'text' ? [matching, matching] : [])) as fc.Arbitrary<Filter>;
  });
  const nested = fc.record({
    kind: fc.constantFrom('and' as const, 'or' as const),
    filters: fc.array(leaf, { minLength: 1, maxLength: 3 }),
  });
  return fc.oneof({ weight: 4, arbitrary: leaf }, { weight: 1, arbitrary: nested });
}
