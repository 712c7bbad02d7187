/**
 * Unpacks a hostile tar.gz below an empty folder. It stops at the first entry that is not a plain file or folder, and
 * at the first byte over a limit, while still decompressing.
 */
import { mkdir, open, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { createGunzip } from 'node:zlib';
import type { Limits } from '@martlet/protocol';
import { createTarDecoder, type ParsedTarEntry, type TarHeader } from 'modern-tar';
import { createArchivePaths, readArchivePath, type ArchivePaths } from '../../domain/archive-path.ts';
import { BuildFailure, plainProblem } from './build-problems.ts';

export type UnpackLimits = Pick<Limits, 'deploymentUnpackedBytes' | 'deploymentFiles'>;

export interface Unpacked {
  readonly files: number;
  readonly bytes: number;
}

/** Header, padding and extended header of an entry: what the tar format itself may add for each file. */
const TAR_OVERHEAD_BYTES = 2048;
const WRITE_AT_ONCE_BYTES = 1_048_576;
const WRITES_AT_ONCE = 16;
const REFUSED_TYPES: Readonly<Record<string, string>> = {
  link: 'a hard link',
  symlink: 'a symbolic link',
  'character-device': 'a device',
  'block-device': 'a device',
  fifo: 'a named pipe',
};

/** @throws {BuildFailure} `deployment_archive_invalid`; @throws the signal's reason */
export async function unpackArchive(
  bytes: Uint8Array,
  folder: string,
  { limits, signal }: { limits: UnpackLimits; signal: AbortSignal },
): Promise<Unpacked> {
  const writer = createWriter(folder, limits);
  const source = Readable.from(slices(bytes), { objectMode: false });
  const gunzip = createGunzip();
  const limit = unpackedLimit(limits);
  const streams = [source, gunzip, limit];
  const destroyAll = (error?: Error): void => streams.forEach((stream) => stream.destroy(error));
  source.on('error', (error) => gunzip.destroy(error));
  gunzip.on('error', (error) => limit.destroy(error));
  const abort = (): void => destroyAll(signal.reason instanceof Error ? signal.reason : new Error('aborted'));
  signal.addEventListener('abort', abort, { once: true });
  try {
    signal.throwIfAborted();
    const decoder = createTarDecoder({ strict: true });
    const unpacked = Readable.toWeb(source.pipe(gunzip).pipe(limit)) as ReadableStream<Uint8Array>;
    for await (const entry of unpacked.pipeThrough(decoder)) await writer.write(entry);
    return await writer.finish();
  } catch (error) {
    signal.throwIfAborted();
    throw asFailure(error);
  } finally {
    signal.removeEventListener('abort', abort);
    destroyAll();
    await writer.settle();
  }
}

/** Feeding zlib in pieces keeps one big archive from being handed over as a single native task. */
function* slices(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 65_536) yield bytes.subarray(at, at + 65_536);
}

function unpackedLimit(limits: UnpackLimits): Transform {
  const most = limits.deploymentUnpackedBytes + (limits.deploymentFiles + 16) * TAR_OVERHEAD_BYTES;
  let seen = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      seen += chunk.length;
      if (seen > most) done(tooLarge(limits));
      else done(null, chunk);
    },
  });
}

interface EntryWriter {
  write(entry: ParsedTarEntry): Promise<void>;
  finish(): Promise<Unpacked>;
  /** Waits for writes that are under way, whatever came of them, so that the folder can be removed. */
  settle(): Promise<void>;
}

function createWriter(root: string, limits: UnpackLimits): EntryWriter {
  const paths = createArchivePaths();
  const folders = new Set<string>();
  let pending: Promise<void>[] = [];
  let entries = 0;
  let files = 0;
  let bytes = 0;
  const ensureFolder = async (folder: string): Promise<void> => {
    if (folders.has(folder)) return;
    await mkdir(folder, { recursive: true });
    folders.add(folder);
  };
  const drain = async (): Promise<void> => {
    const writes = pending;
    pending = [];
    await Promise.all(writes);
  };
  return {
    async write({ header, body }) {
      entries += 1;
      if (entries > limits.deploymentFiles) throw archiveProblem(`it has more than ${limits.deploymentFiles} entries`);
      const entry = checkEntry(header, paths);
      bytes += header.size;
      if (bytes > limits.deploymentUnpackedBytes) throw tooLarge(limits);
      if (entry.path === '' || isInstalled(entry.path)) return void (await body.cancel());
      const target = join(root, entry.path);
      if (entry.kind === 'folder') {
        await body.cancel();
        return ensureFolder(target);
      }
      files += 1;
      await ensureFolder(dirname(target));
      if (header.size > WRITE_AT_ONCE_BYTES) return writeLong(target, body);
      const chunks: Uint8Array[] = [];
      for await (const chunk of body) chunks.push(chunk);
      pending.push(writeFile(target, Buffer.concat(chunks), { flag: 'wx', mode: 0o644 }));
      if (pending.length >= WRITES_AT_ONCE) await drain();
    },
    async finish() {
      await drain();
      return { files, bytes };
    },
    settle: async () => void (await Promise.allSettled(pending)),
  };
}

async function writeLong(target: string, body: ReadableStream<Uint8Array>): Promise<void> {
  const file = await open(target, 'wx', 0o644);
  try {
    for await (const chunk of body) await file.writeFile(chunk);
  } finally {
    await file.close();
  }
}

function checkEntry(header: TarHeader, paths: ArchivePaths): { path: string; kind: 'file' | 'folder' } {
  const shown = JSON.stringify(header.name.slice(0, 120));
  // The library takes sparse files for plain ones; their bytes are not their content.
  const sparse = Object.keys(header.pax ?? {}).some((key) => key.startsWith('GNU.sparse'));
  if (sparse || (header.type !== 'file' && header.type !== 'directory')) {
    const what = sparse ? 'a sparse file' : (REFUSED_TYPES[header.type ?? ''] ?? 'of an unknown kind');
    throw archiveProblem(`the entry ${shown} is ${what}; only files and folders are allowed`);
  }
  const read = readArchivePath(header.name);
  if (!read.ok) throw archiveProblem(`the entry ${shown} is not allowed: ${read.reason}`);
  const kind = header.type === 'directory' ? 'folder' : 'file';
  const problem = paths.add(read.path, kind);
  if (problem !== undefined) throw archiveProblem(`the entry ${shown} is not allowed: ${problem}`);
  return { path: read.path, kind };
}

/** Dependencies are installed by the platform for its own system; packed ones may be of another. */
function isInstalled(path: string): boolean {
  return path.split('/').includes('node_modules');
}

function tooLarge(limits: UnpackLimits): BuildFailure {
  return archiveProblem(`it unpacks to more than ${limits.deploymentUnpackedBytes} bytes`);
}

function archiveProblem(reason: string): BuildFailure {
  return new BuildFailure('deployment_archive_invalid', [plainProblem(`Cannot unpack the deployment: ${reason}.`)]);
}

/** Errors of zlib and of the tar decoder are about the archive; those of the file system are ours. */
function asFailure(error: unknown): unknown {
  if (error instanceof BuildFailure) return error;
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (code !== '' && !code.startsWith('Z_') && code !== 'ENAMETOOLONG') return error;
  return archiveProblem(`it is damaged (${error instanceof Error ? error.message.replace(/\.$/, '') : String(error)})`);
}
