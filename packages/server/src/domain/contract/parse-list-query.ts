/** Reads list queries: JSON texts of the contract become a `ListQuery` that a driver may trust. */
import { PlatformError } from '@martlet/protocol';
import type { Attributes } from '../list-attributes.ts';
import type { Filter, ListQuery, Value } from '../list-query.ts';
import { parseDate } from './dates.ts';

const QUERIES_MAX = 100;
const QUERY_LENGTH_MAX = 4096;
const VALUES_MAX = 500;
const DEPTH_MAX = 4;
const LIMIT_DEFAULT = 25;
const LIMIT_MAX = 5000;

export interface ParsedList {
  readonly query: ListQuery;
  /** Keys to answer with; undefined: all. */
  readonly select: readonly string[] | undefined;
}

/** A query as it is on the wire, with nothing yet believed of its values. */
interface WireQuery {
  readonly method: string;
  readonly attribute: string;
  readonly values: readonly unknown[];
}

interface Draft {
  filters: Filter[];
  order: { attribute: string; direction: 'asc' | 'desc' }[];
  limit: number | undefined;
  offset: number | undefined;
  cursor: ListQuery['cursor'];
  select: string[] | undefined;
}

/**
 * @param texts one JSON text per query
 * @throws {PlatformError} `general_argument_invalid`; `general_query_invalid` for a full text search
 */
export function parseListQuery(texts: readonly string[], attributes: Attributes, withTotal = true): ParsedList {
  if (texts.length > QUERIES_MAX)
    throw refuse(
      `Value must a valid array no longer than ${QUERIES_MAX} items and Value must be a valid string and no longer than ${QUERY_LENGTH_MAX} chars`,
    );
  const draft: Draft = { filters: [], order: [], limit: undefined, offset: undefined, cursor: undefined, select: undefined };
  for (const text of texts) take(draft, readText(text), attributes);
  return {
    query: {
      filters: draft.filters,
      order: draft.order,
      limit: draft.limit ?? LIMIT_DEFAULT,
      offset: draft.offset ?? 0,
      ...(draft.cursor === undefined ? {} : { cursor: draft.cursor }),
      withTotal,
    },
    select: draft.select,
  };
}

function readText(text: string): WireQuery {
  if (text.length > QUERY_LENGTH_MAX)
    throw refuse(`Invalid query: Value must be a valid string and no longer than ${QUERY_LENGTH_MAX} chars`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw refuse('Invalid query: Syntax error');
  }
  return readWire(value);
}

function readWire(value: unknown): WireQuery {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw refuse('Invalid query: Must be an object');
  const { method, attribute = '', values = [] } = value as Record<string, unknown>;
  if (typeof method !== 'string') throw refuse(`Invalid query method: ${JSON.stringify(method)?.slice(0, 80) ?? ''}`);
  if (typeof attribute !== 'string') throw refuse('Invalid query attribute: Must be a string');
  if (!Array.isArray(values)) throw refuse('Invalid query values: Must be an array');
  if (values.length > VALUES_MAX)
    throw refuse(`Invalid query: Query on attribute has greater than ${VALUES_MAX} values: ${attribute.slice(0, 80)}`);
  return { method, attribute, values };
}

/** Queries that shape the page; of each the first one wins. Everything else is a filter. */
function take(draft: Draft, query: WireQuery, attributes: Attributes): void {
  switch (query.method) {
    case 'limit':
      draft.limit ??= wholeNumber(query, 1, LIMIT_MAX);
      return;
    case 'offset':
      draft.offset ??= wholeNumber(query, 0, Number.MAX_SAFE_INTEGER);
      return;
    case 'cursorAfter':
    case 'cursorBefore':
      draft.cursor ??= { id: cursorId(query), side: query.method === 'cursorAfter' ? 'after' : 'before' };
      return;
    case 'orderAsc':
    case 'orderDesc': {
      const attribute = query.attribute === '' ? '$sequence' : query.attribute;
      typeOf(attribute, attributes);
      draft.order.push({ attribute, direction: query.method === 'orderAsc' ? 'asc' : 'desc' });
      return;
    }
    case 'select':
      draft.select ??= selection(query);
      return;
    default:
      draft.filters.push(readFilter(query, attributes, 0));
  }
}

