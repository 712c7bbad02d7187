/**
 * Translates a list query into SQL: filters, order, cursor, page and total. Names come from the columns below only;
 * every value is bound.
 */
import { sql, type RawBuilder } from 'kysely';
import { TOTAL_MAX, type Filter, type ListQuery, type Page, type Value } from '../../ports/store.ts';
import type { Database, Schema } from './schema.ts';
import { StoreFault } from './store-fault.ts';

export interface ListColumn {
  readonly value: RawBuilder<unknown>;
  /** What stands for NULL in an order, since databases disagree whether it is first or last. */
  readonly whenNull?: string | number;
  /** Stored units in one unit of the attribute: 1000 for seconds over milliseconds. */
  readonly perUnit?: number;
}
export type AttributeColumns<Attributes> = { readonly [Name in keyof Attributes]: ListColumn };

export interface ListSource<Row> {
  /** As the message of a cursor that is not found names it. */
  readonly noun: string;
  readonly table: keyof Schema;
  /** What `decode` is given of a row; default: every column. */
  readonly columns?: RawBuilder<unknown>;
  /** All must hold; a cursor outside of it is not found. */
  readonly scope: readonly RawBuilder<unknown>[];
  /** Must hold too, like the filters of the query: a cursor may point at a row for which they do not. */
  readonly search?: readonly RawBuilder<unknown>[];
  readonly attributes: Readonly<Record<string, ListColumn>>;
  /** Columns that are the order of insertion; the last one is unique. */
  readonly insertion: readonly string[];
  readonly decode: (raw: object) => Row;
}

type Direction = 'asc' | 'desc';

interface Term {
  readonly name: string;
  readonly value: RawBuilder<unknown>;
  readonly direction: Direction;
}

/** SQLite binds 32,766 values to a statement, PostgreSQL 65,535. */
const VALUES_MAX = 10_000;

export async function listPage<Row>(db: Database, source: ListSource<Row>, query: ListQuery): Promise<Page<Row>> {
  if (countValues(query.filters) > VALUES_MAX)
    throw new StoreFault('general_query_invalid', `Cannot list: the queries have more than ${VALUES_MAX} values.`);
  const filtered = [...source.scope, ...(source.search ?? []), ...query.filters.map((filter) => condition(source, filter))];
  const rows = await selectRows(db, source, { query, filtered });
  const total = query.withTotal ? await countRows(db, source, filtered) : 0;
  return { rows: rows.map(source.decode), total };
}

async function selectRows<Row>(
  db: Database,
  source: ListSource<Row>,
  { query, filtered }: { query: ListQuery; filtered: readonly RawBuilder<unknown>[] },
): Promise<object[]> {
  // The page before a cursor is the page after it in the opposite order, turned round.
  const backwards = query.cursor?.side === 'before';
  const terms = orderTerms(source, query).map((term) => (backwards ? { ...term, direction: opposite(term.direction) } : term));
  const page =
    query.cursor === undefined ? filtered : [...filtered, afterRow(terms, await cursorValues(db, source, { terms, id: query.cursor.id }))];
  const order = sql.join(terms.map((term) => sql`${term.value} ${sql.raw(term.direction)}`));
  const { rows } =
    await sql<object>`select ${source.columns ?? sql`*`} from ${sql.table(source.table)} where ${all(page)} order by ${order} limit ${query.limit} offset ${query.offset}`.execute(
      db,
    );
  return backwards ? rows.toReversed() : rows;
}

/** Stops at `TOTAL_MAX`, so that a count costs the same at a million rows. */
async function countRows<Row>(db: Database, source: ListSource<Row>, filtered: readonly RawBuilder<unknown>[]): Promise<number> {
  const { rows } = await sql<{
    total: number;
  }>`select count(*) as total from (select 1 from ${sql.table(source.table)} where ${all(filtered)} limit ${TOTAL_MAX}) as counted`.execute(
    db,
  );
  return Number(rows[0]?.total ?? 0);
}

/**
 * The query's order, then insertion in the direction of its last term: so a descending order is exactly the ascending
 * one turned round, and one index serves both.
 */
function orderTerms<Row>(source: ListSource<Row>, query: ListQuery): Term[] {
  const terms: Term[] = [];
  const add = (name: string, value: RawBuilder<unknown>, direction: Direction) => {
    if (!terms.some((term) => term.name === name)) terms.push({ name, value, direction });
  };
  let last: Direction = 'asc';
  for (const { attribute, direction } of query.order) {
    last = direction;
    if (attribute === '$sequence') break;
    const { value, whenNull } = columnOf(source, attribute);
    add(nameOf(attribute), whenNull === undefined ? value : sql`coalesce(${value}, ${sql.lit(whenNull)})`, direction);
  }
  for (const column of source.insertion) add(column, sql.ref(column), last);
  return terms;
}

/** The one attribute that is also a column of an insertion order goes by the name of the column. */
function nameOf(attribute: string): string {
  return attribute === '$createdAt' ? 'created_at' : attribute;
}

