/** Artifacts as files of one folder: a key is a path below it. */
import { randomBytes } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { PlatformError } from '@martlet/protocol';
import type { Artifacts } from '../../ports/artifacts.ts';

/** Names of files that are being written; no key may contain it. */
const UNFINISHED = '~';
const SEGMENT = /^[a-z0-9_-][a-z0-9._-]*$/;
const KEY_LENGTH_MAX = 400;

export interface DiskArtifactsOptions {
  /** Made where it is missing. */
  readonly folder: string;
}

export function createDiskArtifacts(options: DiskArtifactsOptions): Artifacts {
  const folder = resolve(options.folder);
  return {
    put: (key, bytes) => storing(() => put(fileOf(folder, key), bytes)),
    get: (key) => storing(() => orAbsent(readFile(fileOf(folder, key)))),
    has: (key) => storing(async () => (await orAbsent(stat(fileOf(folder, key))))?.isFile() ?? false),
    keys: () => storing(() => listKeys(folder)),
    deletePrefix: (prefix) => storing(() => deletePrefix(folder, prefix)),
  };
}

/** Written and synced under another name, then renamed: a reader, also one after a crash, sees all of it or none. */
async function put(path: string, bytes: Uint8Array): Promise<void> {
  await makeFolder(dirname(path));
  const unfinished = `${path}${UNFINISHED}${randomBytes(6).toString('hex')}`;
  try {
    const file = await open(unfinished, 'wx', 0o600);
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(unfinished, path);
  } catch (error) {
    await rm(unfinished, { force: true });
    throw error;
  }
  await syncFolder(dirname(path));
}

async function makeFolder(folder: string): Promise<void> {
  const first = await mkdir(folder, { recursive: true, mode: 0o700 });
  if (first === undefined) return;
  // Every folder that is new has a name in the one above, which survives a loss of power only once that is synced.
  let made = folder;
  while (made.length >= first.length) {
    made = dirname(made);
    await syncFolder(made);
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

async function listKeys(folder: string): Promise<string[]> {
  const entries = (await orAbsent(readdir(folder, { recursive: true, withFileTypes: true }))) ?? [];
  return entries
    .filter((entry) => entry.isFile() && !entry.name.includes(UNFINISHED))
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join('/'));
}

/** A prefix may end within a segment: `builds/ab` stands for `builds/abc/x` and `builds/abd`. */
async function deletePrefix(root: string, prefix: string): Promise<void> {
  const segments = prefix.split('/');
  const start = segments.pop() ?? '';
  if (prefix === '' || segments.some((segment) => !SEGMENT.test(segment)) || (start !== '' && !SEGMENT.test(start)))
    throw invalidKey(prefix);
  const folder = join(root, ...segments);
  const names = (await orAbsent(readdir(folder))) ?? [];
  await Promise.all(names.filter((name) => name.startsWith(start)).map((name) => rm(join(folder, name), { recursive: true, force: true })));
}

function fileOf(root: string, key: string): string {
  const segments = key.split('/');
  if (key.length > KEY_LENGTH_MAX || segments.some((segment) => !SEGMENT.test(segment))) throw invalidKey(key);
  return join(root, ...segments);
}

function invalidKey(key: string): PlatformError {
  return new PlatformError(
    'general_server_error',
    `Cannot use "${key.slice(0, 80)}" as the key of an artifact: it must be segments of [a-z0-9._-] that do not start with a dot, separated by single slashes.`,
  );
}

async function orAbsent<Result>(reading: Promise<Result>): Promise<Result | undefined> {
  try {
    return await reading;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    // ENOTDIR: the key continues below another key's file; EISDIR: it ends at a folder. Neither is an artifact.
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EISDIR') return undefined;
    throw error;
  }
}

async function storing<Result>(operate: () => Promise<Result>): Promise<Result> {
  try {
    return await operate();
  } catch (cause) {
    if (cause instanceof PlatformError) throw cause;
    throw new PlatformError('store_unavailable', { message: `Cannot read or write an artifact: ${(cause as Error).message}`, cause });
  }
}
