/**
 * Writes a copy into a new SQLite database. It is made under another name and renamed when it is whole and on the disk:
 * one that was cut off is begun anew.
 */
import { chmodSync, closeSync, existsSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { PlatformError } from '@martlet/protocol';
import type { Artifacts } from '../../ports/artifacts.ts';
import type { CopyTarget, RowsPiece } from '../../ports/copy.ts';
import { insertStatement, type CopiedTable } from '../sql/copied-table.ts';
import { migrations } from '../sql/migration.ts';
import { APPLICATION_ID } from './connection.ts';
import { copiedTables } from './copied-tables.ts';
import { migrate } from './migrate.ts';
import { countRows, orPlatformError } from './sqlite-copy-source.ts';

export function createSqliteCopyTarget({ path, artifacts }: { readonly path: string; readonly artifacts: Artifacts }): CopyTarget {
  const unfinished = `${path}.copy`;
  let open: { readonly raw: DatabaseSync; readonly tables: readonly CopiedTable[] } | undefined;

  function begun(): { readonly raw: DatabaseSync; readonly tables: readonly CopiedTable[] } {
    if (open === undefined) throw new Error('The copy was not begun');
    return open;
  }

  function write({ table, columns, rows }: RowsPiece): void {
    const { raw } = begun();
    const insert = raw.prepare(insertStatement({ name: table, columns }, { rows: 1, mark: () => '?', overriding: '' }));
    raw.exec('begin');
    for (const row of rows) insert.run(...row);
    raw.exec('commit');
  }

  return {
    async begin({ migration }) {
      if (existsSync(path))
        throw new PlatformError('config_invalid', `Cannot write into ${path}: it exists. Choose an empty data folder with --data.`);
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
      for (const suffix of ['', '-journal', '-wal', '-shm']) rmSync(unfinished + suffix, { force: true });
      const raw = orPlatformError(() => new DatabaseSync(unfinished, { enableForeignKeyConstraints: true }));
      open = { raw, tables: copiedTables(migration) };
      // What is not finished is thrown away, so nothing needs to reach the disk before the end.
      raw.exec(`pragma application_id = ${APPLICATION_ID}; pragma journal_mode = memory; pragma synchronous = off`);
      migrate(raw, migrations.slice(0, migration));
      return new Map();
    },
    async write(piece) {
      if (piece.kind === 'artifact') await artifacts.put(piece.key, piece.bytes);
      else orPlatformError(() => write(piece));
    },
    counts: async () => countRows(begun().raw, begun().tables),
    async finish() {
      orPlatformError(() => begun().raw.exec('pragma journal_mode = wal'));
      begun().raw.close();
      open = undefined;
      // It holds sealed secrets and logs.
      chmodSync(unfinished, 0o600);
      syncPath(unfinished);
      renameSync(unfinished, path);
      syncPath(dirname(path));
    },
    async close() {
      open?.raw.close();
      for (const suffix of ['', '-journal', '-wal', '-shm']) rmSync(unfinished + suffix, { force: true });
    },
  };
}

function syncPath(path: string): void {
  const file = openSync(path, 'r');
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
