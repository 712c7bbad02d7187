/** A database that tells how it answers. */
import type { DatabaseSync, SQLInputValue } from 'node:sqlite';
import { Kysely, SqliteDialect } from 'kysely';
import type { Schema } from '../../src/drivers/sql/schema.ts';

/** Runs statements, and writes down the plan of each one beforehand. */
export function explaining(raw: DatabaseSync, plans: string[]): Kysely<Schema> {
  const prepare = (text: string) => {
    const statement = raw.prepare(text);
    const explain = (values: readonly unknown[]) => {
      const steps = raw.prepare(`explain query plan ${text}`).all(...(values as SQLInputValue[]));
      plans.push(steps.map((step) => String(step['detail'])).join('; '));
      return values as SQLInputValue[];
    };
    return {
      reader: statement.columns().length > 0,
      all: (values: readonly unknown[]) => statement.all(...explain(values)),
      run: (values: readonly unknown[]) => statement.run(...explain(values)),
      iterate: () => [][Symbol.iterator](),
    };
  };
  return new Kysely<Schema>({ dialect: new SqliteDialect({ database: { prepare, close: () => undefined } }) });
}
