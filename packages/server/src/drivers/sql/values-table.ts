/** Rows of bound values as a table that one statement can join: a statement per row would cost a round trip each. */
import { sql, type RawBuilder } from 'kysely';
import type { Cell } from './row-codec.ts';

export type ValueType = 'text' | 'bigint' | 'double precision';

/** For `with <name>(…) as (values …)`. PostgreSQL takes the types from the casts of the first row; SQLite needs none. */
export function valuesTable(
  name: string,
  types: Readonly<Record<string, ValueType>>,
  rows: readonly (readonly Cell[])[],
): RawBuilder<unknown> {
  const columns = Object.keys(types);
  const casts = Object.values(types);
  const tuples = rows.map((row, index) => {
    const cells = row.map((cell, at) => (index === 0 ? sql`cast(${cell} as ${sql.raw(casts[at] ?? 'text')})` : sql`${cell}`));
    return sql`(${sql.join(cells)})`;
  });
  return sql`${sql.ref(name)}(${sql.join(columns.map((column) => sql.ref(column)))}) as (values ${sql.join(tuples)})`;
}
