/** What `Deno.stat` and `Deno.readDir` say about files. */
import fs from 'node:fs';
import { toDenoError } from './deno-errors.ts';

interface Entry {
  readonly name: string;
  readonly isFile: boolean;
  readonly isDirectory: boolean;
  readonly isSymlink: boolean;
}

export function describeFile(stats: fs.Stats): object {
  return {
    isFile: stats.isFile(),
    isDirectory: stats.isDirectory(),
    isSymlink: stats.isSymbolicLink(),
    isBlockDevice: stats.isBlockDevice(),
    isCharDevice: stats.isCharacterDevice(),
    isFifo: stats.isFIFO(),
    isSocket: stats.isSocket(),
    size: stats.size,
    mtime: stats.mtime,
    atime: stats.atime,
    birthtime: stats.birthtime,
    ctime: stats.ctime,
    dev: stats.dev,
    ino: stats.ino,
    mode: stats.mode,
    nlink: stats.nlink,
    uid: stats.uid,
    gid: stats.gid,
    rdev: stats.rdev,
    blksize: stats.blksize,
    blocks: stats.blocks,
  };
}

export async function* describeEntries(path: string | URL): AsyncGenerator<Entry> {
  try {
    for await (const entry of await fs.promises.opendir(path)) yield describeEntry(entry);
  } catch (error) {
    throw toDenoError(error);
  }
}

export function describeEntriesSync(path: string | URL): Iterable<Entry> {
  return fs.readdirSync(path, { withFileTypes: true }).values().map(describeEntry);
}

function describeEntry(entry: fs.Dirent): Entry {
  return { name: entry.name, isFile: entry.isFile(), isDirectory: entry.isDirectory(), isSymlink: entry.isSymbolicLink() };
}
