/**
 * Artifacts in PostgreSQL, where every node reaches them. Bytes lie in pieces of their own number, and a key points at a
 * number: so an artifact is replaced whole, and whoever reads the old one reads it to its end.
 */
import { PlatformError } from '@martlet/protocol';
import type { Artifacts } from '../../ports/artifacts.ts';
import { createConnections } from '../postgres-connection/connections.ts';
import { toPlatformError } from '../postgres-connection/faults.ts';
import { prepareTables } from '../postgres-connection/prepare-tables.ts';
import type { Session } from '../postgres-connection/session.ts';
import { readSettings } from '../postgres-connection/settings.ts';

export interface PostgresArtifacts extends Artifacts {
  /** Makes its tables where they are missing. @throws {PlatformError} `store_unavailable` */
  open(): Promise<void>;
  close(): Promise<void>;
}

/** Small enough that no statement is long and no message is large. */
const PIECE_BYTES = 1_048_576;
const LIMITS = { statementMs: 30_000, lockMs: 15_000 };
const CONNECTIONS = 4;
const SEGMENT = /^[a-z0-9_-][a-z0-9._-]*$/;
const KEY_LENGTH_MAX = 400;

const TABLES = `
create table if not exists artifacts (key text collate "C" primary key, content bigint not null unique);
create sequence if not exists artifact_contents;
create table if not exists artifact_pieces (content bigint not null, number bigint not null, bytes bytea not null, primary key (content, number));
alter table artifact_pieces alter column bytes set storage external`;

export function createPostgresArtifacts({ url }: { readonly url: string }): PostgresArtifacts {
  const connections = createConnections({ settings: readSettings(url), limits: LIMITS, max: CONNECTIONS });

  return {
    open: () => storing(() => prepareTables(connections, TABLES)),
    close: () => connections.close(),
    put: (key, bytes) => storing(() => connections.write((session) => put(session, checkedKey(key), bytes))),
    get: (key) => storing(() => connections.read((session) => get(session, checkedKey(key)))),
    has: (key) =>
      storing(async () => {
        const { rows } = await connections.use((session) => session.query('select 1 from artifacts where key = $1', [checkedKey(key)]));
        return rows.length > 0;
      }),
    deletePrefix: (prefix) => storing(() => connections.write((session) => deletePrefix(session, checkedPrefix(prefix)))),
  };
}

async function put(session: Session, key: string, bytes: Uint8Array): Promise<void> {
  const { rows } = await session.query<{ content: number }>(`select nextval('artifact_contents') as content`);
  const content = rows[0]?.content;
  for (let number = 0; number * PIECE_BYTES < bytes.length; number += 1) {
    const piece = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).subarray(number * PIECE_BYTES, (number + 1) * PIECE_BYTES);
    await session.query('insert into artifact_pieces (content, number, bytes) values ($1, $2, $3)', [content, number, piece]);
  }
  // One writer of a key after the other, so that each removes the pieces of the one before.
  await session.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [key]);
  await session.query('delete from artifact_pieces where content in (select content from artifacts where key = $1)', [key]);
  await session.query('insert into artifacts (key, content) values ($1, $2) on conflict (key) do update set content = excluded.content', [
    key,
    content,
  ]);
}

/** Piece by piece, all as of one moment. */
async function get(session: Session, key: string): Promise<Buffer | undefined> {
  const { rows } = await session.query<{ content: number }>('select content from artifacts where key = $1', [key]);
  const content = rows[0]?.content;
  if (content === undefined) return undefined;
  const pieces: Buffer[] = [];
  for (let number = 0; ; number += 1) {
    const { rows: found } = await session.query<{ bytes: Buffer }>('select bytes from artifact_pieces where content = $1 and number = $2', [
      content,
      number,
    ]);
    const piece = found[0]?.bytes;
    if (piece !== undefined) pieces.push(piece);
    if (piece === undefined || piece.length < PIECE_BYTES) return Buffer.concat(pieces);
  }
}

async function deletePrefix(session: Session, prefix: string): Promise<void> {
  await session.query(
    `with gone as (delete from artifacts where starts_with(key, $1) returning content)
     delete from artifact_pieces where content in (select content from gone)`,
    [prefix],
  );
}

function checkedKey(key: string): string {
  if (key.length > KEY_LENGTH_MAX || key.split('/').some((segment) => !SEGMENT.test(segment))) throw invalidKey(key);
  return key;
}

/** A prefix may end within a segment, or after a slash. */
function checkedPrefix(prefix: string): string {
  const segments = prefix.split('/');
  const last = segments.pop() ?? '';
  if (prefix === '' || segments.some((segment) => !SEGMENT.test(segment)) || (last !== '' && !SEGMENT.test(last))) throw invalidKey(prefix);
  return prefix;
}

function invalidKey(key: string): PlatformError {
  return new PlatformError(
    'general_server_error',
    `Cannot use "${key.slice(0, 80)}" as the key of an artifact: it must be segments of [a-z0-9._-] that do not start with a dot, separated by single slashes.`,
  );
}

async function storing<Result>(operate: () => Promise<Result>): Promise<Result> {
  try {
    return await operate();
  } catch (error) {
    throw toPlatformError(error);
  }
}
