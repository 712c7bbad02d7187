/** Packs sources into a `.tar.gz` whose bytes depend on nothing but the files: sorted, without times, owners or modes. */
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { Limits } from '@martlet/protocol';
import { packTar } from 'modern-tar';
import { CliError } from '../cli-error.ts';
import { bytes } from '../terminal/units.ts';
import { createIgnoreRules } from './ignore-rules.ts';
import { IGNORE_FILE, listFiles, readIgnoreFile } from './read-project.ts';

export type PackLimits = Pick<Limits, 'deploymentBytes' | 'deploymentUnpackedBytes' | 'deploymentFiles'>;

export interface Packed {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly files: number;
  readonly unpackedBytes: number;
  /** Links and special files that were left out. */
  readonly skipped: readonly string[];
}

export interface PackOptions {
  /** Globs of the project file, before those of `.martletignore`. */
  readonly ignore: readonly string[];
  /** Undefined: leave the limits to the server. */
  readonly limits: PackLimits | undefined;
}

const GZIP_OS_BYTE = 9;
const GZIP_OS_UNKNOWN = 255;
const LARGEST_SHOWN = 5;

/** @throws {CliError} over a limit, naming the largest files, or when a file cannot be read */
export async function packFolder(folder: string, { ignore, limits }: PackOptions): Promise<Packed> {
  const listing = await listFiles(folder, createIgnoreRules([...ignore, ...(await readIgnoreFile(folder))]));
  const sized = await Promise.all(listing.files.map(async (name) => ({ name, size: (await stat(join(folder, name))).size })));
  const unpackedBytes = sized.reduce((sum, file) => sum + file.size, 0);
  if (limits !== undefined) checkUnpacked(folder, sized, limits);
  const entries = [];
  for (const { name } of sized) {
    const body = await readFile(join(folder, name));
    entries.push({
      header: { name, size: body.length, type: 'file' as const, mode: 0o644, uid: 0, gid: 0, uname: '', gname: '', mtime: new Date(0) },
      body,
    });
  }
  const packed = new Uint8Array(await promisify(gzip)(await packTar(entries)));
  // Zlib writes the operating system into the header; the same files shall give the same bytes everywhere.
  packed[GZIP_OS_BYTE] = GZIP_OS_UNKNOWN;
  if (limits !== undefined && packed.length > limits.deploymentBytes) {
    throw tooLarge(folder, `it is ${bytes(packed.length)} packed, and at most ${bytes(limits.deploymentBytes)} are allowed`, sized);
  }
  return { bytes: packed, files: sized.length, unpackedBytes, skipped: listing.skipped };
}

interface SizedFile {
  readonly name: string;
  readonly size: number;
}

function checkUnpacked(folder: string, files: readonly SizedFile[], limits: PackLimits): void {
  const total = files.reduce((sum, file) => sum + file.size, 0);
  if (files.length > limits.deploymentFiles)
    throw tooLarge(folder, `it holds ${files.length} files, and at most ${limits.deploymentFiles} are allowed`, files);
  if (total > limits.deploymentUnpackedBytes)
    throw tooLarge(folder, `it holds ${bytes(total)}, and at most ${bytes(limits.deploymentUnpackedBytes)} are allowed`, files);
}

function tooLarge(folder: string, reason: string, files: readonly SizedFile[]): CliError {
  const largest = files.toSorted((a, b) => b.size - a.size).slice(0, LARGEST_SHOWN);
  const list = largest.map((file) => `  ${bytes(file.size).padStart(9)}  ${file.name}`).join('\n');
  return new CliError(`Cannot pack ${folder}: ${reason}. The largest files:\n${list}`, {
    code: 'deployment_invalid_file_size',
    next: `List what functions do not need in ${join(folder, IGNORE_FILE)}, one glob a line; where the server allows more, use --no-size-check.`,
  });
}
