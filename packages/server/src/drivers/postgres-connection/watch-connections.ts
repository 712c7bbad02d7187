/**
 * Finds connections that wait for an answer that will never come: the network between lost the request or the answer,
 * and nobody closed the connection. Asks the server on a new connection what it is doing for the old one.
 */
import { Client, type PoolClient } from 'pg';
import type { Asked } from './session.ts';
import { poolConfig, type PostgresSettings } from './settings.ts';

const LOOK_MS = 500;
/** Longer than almost every statement; asking costs a connection. */
const PATIENCE_MS = 1500;
const ASK_MS = 1500;

export interface WatchOptions {
  readonly settings: PostgresSettings;
  readonly busy: ReadonlySet<Asked>;
  /** Told of each connection that was found dead. */
  readonly onLost: () => void;
}

export function watchConnections({ settings, busy, onLost }: WatchOptions): { stop(): void } {
  let asking = false;
  const timer = setInterval(() => void look(), LOOK_MS);
  timer.unref();
  return { stop: () => clearInterval(timer) };

  async function look(): Promise<void> {
    const now = Date.now();
    const silent = [...busy].filter(({ since, client }) => since > 0 && now - since > PATIENCE_MS && processOf(client) !== undefined);
    // Behind a pooler a connection has no process of its own; there the time limit of a query decides.
    if (asking || silent.length === 0 || settings.pooled) return;
    asking = true;
    const working = await askServer(
      settings,
      silent.map(({ client }) => processOf(client)),
    ).finally(() => (asking = false));
    if (working === undefined) return;
    for (const watched of silent) {
      const pid = processOf(watched.client);
      // It may have been answered, and have asked anew, since we asked.
      if (pid === undefined || working.has(pid) || watched.since === 0 || watched.since > now) continue;
      onLost();
      destroy(watched.client);
    }
  }
}

/** The processes that are at work on a statement; undefined where the server cannot be asked. */
async function askServer(settings: PostgresSettings, pids: readonly unknown[]): Promise<ReadonlySet<number> | undefined> {
  const limits = { statementMs: ASK_MS, lockMs: ASK_MS };
  const client = new Client({ ...poolConfig(settings, limits, 1), connectionTimeoutMillis: ASK_MS, query_timeout: ASK_MS });
  client.on('error', () => undefined);
  try {
    await client.connect();
    const { rows } = await client.query<{ pid: number }>(
      `select pid from pg_stat_activity where pid = any($1::int[]) and (state = 'active' or state_change > now() - interval '1 second')`,
      [pids],
    );
    return new Set(rows.map(({ pid }) => pid));
  } catch {
    // It is away for everybody: connections fail by themselves, or answer when it is back.
    return undefined;
  } finally {
    client.end().catch(() => undefined);
  }
}

function processOf(client: PoolClient): number | undefined {
  const pid: unknown = 'processID' in client ? client.processID : undefined;
  return typeof pid === 'number' ? pid : undefined;
}

function destroy(client: PoolClient): void {
  const connection: unknown = 'connection' in client ? client.connection : undefined;
  const stream: unknown = typeof connection === 'object' && connection !== null && 'stream' in connection ? connection.stream : undefined;
  if (typeof stream === 'object' && stream !== null && 'destroy' in stream && typeof stream.destroy === 'function')
    stream.destroy(new Error('the network has lost the request or its answer'));
}
