/** Files of `Deno` over `node:fs`. Where a function may write is the sandbox's affair: in practice, its `/tmp`. */
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeEntries, describeEntriesSync, describeFile } from './deno-file-info.ts';
import { toDenoError } from './deno-errors.ts';

type Path = string | URL;

interface ReadOptions {
  readonly signal?: AbortSignal;
}

interface WriteOptions extends ReadOptions {
  readonly append?: boolean;
  /** Default true. */
  readonly create?: boolean;
  readonly createNew?: boolean;
  readonly mode?: number;
}

interface MakeTempOptions {
  readonly dir?: string;
  readonly prefix?: string;
  readonly suffix?: string;
}

/** Each name with what makes it; see `defineLazily`. */
export const fileFunctions: Readonly<Record<string, () => unknown>> = {
  readFile: () =>
    later(async (path: Path, options?: ReadOptions) => new Uint8Array(await fs.promises.readFile(path, { signal: options?.signal }))),
  readFileSync: () => now((path: Path) => new Uint8Array(fs.readFileSync(path))),
  readTextFile: () =>
    later((path: Path, options?: ReadOptions) => fs.promises.readFile(path, { encoding: 'utf8', signal: options?.signal })),
  readTextFileSync: () => now((path: Path) => fs.readFileSync(path, 'utf8')),
  writeFile: () =>
    later((path: Path, data: Uint8Array | ReadableStream<Uint8Array>, options?: WriteOptions) =>
      fs.promises.writeFile(path, data, writeOptions(options)),
    ),
  writeFileSync: () => now((path: Path, data: Uint8Array, options?: WriteOptions) => fs.writeFileSync(path, data, writeOptions(options))),
  writeTextFile: () =>
    later((path: Path, data: string | ReadableStream<string>, options?: WriteOptions) =>
      fs.promises.writeFile(path, data, writeOptions(options)),
    ),
  writeTextFileSync: () => now((path: Path, data: string, options?: WriteOptions) => fs.writeFileSync(path, data, writeOptions(options))),
  mkdir: () => later(async (path: Path, options?: fs.MakeDirectoryOptions) => void (await fs.promises.mkdir(path, options))),
  mkdirSync: () => now((path: Path, options?: fs.MakeDirectoryOptions) => void fs.mkdirSync(path, options)),
  remove: () => later((path: Path, options?: { recursive?: boolean }) => remove(path, options?.recursive === true)),
  removeSync: () => now((path: Path, options?: { recursive?: boolean }) => removeSync(path, options?.recursive === true)),
  rename: () => later((from: Path, to: Path) => fs.promises.rename(from, to)),
  renameSync: () => now((from: Path, to: Path) => fs.renameSync(from, to)),
  copyFile: () => later((from: Path, to: Path) => fs.promises.copyFile(from, to)),
  copyFileSync: () => now((from: Path, to: Path) => fs.copyFileSync(from, to)),
  stat: () => later(async (path: Path) => describeFile(await fs.promises.stat(path))),
  statSync: () => now((path: Path) => describeFile(fs.statSync(path))),
  lstat: () => later(async (path: Path) => describeFile(await fs.promises.lstat(path))),
  lstatSync: () => now((path: Path) => describeFile(fs.lstatSync(path))),
  readDir: () => describeEntries,
  readDirSync: () => now(describeEntriesSync),
  realPath: () => later((path: Path) => fs.promises.realpath(path)),
  realPathSync: () => now((path: Path) => fs.realpathSync(path)),
  readLink: () => later((path: Path) => fs.promises.readlink(path)),
  readLinkSync: () => now((path: Path) => fs.readlinkSync(path)),
  makeTempDir: () => later(async (options?: MakeTempOptions) => makeTempDir(options)),
  makeTempDirSync: () => now(makeTempDir),
  makeTempFile: () => later(async (options?: MakeTempOptions) => makeTempFile(options)),
  makeTempFileSync: () => now(makeTempFile),
};

function writeOptions({ append = false, create = true, createNew = false, mode, signal }: WriteOptions = {}): fs.WriteFileOptions & {
  signal?: AbortSignal;
} {
  const { O_WRONLY, O_CREAT, O_EXCL, O_APPEND, O_TRUNC } = fs.constants;
  const flags = O_WRONLY | (append ? O_APPEND : O_TRUNC) | (create || createNew ? O_CREAT : 0) | (createNew ? O_EXCL : 0);
  // The types know only names of flags; Node takes their numbers as well, and no name says "write, but do not create".
  return { flag: flags as unknown as string, ...(mode !== undefined && { mode }), ...(signal !== undefined && { signal }) };
}

/** An empty folder goes without `recursive`, as in Deno. */
async function remove(path: Path, recursive: boolean): Promise<void> {
  if (recursive) return fs.promises.rm(path, { recursive: true });
  const info = await fs.promises.lstat(path);
  return info.isDirectory() ? fs.promises.rmdir(path) : fs.promises.unlink(path);
}

function removeSync(path: Path, recursive: boolean): void {
  if (recursive) fs.rmSync(path, { recursive: true });
  else if (fs.lstatSync(path).isDirectory()) fs.rmdirSync(path);
  else fs.unlinkSync(path);
}

function makeTempDir({ dir = tmpdir(), prefix = '', suffix = '' }: MakeTempOptions = {}): string {
  return makeNamed({ dir, prefix, suffix }, (path) => fs.mkdirSync(path, 0o700));
}

function makeTempFile({ dir = tmpdir(), prefix = '', suffix = '' }: MakeTempOptions = {}): string {
  return makeNamed({ dir, prefix, suffix }, (path) => fs.writeFileSync(path, '', { flag: 'wx', mode: 0o600 }));
}

function makeNamed({ dir, prefix, suffix }: Required<MakeTempOptions>, make: (path: string) => void): string {
  const path = join(dir, `${prefix}${crypto.randomUUID().slice(0, 13)}${suffix}`);
  make(path);
  return path;
}

function later<Args extends unknown[], T>(work: (...args: Args) => Promise<T>): (...args: Args) => Promise<T> {
  return async (...args) => {
    try {
      return await work(...args);
    } catch (error) {
      throw toDenoError(error);
    }
  };
}

function now<Args extends unknown[], T>(work: (...args: Args) => T): (...args: Args) => T {
  return (...args) => {
    try {
      return work(...args);
    } catch (error) {
      throw toDenoError(error);
    }
  };
}