async function cursorValues<Row>(
  db: Database,
  source: ListSource<Row>,
  { terms, id }: { terms: readonly Term[]; id: string },
): Promise<Value[]> {
  const columns = sql.join(terms.map((term, index) => sql`${term.value} as ${sql.ref(`term${index}`)}`));
  const { rows } = await sql<
    Record<string, Value>
  >`select ${columns} from ${sql.table(source.table)} where ${all([...source.scope, sql`id = ${id}`])}`.execute(db);
  const row = rows[0];
  if (row === undefined) throw new StoreFault('general_cursor_not_found', `${source.noun} '${id}' for the 'cursor' value not found.`);
  return terms.map((_, index) => row[`term${index}`] ?? '');
}

/** Rows that come after the values in the order of the terms. */
function afterRow(terms: readonly Term[], values: readonly Value[]): RawBuilder<unknown> {
  const first = terms[0]?.direction ?? 'asc';
  if (terms.every((term) => term.direction === first)) {
    // Only the comparison of row values is answered from an index by one seek; the long form below is not.
    return sql`(${sql.join(terms.map((term) => term.value))}) ${beyond(first)} (${sql.join([...values])})`;
  }
  return any(
    terms.map((term, index) =>
      all([
        ...terms.slice(0, index).map((earlier, before) => sql`${earlier.value} = ${values[before]}`),
        sql`${term.value} ${beyond(term.direction)} ${values[index]}`,
      ]),
    ),
  );
}

function condition<Row>(source: ListSource<Row>, filter: Filter): RawBuilder<unknown> {
  if ('filters' in filter) {
    const conditions = filter.filters.map((each) => condition(source, each));
    return filter.kind === 'and' ? all(conditions) : any(conditions);
  }
  const column = columnOf(source, filter.attribute);
  const { value } = column;
  switch (filter.kind) {
    case 'equal':
      return filter.values.length === 0 ? never : sql`${value} in (${sql.join(filter.values.map((each) => bound(column, each)))})`;
    case 'notEqual':
      return filter.values.length === 0 ? always : sql`${value} not in (${sql.join(filter.values.map((each) => bound(column, each)))})`;
    case 'lessThan':
      return sql`${value} < ${bound(column, filter.value)}`;
    case 'lessThanEqual':
      return sql`${value} <= ${bound(column, filter.value)}`;
    case 'greaterThan':
      return sql`${value} > ${bound(column, filter.value)}`;
    case 'greaterThanEqual':
      return sql`${value} >= ${bound(column, filter.value)}`;
    case 'between':
      return sql`${value} between ${bound(column, filter.from)} and ${bound(column, filter.to)}`;
    case 'startsWith':
      return like(value, `${escapeLike(filter.text)}%`);
    case 'endsWith':
      return like(value, `%${escapeLike(filter.text)}`);
    case 'contains':
      return contains(value, filter.text);
    case 'isNull':
      return sql`${value} is null`;
    case 'isNotNull':
      return sql`${value} is not null`;
  }
}

/** Where the text occurs; letters count as they are, upper or lower. */
export function contains(value: RawBuilder<unknown>, text: string): RawBuilder<unknown> {
  return like(value, `%${escapeLike(text)}%`);
}

function like(value: RawBuilder<unknown>, pattern: string): RawBuilder<unknown> {
  // SQLite ends a pattern at NUL, so the rest would not be compared; PostgreSQL stores no NUL at all.
  return pattern.includes('\0') ? never : sql`${value} like ${pattern} escape '\\'`;
}

function escapeLike(text: string): string {
  return text.replace(/[\\%_]/g, '\\$&');
}

function columnOf<Row>(source: ListSource<Row>, attribute: string): ListColumn {
  const column = Object.hasOwn(source.attributes, attribute) ? source.attributes[attribute] : undefined;
  if (column === undefined)
    throw new StoreFault('general_query_invalid', `Cannot list: "${attribute}" is no attribute of ${source.table}.`);
  return column;
}

function bound(column: ListColumn, value: Value): string | number {
  if (typeof value === 'boolean') return value ? 1 : 0;
  return typeof value === 'number' ? value * (column.perUnit ?? 1) : value;
}

function countValues(filters: readonly Filter[]): number {
  let count = 0;
  for (const filter of filters) {
    if ('filters' in filter) count += countValues(filter.filters);
    else count += 'values' in filter ? filter.values.length : 1;
  }
  return count;
}

const never = sql`1 = 0`;
const always = sql`1 = 1`;
const all = (conditions: readonly RawBuilder<unknown>[]) => joined(conditions, ' and ', always);
const any = (conditions: readonly RawBuilder<unknown>[]) => joined(conditions, ' or ', never);
const opposite = (direction: Direction): Direction => (direction === 'asc' ? 'desc' : 'asc');
const beyond = (direction: Direction) => sql.raw(direction === 'asc' ? '>' : '<');

function joined(conditions: readonly RawBuilder<unknown>[], word: ' and ' | ' or ', none: RawBuilder<unknown>): RawBuilder<unknown> {
  if (conditions.length === 0) return none;
  return sql`(${sql.join(
    conditions.map((each) => sql`(${each})`),
    sql.raw(word),
  )})`;
}
