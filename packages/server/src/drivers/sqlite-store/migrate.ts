/** Brings a database to the schema of this code, or refuses it: a newer one, or one whose past is not ours. */
import { createHash } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import { ownerKey } from '../sql/owner-key.ts';
import { StoreFault } from '../sql/store-fault.ts';
import { migrations, type Migration, type SqlWords } from '../sql/migration.ts';

const words: SqlWords = {
  seq: 'integer primary key',
  int: 'integer',
  real: 'real',
  bytes: 'blob',
  strict: ' strict',
  ownerKey: (projectId, functionId) => `owner_key(${projectId}, ${functionId})`,
};

export function migrate(db: DatabaseSync, all: readonly Migration[] = migrations): void {
  db.function('owner_key', { deterministic: true }, (projectId, functionId) => ownerKey(String(projectId), String(functionId)));
  // Immediate: of two processes that start at once the second one waits, and then finds everything done.
  db.exec('begin immediate');
  try {
    db.exec(
      'create table if not exists migrations (number integer primary key, name text not null, checksum text not null, applied_at integer not null) strict',
    );
    const applied = db.prepare('select number, name, checksum from migrations order by number').all() as unknown as Applied[];
    refuseForeignPast(applied, all);
    const record = db.prepare('insert into migrations (number, name, checksum, applied_at) values (?, ?, ?, ?)');
    for (const migration of all.slice(applied.length)) {
      db.exec(migration.sql(words));
      record.run(migration.number, migration.name, checksumOf(migration), Date.now());
    }
    db.exec('commit');
  } catch (error) {
    if (db.isTransaction) db.exec('rollback');
    throw error;
  }
}

interface Applied {
  readonly number: number;
  readonly name: string;
  readonly checksum: string;
}

function refuseForeignPast(applied: readonly Applied[], all: readonly Migration[]): void {
  for (const [index, past] of applied.entries()) {
    const known = all[index];
    if (known === undefined) {
      throw new StoreFault(
        'store_unavailable',
        `Cannot open the store: it was written by a newer Martlet (migration ${past.number} "${past.name}" is not known here). Start that version, or restore a backup of before the upgrade.`,
      );
    }
    if (past.number !== known.number || past.checksum !== checksumOf(known)) {
      throw new StoreFault(
        'store_unavailable',
        `Cannot open the store: its migration ${past.number} "${past.name}" is not the one of this Martlet. Start the version that wrote it, or restore a backup.`,
      );
    }
  }
}

function checksumOf(migration: Migration): string {
  return createHash('sha256').update(migration.sql(words)).digest('hex');
}
