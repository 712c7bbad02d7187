/** The tables of a schema, found out by making it: so no table that a later migration adds is forgotten in a copy. */
import { DatabaseSync } from 'node:sqlite';
import { PlatformError } from '@martlet/protocol';
import { migrations } from '../sql/migration.ts';
import { isCopied, type CopiedTable } from '../sql/copied-table.ts';
import { migrate } from './migrate.ts';

interface Column {
  readonly name: string;
  readonly type: string;
  /** Place in the primary key, from 1; 0 for a column that is not in it. */
  readonly pk: number;
}

/**
 * In the order in which they were made, so that a table comes after those that it refers to.
 * @throws {PlatformError} `config_invalid` for a number that this version does not know
 */
export function copiedTables(migration: number): readonly CopiedTable[] {
  if (migration > migrations.length)
    throw new PlatformError(
      'config_invalid',
      `Cannot copy: the data are of a newer Martlet (migration ${migration} is not known here). Use that version for the copy.`,
    );
  const db = new DatabaseSync(':memory:');
  try {
    migrate(db, migrations.slice(0, migration));
    const names = db.prepare(`select name from sqlite_master where type = 'table' and name not like 'sqlite_%' order by rowid`).all();
    return names
      .map(({ name }) => String(name))
      .filter(isCopied)
      .map((name) => {
        const columns = db.prepare('select name, type, pk from pragma_table_info(?) order by cid').all(name) as unknown as Column[];
        const key = columns.filter(({ pk }) => pk > 0).toSorted((a, b) => a.pk - b.pk);
        return {
          name,
          columns: columns.map((column) => column.name),
          key: key.map((column) => column.name),
          wide: columns.some(({ type }) => type.toLowerCase() === 'blob'),
        };
      });
  } finally {
    db.close();
  }
}
