/** Opens what keeps things: in the data folder for one server, or in a database that several nodes share. */
import type { PlatformError } from '@martlet/protocol';
import { createLocalHints } from '../../drivers/local-hints/local-hints.ts';
import { createLocalVault, type LocalVault } from '../../drivers/local-vault/local-vault.ts';
import { agreeOnVault } from '../../drivers/postgres-agreement/agree-on-vault.ts';
import { createPostgresHints } from '../../drivers/postgres-hints/postgres-hints.ts';
import { createPostgresStore } from '../../drivers/postgres-store/postgres-store.ts';
import { createSqliteStore } from '../../drivers/sqlite-store/sqlite-store.ts';
import type { Artifacts } from '../../ports/artifacts.ts';
import type { Hints } from '../../ports/hints.ts';
import type { Log } from '../../ports/system/log.ts';
import type { Store } from '../../ports/store.ts';
import type { Vault } from '../../ports/vault.ts';
import type { Config } from '../config.ts';
import type { DataFolder } from '../data-folder.ts';
import { openArtifacts } from './open-artifacts.ts';
import type { ServerFiles } from '../server-files.ts';

export interface Storage {
  readonly store: Store;
  readonly artifacts: Artifacts;
  readonly vault: Vault;
  readonly hints: Hints;
  /** Whether other nodes may use the same store. */
  readonly shared: boolean;
}

export interface StorageOptions {
  readonly config: Config;
  readonly folder: DataFolder;
  readonly files: ServerFiles;
  readonly log: Log;
  readonly nodeId: string;
  /** Called when the store is lost until a new process opens it. */
  onFatal(error: PlatformError): void;
}

/** @throws {PlatformError} `store_unavailable`, `config_invalid` */
export async function openStorage(options: StorageOptions, closers: (() => unknown)[]): Promise<Storage> {
  const { config, folder } = options;
  const vault = createLocalVault(config.vaultKeys.length > 0 ? { keys: config.vaultKeys } : { keyFile: folder.vaultKeys });
  return config.databaseUrl === undefined
    ? openFolder(options, { vault, closers })
    : openDatabase(options, { url: config.databaseUrl, vault, closers });
}

async function openFolder(
  { config, folder, files, log, onFatal }: StorageOptions,
  { vault, closers }: { vault: LocalVault; closers: (() => unknown)[] },
): Promise<Storage> {
  const store = createSqliteStore({ path: folder.database, log, onFatal, ...(files.sqliteThread && { threadUrl: files.sqliteThread }) });
  await store.open();
  closers.push(() => store.close());
  const artifacts = await openArtifacts({ config, folder: folder.artifacts, log }, closers);
  return { store, artifacts, vault, hints: createLocalHints(), shared: false };
}

async function openDatabase(
  { config, folder, files, log, nodeId }: StorageOptions,
  { url, vault, closers }: { url: string; vault: LocalVault; closers: (() => unknown)[] },
): Promise<Storage> {
  // The store first: it refuses a database that is not ours before anything is made in it.
  const store = createPostgresStore({
    url,
    connections: config.databaseConnections,
    ...(files.leaseThread && { leaseThreadUrl: files.leaseThread }),
  });
  await store.open();
  closers.push(() => store.close());
  await agreeOnVault({ url, keyIds: vault.keyIds });
  const hints = await createPostgresHints({ url, nodeId, log });
  closers.push(() => hints.close());
  const artifacts = await openArtifacts({ config, folder: folder.artifacts, log }, closers);
  return { store, artifacts, vault, hints, shared: true };
}
