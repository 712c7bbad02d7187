/** Writes a copy into one file, which has its name only when it is whole and on the disk. */
import { randomBytes } from 'node:crypto';
import { createWriteStream, existsSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { constants, createGzip } from 'node:zlib';
import { PlatformError } from '@martlet/protocol';
import type { CopyCell, CopyPiece, CopyTarget } from '../../ports/copy.ts';
import { FORMAT, PART_BYTES, type ArchivedCell, type Head, type Line } from './archive-lines.ts';

export interface ArchiveTargetOptions {
  readonly file: string;
  readonly now: () => number;
}

export function createArchiveTarget({ file, now }: ArchiveTargetOptions): CopyTarget {
  const unfinished = `${file}.unfinished`;
  const lines = createLineFeed();
  const counts = new Map<string, number>();
  let artifacts = 0;
  let written: Promise<void> | undefined;

  async function add(line: Head | Line): Promise<void> {
    await Promise.race([lines.push(`${JSON.stringify(line)}\n`), written]);
  }

  return {
    async begin({ migration, vaultKey }) {
      if (existsSync(file))
        throw new PlatformError('config_invalid', `Cannot write the backup: ${file} exists. Choose another name, or move it away.`);
      written = pipeline(
        Readable.from(lines.read()),
        createGzip({ level: constants.Z_BEST_SPEED }),
        createWriteStream(unfinished, { mode: 0o600 }),
      ).catch((error: unknown) => {
        throw cannotWrite(file, error);
      });
      // Told to whoever adds the next line; until then nobody listens.
      written.catch(() => undefined);
      const id = randomBytes(16).toString('hex');
      await add({ martlet: 'backup', format: FORMAT, id, createdAt: new Date(now()).toISOString(), migration, vaultKey });
      return new Map();
    },
    async write(piece) {
      for (const line of linesOf(piece)) await add(line);
      if (piece.kind === 'artifact') artifacts += 1;
      else counts.set(piece.table, (counts.get(piece.table) ?? 0) + piece.rows.length);
    },
    counts: async () => counts,
    async finish() {
      await add({ end: Object.fromEntries(counts), artifacts });
      lines.end();
      await written;
      try {
        await syncPath(unfinished);
        await rename(unfinished, file);
        await syncPath(dirname(file));
      } catch (error) {
        throw cannotWrite(file, error);
      }
    },
    async close() {
      lines.end();
      await written?.catch(() => undefined);
      await rm(unfinished, { force: true });
    },
  };
}

function* linesOf(piece: CopyPiece): Generator<Line> {
  if (piece.kind === 'rows') {
    yield { table: piece.table, columns: [...piece.columns], last: piece.last, rows: piece.rows.map((row) => row.map(archived)) };
    return;
  }
  const bytes = Buffer.from(piece.bytes.buffer, piece.bytes.byteOffset, piece.bytes.byteLength);
  for (let from = 0; from < bytes.length; from += PART_BYTES) yield { part: bytes.toString('base64', from, from + PART_BYTES) };
  yield { artifact: piece.key, bytes: bytes.length };
}

function archived(cell: CopyCell): ArchivedCell {
  return cell instanceof Uint8Array ? { base64: Buffer.from(cell).toString('base64') } : cell;
}

/** Lines go one by one from who pushes to who reads; pushing waits until the line before was taken. */
function createLineFeed(): { push(line: string): Promise<void>; end(): void; read(): AsyncGenerator<string> } {
  let line: string | undefined;
  let ended = false;
  let wake = Promise.withResolvers<void>();
  const change = (): void => {
    wake.resolve();
    wake = Promise.withResolvers<void>();
  };
  return {
    async push(next) {
      while (line !== undefined && !ended) await wake.promise;
      line = next;
      change();
    },
    end() {
      ended = true;
      change();
    },
    async *read() {
      for (;;) {
        while (line === undefined) {
          if (ended) return;
          await wake.promise;
        }
        const taken = line;
        line = undefined;
        change();
        yield taken;
      }
    },
  };
}

async function syncPath(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function cannotWrite(file: string, cause: unknown): PlatformError {
  return new PlatformError('store_unavailable', {
    message: `Cannot write the backup ${file}: ${cause instanceof Error ? cause.message : String(cause)}.`,
    cause,
  });
}
