/** Everything that a platform keeps, moved as a whole: into a backup, out of one, from one database into the other. */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { PlatformError } from '@martlet/protocol';
import { createArchiveTarget } from '../../drivers/copy-archive/archive-target.ts';
import { openArchiveSource } from '../../drivers/copy-archive/archive-source.ts';
import { createDiskArtifacts } from '../../drivers/disk-artifacts/disk-artifacts.ts';
import { createLocalVault } from '../../drivers/local-vault/local-vault.ts';
import { agreeOnVault } from '../../drivers/postgres-agreement/agree-on-vault.ts';
import { openPostgresCopySource } from '../../drivers/postgres-store/postgres-copy-source.ts';
import { createPostgresCopyTarget } from '../../drivers/postgres-store/postgres-copy-target.ts';
import { copiedTables } from '../../drivers/sqlite-store/copied-tables.ts';
import { openSqliteCopySource } from '../../drivers/sqlite-store/sqlite-copy-source.ts';
import { createSqliteCopyTarget } from '../../drivers/sqlite-store/sqlite-copy-target.ts';
import { createPinoLog } from '../../drivers/system/pino-log.ts';
import type { Artifacts } from '../../ports/artifacts.ts';
import type { CopySource, CopyTarget } from '../../ports/copy.ts';
import { copyAll, type CopyOptions, type CopyReport } from '../../services/copy/copy-all.ts';
import type { Config } from '../config.ts';
import { openDataFolder } from '../data-folder.ts';
import { openArtifacts } from './open-artifacts.ts';

export interface MoveOptions {
  readonly config: Config;
  readonly onProgress: CopyOptions['onProgress'];
}

export interface MoveReport extends CopyReport {
  /** Name of the key that opens the secrets; null where there is none. It is never copied. */
  readonly vaultKey: string | null;
}

type Closers = (() => unknown)[];

/** Writes what the configured server keeps to one file; the server may run. @throws {PlatformError} */
export function backup({ config, onProgress }: MoveOptions, file: string): Promise<MoveReport> {
  return closing(async (closers) => {
    const source = await openSource(config, closers);
    return copy(source, createArchiveTarget({ file: resolve(file), now: Date.now }), { closers, onProgress });
  });
}

/** Fills an empty data folder or database from a file of `backup`. @throws {PlatformError} */
export function restore({ config, onProgress }: MoveOptions, file: string): Promise<MoveReport> {
  return closing(async (closers) => {
    const source = await openArchiveSource({ file: resolve(file), tablesOf: copiedTables });
    refuseOtherKeys(config, source);
    const target = await openTarget(config, closers);
    return copy(source, target, { closers, onProgress, databaseUrl: config.databaseUrl });
  });
}

/** Copies a data folder, which no server may use meanwhile, into the configured PostgreSQL. @throws {PlatformError} */
export function migrateToDatabase({ config, onProgress }: MoveOptions, from: string): Promise<MoveReport> {
  return closing(async (closers) => {
    if (config.databaseUrl === undefined)
      throw new PlatformError('config_invalid', 'Cannot migrate: no database is named. Give it with --to, or set MARTLET_DATABASE_URL.');
    const folder = resolve(from);
    refuseMissing(join(folder, 'martlet.db'));
    const locked = openDataFolder(folder);
    closers.push(() => locked.release());
    const source = openFolderSource({ folder, config, artifacts: createDiskArtifacts({ folder: locked.artifacts }) });
    const target = await openTarget(config, closers);
    return copy(source, target, { closers, onProgress, databaseUrl: config.databaseUrl });
  });
}

async function copy(
  source: CopySource,
  target: CopyTarget,
  { closers, onProgress, databaseUrl }: { closers: Closers; onProgress: CopyOptions['onProgress']; databaseUrl?: string | undefined },
): Promise<MoveReport> {
  closers.push(
    () => source.close(),
    () => target.close(),
  );
  const { vaultKey } = source.facts;
  const report = await copyAll({ source, target, onProgress });
  // So a node with another key is refused before it fails at the first secret.
  if (databaseUrl !== undefined && vaultKey !== null && report.was !== 'complete')
    await agreeOnVault({ url: databaseUrl, keyIds: [vaultKey] });
  return { ...report, vaultKey };
}

async function openSource(config: Config, closers: Closers): Promise<CopySource> {
  if (config.databaseUrl === undefined) {
    refuseMissing(join(config.dataDir, 'martlet.db'));
    return openFolderSource({ folder: config.dataDir, config, artifacts: await openArtifacts(artifactsOptions(config), closers) });
  }
  const artifacts = await openArtifacts(artifactsOptions(config), closers);
  return openPostgresCopySource({ url: config.databaseUrl, artifacts, tablesOf: copiedTables });
}

function openFolderSource({ folder, config, artifacts }: { folder: string; config: Config; artifacts: Artifacts }): CopySource {
  return openSqliteCopySource({ path: join(folder, 'martlet.db'), artifacts, vaultKey: keyIdsOf(folder, config)[0] ?? null });
}

async function openTarget(config: Config, closers: Closers): Promise<CopyTarget> {
  if (config.databaseUrl !== undefined) {
    const { databaseUrl: url } = config;
    // The tables of the store come first, so that a database that is not ours stays as it is.
    return createPostgresCopyTarget({ url, artifacts: () => openArtifacts(artifactsOptions(config), closers), tablesOf: copiedTables });
  }
  const folder = openDataFolder(config.dataDir);
  closers.push(() => folder.release());
  return createSqliteCopyTarget({ path: folder.database, artifacts: await openArtifacts(artifactsOptions(config), closers) });
}

function artifactsOptions(config: Config): Parameters<typeof openArtifacts>[0] {
  return { config, folder: join(config.dataDir, 'artifacts'), log: createPinoLog({ level: config.logLevel }) };
}

function keyIdsOf(folder: string, { vaultKeys }: Config): readonly string[] {
  const keyFile = join(folder, 'vault.keys');
  if (vaultKeys.length > 0) return createLocalVault({ keys: vaultKeys }).keyIds;
  return existsSync(keyFile) ? createLocalVault({ keyFile }).keyIds : [];
}

/** Without the key every secret would be lost, and a new key would be made at the next start. */
function refuseOtherKeys(config: Config, { facts }: CopySource): void {
  const own = keyIdsOf(config.dataDir, config);
  if (facts.vaultKey === null || own.includes(facts.vaultKey)) return;
  throw new PlatformError(
    'config_invalid',
    `Cannot restore: the secrets in the backup are sealed with the vault key ${facts.vaultKey}, and ${own.length === 0 ? 'there is no key here' : `here is ${own.join(', ')}`}. Put the vault.keys of the old data folder into ${config.dataDir}, or set MARTLET_VAULT_KEY.`,
  );
}

function refuseMissing(database: string): void {
  if (!existsSync(database))
    throw new PlatformError('config_invalid', `Cannot read ${database}: there is none. Name the data folder of a server.`);
}

async function closing<Result>(work: (closers: Closers) => Promise<Result>): Promise<Result> {
  const closers: Closers = [];
  try {
    return await work(closers);
  } finally {
    for (const close of closers.toReversed()) await close();
  }
}