function readFilter(query: WireQuery, attributes: Attributes, depth: number): Filter {
  switch (query.method) {
    case 'equal':
    case 'notEqual':
      if (query.values.length === 0) throw refuse(`Invalid query: ${title(query)} queries require at least one value.`);
      return {
        kind: query.method,
        attribute: query.attribute,
        values: query.values.map((value) => typed(query.attribute, value, attributes)),
      };
    case 'lessThan':
    case 'lessThanEqual':
    case 'greaterThan':
    case 'greaterThanEqual':
      return { kind: query.method, attribute: query.attribute, value: typed(query.attribute, only(query), attributes) };
    case 'between':
      if (query.values.length !== 2) throw refuse('Invalid query: Between queries require exactly two values.');
      return {
        kind: 'between',
        attribute: query.attribute,
        from: typed(query.attribute, query.values[0], attributes),
        to: typed(query.attribute, query.values[1], attributes),
      };
    case 'startsWith':
    case 'endsWith':
      return { kind: query.method, attribute: query.attribute, text: text(query.attribute, only(query), attributes) };
    case 'contains':
      return containsAny(query, attributes);
    case 'isNull':
    case 'isNotNull':
      typeOf(query.attribute, attributes);
      return { kind: query.method, attribute: query.attribute };
    case 'and':
    case 'or':
      return combine(query, attributes, depth);
    case 'search':
      throw new PlatformError(
        'general_query_invalid',
        `Searching by attribute "${query.attribute.slice(0, 80)}" requires a fulltext index.`,
      );
    default:
      throw refuse(`Invalid query method: ${query.method.slice(0, 80)}`);
  }
}

/** Several values of `contains` mean any of them. */
function containsAny(query: WireQuery, attributes: Attributes): Filter {
  if (query.values.length === 0) throw refuse('Invalid query: Contains queries require at least one value.');
  const filters = query.values.map((value) => ({
    kind: 'contains' as const,
    attribute: query.attribute,
    text: text(query.attribute, value, attributes),
  }));
  const [first] = filters;
  return filters.length === 1 && first !== undefined ? first : { kind: 'or', filters };
}

function combine(query: WireQuery, attributes: Attributes, depth: number): Filter {
  const kind = query.method === 'and' ? 'and' : 'or';
  if (query.values.length < 2) throw refuse(`Invalid query: ${title(query)} queries require at least two queries`);
  if (depth >= DEPTH_MAX) throw refuse(`Invalid query: ${title(query)} queries can be nested ${DEPTH_MAX} deep`);
  const filters = query.values.map((value) => {
    const nested = readWire(typeof value === 'string' ? readText(value) : value);
    if (SHAPING.has(nested.method)) throw refuse(`Invalid query: ${title(query)} queries can only contain filter queries`);
    return readFilter(nested, attributes, depth + 1);
  });
  return { kind, filters };
}
const SHAPING = new Set(['limit', 'offset', 'cursorAfter', 'cursorBefore', 'orderAsc', 'orderDesc', 'select']);

function typeOf(attribute: string, attributes: Attributes): Attributes[string] {
  const type = Object.hasOwn(attributes, attribute) ? attributes[attribute] : undefined;
  if (type === undefined) throw refuse(`Invalid query: Attribute not found in schema: ${attribute.slice(0, 80)}`);
  return type;
}

/** Dates become milliseconds, as rows hold them. */
function typed(attribute: string, value: unknown, attributes: Attributes): Value {
  const type = typeOf(attribute, attributes);
  if (type === 'text' && typeof value === 'string') return value;
  if (type === 'boolean' && typeof value === 'boolean') return value;
  if (type === 'number' && typeof value === 'number' && Number.isFinite(value)) return value;
  const time = type === 'date' && typeof value === 'string' ? parseDate(value) : undefined;
  if (time === undefined) throw invalidValue(attribute);
  return time;
}

function text(attribute: string, value: unknown, attributes: Attributes): string {
  if (typeOf(attribute, attributes) !== 'text' || typeof value !== 'string') throw invalidValue(attribute);
  return value;
}

function only(query: WireQuery): unknown {
  if (query.values.length !== 1) throw refuse(`Invalid query: ${title(query)} queries require exactly one value.`);
  return query.values[0];
}

function wholeNumber(query: WireQuery, min: number, max: number): number {
  const value = query.values[0];
  if (query.values.length !== 1 || typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max) {
    throw refuse(`Invalid query: Invalid ${query.method}: Value must be a valid range between ${min} and ${max}`);
  }
  return value;
}

function cursorId(query: WireQuery): string {
  const value = query.values[0];
  if (query.values.length !== 1 || typeof value !== 'string' || value === '')
    throw refuse('Invalid query: Invalid cursor: Value must be the id of an item');
  return value;
}

function selection(query: WireQuery): string[] {
  const keys = query.values.filter((value) => typeof value === 'string');
  if (keys.length === 0 || keys.length !== query.values.length)
    throw refuse('Invalid query: Select queries require at least one attribute.');
  return keys;
}

/** `lessThan` → `LessThan`, as the messages of the contract begin. */
const title = (query: WireQuery): string => query.method.charAt(0).toUpperCase() + query.method.slice(1);

const invalidValue = (attribute: string): PlatformError => refuse(`Invalid query: Query value is invalid for attribute "${attribute}"`);

const refuse = (message: string): PlatformError => new PlatformError('general_argument_invalid', `Invalid \`queries\` param: ${message}`);
