/** How connections to PostgreSQL are opened: what the connection string says, and what Martlet asks of every session. */
import type { PoolConfig } from 'pg';
import { StoreFault } from '../sql/store-fault.ts';
import { valueTypes } from './values.ts';

export interface PostgresSettings {
  readonly url: string;
  /**
   * A pooler that hands out connections per transaction (PgBouncer) is in between, `pgbouncer=true` in the connection
   * string: it takes no settings for a session, so that every transaction brings its own.
   */
  readonly pooled: boolean;
  /** `options` of the connection string, which the server takes as its command line. */
  readonly options: string;
}

export interface SessionLimits {
  readonly statementMs: number;
  readonly lockMs: number;
}

/** Waiting for a free connection, or for the server to accept one. */
const CONNECT_MS = 5000;
const IDLE_IN_TRANSACTION_MS = 20_000;
/** Sent when a connection has been still for so long; ten more, a second apart, and the system calls it dead. */
const KEEPALIVE_MS = 5000;
/** What a server needs to say that it has canceled a statement. */
const ANSWER_MS = 5000;

/** @throws {StoreFault} `config_invalid` */
export function readSettings(text: string): PostgresSettings {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !['postgres:', 'postgresql:'].includes(url.protocol))
    throw new StoreFault(
      'config_invalid',
      'Cannot use the connection string of the database: it must look like postgres://user:password@host:5432/database.',
    );
  const pooled = ['1', 'true'].includes(url.searchParams.get('pgbouncer') ?? '');
  const options = url.searchParams.get('options') ?? '';
  url.searchParams.delete('pgbouncer');
  url.searchParams.delete('options');
  return { url: url.toString(), pooled, options };
}

/** The connection string without its password, for logs and messages. */
export function describeDatabase({ url }: PostgresSettings): string {
  const shown = new URL(url);
  shown.password = '';
  shown.searchParams.delete('password');
  return shown.toString();
}

export function poolConfig(settings: PostgresSettings, limits: SessionLimits, max: number): PoolConfig {
  return {
    connectionString: settings.url,
    max,
    types: valueTypes,
    application_name: 'martlet',
    connectionTimeoutMillis: CONNECT_MS,
    idleTimeoutMillis: 60_000,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEPALIVE_MS,
    query_timeout: limits.statementMs + ANSWER_MS,
    ...(!settings.pooled && {
      options: [settings.options, ...sessionSettings(limits).map(([name, value]) => `-c ${name}=${value}`)].join(' ').trim(),
    }),
  };
}

/** Statements that begin a transaction; with a pooler in between they carry the settings that a session cannot keep. */
export function beginOf({ pooled }: PostgresSettings, limits: SessionLimits, mode: string): string {
  if (!pooled) return `begin ${mode}`;
  return [`begin ${mode}`, ...sessionSettings(limits).map(([name, value]) => `set local ${name} = ${value}`)].join('; ');
}

function sessionSettings({ statementMs, lockMs }: SessionLimits): readonly (readonly [string, string])[] {
  return [
    // A database that is set to `off` loses the last commits when the machine stops.
    ['synchronous_commit', 'on'],
    ['statement_timeout', String(statementMs)],
    ['lock_timeout', String(lockMs)],
    ['idle_in_transaction_session_timeout', String(IDLE_IN_TRANSACTION_MS)],
    // Our statements take less than compiling them would.
    ['jit', 'off'],
  ];
}
