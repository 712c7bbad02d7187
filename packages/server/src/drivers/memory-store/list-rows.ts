/** Answers a list query over rows in memory, by the same rules as the statements of the SQL stores. */
import { PlatformError } from '@martlet/protocol';
import { TOTAL_MAX, type Filter, type ListQuery, type Page, type Value } from '../../ports/store.ts';

export interface Entry<Row> {
  readonly row: Row;
  /** Counts up in the order of insertion. */
  readonly sequence: number;
}

export type StoredValue = string | number | null;
export type AttributeReaders<Attributes, Row> = {
  readonly [Name in keyof Attributes]: (row: Row, entry: Entry<Row>) => StoredValue | boolean;
};

export interface RowList<Row> {
  readonly noun: string;
  readonly entries: readonly Entry<Row>[];
  /** Must hold too, like the filters of the query: a cursor may point at a row for which it does not. */
  readonly search?: (row: Row) => boolean;
  readonly attributes: Readonly<Record<string, (row: Row, entry: Entry<Row>) => StoredValue | boolean>>;
  /** Attributes that are the order of insertion. */
  readonly insertion: readonly string[];
}

interface Term {
  readonly attribute: string;
  readonly sign: 1 | -1;
}

/** Attributes in seconds of rows in milliseconds. */
const IN_SECONDS = new Set(['duration', 'buildDuration']);

export function listRows<Row extends { readonly id: string }>(list: RowList<Row>, query: ListQuery): Page<Row> {
  const backwards = query.cursor?.side === 'before';
  const terms = orderTerms(list, query).map((term): Term => (backwards ? { ...term, sign: term.sign === 1 ? -1 : 1 } : term));
  const order = (a: Entry<Row>, b: Entry<Row>) => compareBy(list, terms, { a, b });
  const matching = list.entries.filter(
    (entry) => (list.search?.(entry.row) ?? true) && query.filters.every((filter) => matches(list, filter, entry)),
  );
  const cursor = query.cursor === undefined ? undefined : findCursor(list, query.cursor.id);
  const following = cursor === undefined ? matching : matching.filter((entry) => order(entry, cursor) > 0);
  const page = following.toSorted(order).slice(query.offset, query.offset + query.limit);
  const rows = (backwards ? page.toReversed() : page).map((entry) => entry.row);
  return { rows, total: query.withTotal ? Math.min(matching.length, TOTAL_MAX) : 0 };
}

function orderTerms<Row>(list: RowList<Row>, query: ListQuery): Term[] {
  const terms: Term[] = [];
  let last: 1 | -1 = 1;
  for (const { attribute, direction } of query.order) {
    last = direction === 'asc' ? 1 : -1;
    if (attribute === '$sequence') break;
    terms.push({ attribute, sign: last });
  }
  return [...terms, ...list.insertion.map((attribute): Term => ({ attribute, sign: last }))];
}

function compareBy<Row>(list: RowList<Row>, terms: readonly Term[], { a, b }: { a: Entry<Row>; b: Entry<Row> }): number {
  for (const { attribute, sign } of terms) {
    const difference = compare(read(list, attribute, a) ?? '', read(list, attribute, b) ?? '');
    if (difference !== 0) return difference * sign;
  }
  return 0;
}

function findCursor<Row extends { readonly id: string }>(list: RowList<Row>, id: string): Entry<Row> {
  const found = list.entries.find((entry) => entry.row.id === id);
  if (found === undefined) throw new PlatformError('general_cursor_not_found', `${list.noun} '${id}' for the 'cursor' value not found.`);
  return found;
}

function matches<Row>(list: RowList<Row>, filter: Filter, entry: Entry<Row>): boolean {
  if (filter.kind === 'and') return filter.filters.every((each) => matches(list, each, entry));
  if (filter.kind === 'or') return filter.filters.some((each) => matches(list, each, entry));
  if (!('attribute' in filter)) return false;
  const value = read(list, filter.attribute, entry);
  if (filter.kind === 'isNull') return value === null;
  if (filter.kind === 'isNotNull') return value !== null;
  if (filter.kind === 'notEqual' && filter.values.length === 0) return true;
  // As in SQL, nothing is equal to, unlike, less or more than what is absent.
  return value !== null && holds(filter, value);
}

function holds(filter: Exclude<Filter, { filters: readonly Filter[] }>, value: string | number): boolean {
  const against = (other: Value) => compare(value, stored(filter.attribute, other));
  switch (filter.kind) {
    case 'equal':
      return filter.values.some((each) => against(each) === 0);
    case 'notEqual':
      return filter.values.every((each) => against(each) !== 0);
    case 'lessThan':
      return against(filter.value) < 0;
    case 'lessThanEqual':
      return against(filter.value) <= 0;
    case 'greaterThan':
      return against(filter.value) > 0;
    case 'greaterThanEqual':
      return against(filter.value) >= 0;
    case 'between':
      return against(filter.from) >= 0 && against(filter.to) <= 0;
    case 'startsWith':
      return !filter.text.includes('\0') && String(value).startsWith(filter.text);
    case 'endsWith':
      return !filter.text.includes('\0') && String(value).endsWith(filter.text);
    case 'contains':
      return !filter.text.includes('\0') && String(value).includes(filter.text);
    default:
      return false;
  }
}

function read<Row>(list: RowList<Row>, attribute: string, entry: Entry<Row>): StoredValue {
  const reader = list.attributes[attribute];
  if (reader === undefined) throw new PlatformError('general_query_invalid', `Cannot list: "${attribute}" is no attribute of this list.`);
  const value = reader(entry.row, entry);
  return typeof value === 'boolean' ? Number(value) : value;
}

function stored(attribute: string, value: Value): string | number {
  if (typeof value === 'boolean') return Number(value);
  return typeof value === 'number' && IN_SECONDS.has(attribute) ? value * 1000 : value;
}

/** Texts in the order of their bytes, as databases compare them; JavaScript orders by UTF-16 units. */
function compare(a: string | number, b: string | number): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  return Buffer.compare(Buffer.from(String(a)), Buffer.from(String(b)));
}
