/** Reads a copy out of one file. Everything in it is looked at before it is believed: the file may come from anywhere. */
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { PlatformError } from '@martlet/protocol';
import type { CopyCell, CopyCounts, CopyPiece, CopyProgress, CopySource } from '../../ports/copy.ts';
import { headSchema, lineSchema, type ArchivedCell, type Head, type Line } from './archive-lines.ts';

export interface ArchiveSourceOptions {
  readonly file: string;
  /** The columns of each table of a schema, by the number of its last migration; throws for a number that is not known. */
  readonly tablesOf: (migration: number) => readonly { readonly name: string; readonly columns: readonly string[] }[];
}

const CHUNK_BYTES = 262_144;
/** Of a piece of a table; the longest string has room for a little more. */
const LINE_LENGTH_MAX = 400_000_000;

type Receive = (piece: CopyPiece) => Promise<void>;

/** @throws {PlatformError} `config_invalid` for a file that is none of ours */
export async function openArchiveSource({ file, tablesOf }: ArchiveSourceOptions): Promise<CopySource> {
  const head = await readHead(file);
  const columnsOf = new Map(tablesOf(head.migration).map(({ name, columns }) => [name, columns]));
  return {
    facts: { origin: `archive-${head.id}`, migration: head.migration, vaultKey: head.vaultKey },
    send: (progress, receive) => sendLines({ file, columnsOf, progress, receive }),
    close: () => Promise.resolve(),
  };
}

async function readHead(file: string): Promise<Head> {
  for await (const text of readLines(file)) {
    const head = headSchema.safeParse(parseJson(text));
    if (head.success) return head.data;
    throw damaged(file, 'its first line is not that of a backup that this version can read');
  }
  throw damaged(file, 'it is empty');
}

interface LinesToSend {
  readonly file: string;
  readonly columnsOf: ReadonlyMap<string, readonly string[]>;
  readonly progress: CopyProgress;
  readonly receive: Receive;
}

async function sendLines({ file, columnsOf, progress, receive }: LinesToSend): Promise<CopyCounts> {
  const counts = new Map<string, number>([...columnsOf.keys()].map((name) => [name, 0]));
  /** Tables whose pieces up to this end are in the target already. */
  const skipping = new Map(progress);
  let parts: Buffer[] = [];
  let artifacts = 0;
  let number = 0;
  for await (const text of readLines(file)) {
    number += 1;
    if (number === 1) continue;
    const line = readLine(file, { text, number });
    if ('end' in line) {
      if (artifacts !== line.artifacts || [...counts].some(([name, count]) => count !== (line.end[name] ?? 0)))
        throw damaged(file, 'it does not hold as much as its end says');
      return counts;
    }
    if ('part' in line) parts.push(Buffer.from(line.part, 'base64'));
    else if ('artifact' in line) {
      const bytes = Buffer.concat(parts);
      parts = [];
      artifacts += 1;
      if (bytes.length !== line.bytes) throw damaged(file, `the artifact "${line.artifact}" is not whole`);
      await receive({ kind: 'artifact', key: line.artifact, bytes });
    } else {
      refuseColumns(file, line, columnsOf.get(line.table));
      counts.set(line.table, (counts.get(line.table) ?? 0) + line.rows.length);
      if (skipping.has(line.table)) {
        if (skipping.get(line.table) === line.last) skipping.delete(line.table);
      } else
        await receive({
          kind: 'rows',
          table: line.table,
          columns: line.columns,
          rows: line.rows.map((row) => row.map(restored)),
          last: line.last,
        });
    }
  }
  throw damaged(file, 'it ends too early');
}

/** Names of tables and columns become part of statements: only those that the schema has. */
function refuseColumns(file: string, line: Extract<Line, { table: string }>, known: readonly string[] | undefined): void {
  if (known === undefined) throw damaged(file, `it holds a table "${line.table.slice(0, 80)}", which is not of Martlet`);
  const same = line.columns.length === known.length && line.columns.every((column) => known.includes(column));
  if (!same || line.rows.some((row) => row.length !== known.length))
    throw damaged(file, `the columns of its table "${line.table}" are not those of this schema`);
}

function restored(cell: ArchivedCell): CopyCell {
  return typeof cell === 'object' && cell !== null ? Buffer.from(cell.base64, 'base64') : cell;
}

async function* readLines(file: string): AsyncGenerator<string> {
  const bytes = createGunzip({ chunkSize: CHUNK_BYTES });
  const reading = pipeline(createReadStream(file), bytes);
  // Its failure is that of the loop below as well.
  reading.catch(() => undefined);
  let begun: string[] = [];
  let length = 0;
  try {
    for await (const chunk of bytes.setEncoding('utf8') as AsyncIterable<string>) {
      const [first = '', ...others] = chunk.split('\n');
      length += first.length;
      begun.push(first);
      for (const next of others) {
        yield begun.join('');
        begun = [next];
        length = next.length;
      }
      if (length > LINE_LENGTH_MAX) throw new Error('a line of it is too long');
    }
  } catch (error) {
    throw damaged(file, error instanceof Error ? error.message : String(error));
  }
  if (length > 0) yield begun.join('');
}

function readLine(file: string, { text, number }: { text: string; number: number }): Line {
  const line = lineSchema.safeParse(parseJson(text));
  if (!line.success) throw damaged(file, `its line ${number} is not one of a backup`);
  return line.data;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Refused by the schema, as every other text that is none of ours.
    return undefined;
  }
}

function damaged(file: string, reason: string): PlatformError {
  return new PlatformError('config_invalid', `Cannot read the backup ${file}: ${reason}.`);
}
