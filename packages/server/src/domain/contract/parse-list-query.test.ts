import { isPlatformError } from '@martlet/protocol';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Filter } from '../list-query.ts';
import { executionAttributes, functionAttributes } from '../list-attributes.ts';
import { parseListQuery } from './parse-list-query.ts';

const parse = (...queries: unknown[]) =>
  parseListQuery(
    queries.map((query) => JSON.stringify(query)),
    functionAttributes,
  );
const query = (method: string, attribute?: string, ...values: unknown[]) => ({
  method,
  ...(attribute === undefined ? {} : { attribute }),
  ...(values.length === 0 ? {} : { values }),
});

describe('a list query', () => {
  test('has the defaults of the contract', () => {
    expect(parse()).toEqual({ query: { filters: [], order: [], limit: 25, offset: 0, withTotal: true }, select: undefined });
  });

  test('keeps filters and orders as given, and of limit, offset and cursor the first', () => {
    const { query: parsed } = parse(
      query('equal', 'name', 'a', 'b'),
      query('between', 'timeout', 1, 5),
      query('contains', 'name', 'x'),
      query('isNull', 'deploymentId'),
      query('orderDesc', 'name'),
      query('orderAsc', ''),
      query('limit', undefined, 5),
      query('limit', undefined, 9),
      query('offset', undefined, 7),
      query('cursorBefore', undefined, 'first'),
      query('cursorAfter', undefined, 'second'),
    );
    expect(parsed).toEqual({
      filters: [
        { kind: 'equal', attribute: 'name', values: ['a', 'b'] },
        { kind: 'between', attribute: 'timeout', from: 1, to: 5 },
        { kind: 'contains', attribute: 'name', text: 'x' },
        { kind: 'isNull', attribute: 'deploymentId' },
      ],
      order: [
        { attribute: 'name', direction: 'desc' },
        { attribute: '$sequence', direction: 'asc' },
      ],
      limit: 5,
      offset: 7,
      cursor: { id: 'first', side: 'before' },
      withTotal: true,
    });
  });

  test('turns dates into milliseconds', () => {
    const [filter] = parse(query('greaterThan', '$createdAt', '2026-01-31T06:38:00.000+00:00')).query.filters;
    expect(filter).toEqual({ kind: 'greaterThan', attribute: '$createdAt', value: Date.UTC(2026, 0, 31, 6, 38) });
  });

  test('nests and and or', () => {
    const [filter] = parse(
      query(
        'or',
        undefined,
        query('equal', 'name', 'a'),
        query('and', undefined, query('equal', 'enabled', true), query('lessThan', 'timeout', 9)),
      ),
    ).query.filters;
    expect(filter).toMatchObject({
      kind: 'or',
      filters: [{ kind: 'equal' }, { kind: 'and', filters: [{ values: [true] }, { value: 9 }] }],
    });
  });

  test.each([
    ['{', 'Invalid query: Syntax error'],
    ['5', 'Invalid query: Must be an object'],
    [query('fly', 'name', 'x'), 'Invalid query method: fly'],
    [query('equal', 'secret', 'x'), 'Invalid query: Attribute not found in schema: secret'],
    [query('equal', 'constructor', 'x'), 'Invalid query: Attribute not found in schema: constructor'],
    [query('orderAsc', '__proto__'), 'Invalid query: Attribute not found in schema: __proto__'],
    [query('equal', 'name'), 'Equal queries require at least one value.'],
    [query('lessThan', 'timeout', 1, 2), 'LessThan queries require exactly one value.'],
    [query('between', 'timeout', 1), 'Between queries require exactly two values.'],
    [query('and', undefined, query('equal', 'name', 'x')), 'And queries require at least two queries'],
    [query('or', undefined, query('limit', undefined, 1), query('equal', 'name', 'x')), 'Or queries can only contain filter queries'],
    [query('limit', undefined, 0), 'Invalid limit: Value must be a valid range between 1 and 5000'],
    [query('limit', undefined, 5001), 'Invalid limit: Value must be a valid range between 1 and 5000'],
    [query('limit', undefined, '5'), 'Invalid limit'],
    [query('offset', undefined, -1), 'Invalid offset'],
    [query('equal', 'timeout', '15'), 'Query value is invalid for attribute "timeout"'],
    [query('equal', 'enabled', 1), 'Query value is invalid for attribute "enabled"'],
    [query('equal', '$createdAt', 'yesterday'), 'Query value is invalid for attribute "$createdAt"'],
    [query('startsWith', 'timeout', '1'), 'Query value is invalid for attribute "timeout"'],
    [query('equal', 'name', ...Array.from({ length: 501 }, () => 'x')), 'greater than 500 values'],
    [{ method: 'equal', attribute: 'name', values: ['x'.repeat(5000)] }, 'no longer than 4096 chars'],
  ])('is refused: %j', (given, message) => {
    const text = typeof given === 'string' ? given : JSON.stringify(given);
    expect(() => parseListQuery([text], functionAttributes)).toThrow(
      expect.objectContaining({ code: 'general_argument_invalid', message: expect.stringContaining(message) }),
    );
    expect(() => parseListQuery([text], functionAttributes)).toThrow(/^Invalid `queries` param: /);
  });

  test('with more than a hundred parts is refused', () => {
    expect(() => parse(...Array.from({ length: 101 }, () => query('limit', undefined, 1)))).toThrow(/no longer than 100 items/);
  });

  test('that searches a text is refused with a type of its own', () => {
    expect(() => parse(query('search', 'name', 'x'))).toThrow(
      expect.objectContaining({ code: 'general_query_invalid', message: 'Searching by attribute "name" requires a fulltext index.' }),
    );
  });

  test('is either refused with a code of the registry or names allowed attributes only, whatever it is made of', () => {
    const word = fc.oneof(
      fc.constantFrom(
        'equal',
        'notEqual',
        'lessThan',
        'between',
        'contains',
        'and',
        'or',
        'limit',
        'offset',
        'orderAsc',
        'select',
        'cursorAfter',
        'isNull',
        'search',
      ),
      fc.string(),
    );
    const attribute = fc.oneof(fc.constantFrom(...Object.keys(executionAttributes)), fc.string());
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof(
        { depthSize: 'small' },
        fc.string(),
        fc.double(),
        fc.boolean(),
        fc.constant(null),
        fc.constant('2026-01-01'),
        tie('query'),
      ),
      query: fc.record({ method: word, attribute, values: fc.array(tie('value'), { maxLength: 3 }) }, { requiredKeys: ['method'] }),
    }));
    const text = fc.oneof(
      fc.string(),
      value.map((one) => JSON.stringify(one) ?? ''),
    );
    fc.assert(
      fc.property(fc.array(text, { maxLength: 4 }), (texts) => {
        try {
          const { query: parsed } = parseListQuery(texts, executionAttributes);
          expect(
            [...attributesOf(parsed.filters), ...parsed.order.map((one) => one.attribute)].filter(
              (name) => !Object.hasOwn(executionAttributes, name),
            ),
          ).toEqual([]);
          expect(parsed.limit >= 1 && parsed.limit <= 5000 && parsed.offset >= 0).toBe(true);
        } catch (error) {
          if (!isPlatformError(error)) throw error;
          expect(['general_argument_invalid', 'general_query_invalid']).toContain(error.code);
        }
      }),
      { numRuns: 2000 },
    );
  });
});

function attributesOf(filters: readonly Filter[]): string[] {
  return filters.flatMap((filter) => ('filters' in filter ? attributesOf(filter.filters) : [filter.attribute]));
}
