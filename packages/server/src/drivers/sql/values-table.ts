/** Rows of bound values as a table that one statement can join: a statement per row would cost a round trip each. */
import { PostgresAdapter, sql, type RawBuilder } from 'kysely';
import type { Cell } from './row-codec.ts';
import type { Database } from './schema.ts';

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
