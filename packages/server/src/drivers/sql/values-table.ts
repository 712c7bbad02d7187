/** Rows of bound values as a table that one statement can join: a statement per row would cost a round trip each. */
import { PostgresAdapter, sql, type RawBuilder } from 'kysely';
import type { Cell } from './row-codec.ts';
import type { Database } from './schema.ts';

/** Up to 27 values each, and SQLite binds 32,766. */
const ROWS_AT_ONCE = 500;
/** Of bodies: to PostgreSQL they go as one text of twice as many characters, and 2^29 are the most that a text has. */
const BYTES_AT_ONCE = 16 * 1_048_576;

export type ValueType = 'text' | 'bigint' | 'double precision' | 'bytea';

/**
 * For `with <name>(…) as (…)`. To PostgreSQL each column goes as one array: the text of the statement is the same for any
 * number of rows, and a batch of some thousand values costs a few bindings. SQLite has no arrays and needs no types.
 */
export function valuesTable(
  db: Database,
  name: string,
  { types, rows }: { types: Readonly<Record<string, ValueType>>; rows: readonly (readonly Cell[])[] },
): RawBuilder<unknown> {
  const head = sql`${sql.ref(name)}(${sql.join(Object.keys(types).map((column) => sql.ref(column)))})`;
  if (isPostgres(db)) return sql`${head} as (select * from ${arrayTable(types, rows)})`;
  return sql`${head} as (values ${sql.join(rows.map((row) => sql`(${sql.join([...row])})`))})`;
}

/** PostgreSQL only. */
export function arrayTable(types: Readonly<Record<string, ValueType>>, rows: readonly (readonly Cell[])[]): RawBuilder<unknown> {
  const columns = Object.values(types).map((type, at) => sql`cast(${rows.map((row) => row[at] ?? null)} as ${sql.raw(type)}[])`);
  return sql`unnest(${sql.join(columns)})`;
}

/** Where one text does not do for both databases. */
export const isPostgres = (db: Database): boolean => db.getExecutor().adapter instanceof PostgresAdapter;

/** What one statement takes of many rows, in their order. */
export function inPieces<Row>(rows: readonly Row[], bytesOf: (row: Row) => number): Row[][] {
  const pieces: Row[][] = [];
  let bytes = 0;
  for (const row of rows) {
    const piece = pieces.at(-1);
    bytes += bytesOf(row);
    if (piece !== undefined && piece.length < ROWS_AT_ONCE && bytes <= BYTES_AT_ONCE) piece.push(row);
    else {
      pieces.push([row]);
      bytes = bytesOf(row);
    }
  }
  return pieces;
}
