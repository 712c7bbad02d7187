/**
 * Hints through the database. Each is a row, which every node finds when it looks next; NOTIFY only makes it look at
 * once. So the loss of a notification, of the connection that listens, or a pooler that cannot listen costs a second.
 */
import { Client } from 'pg';
import type { Hints } from '../../ports/hints.ts';
import type { Log } from '../../ports/system/log.ts';
import { createConnections } from '../postgres-connection/connections.ts';
import { toPlatformError } from '../postgres-connection/faults.ts';
import { prepareTables } from '../postgres-connection/prepare-tables.ts';
import { poolConfig, readSettings } from '../postgres-connection/settings.ts';

export interface PostgresHintsOptions {
  readonly url: string;
  /** Of this node; tells its own hints from those of others. */
  readonly nodeId: string;
  readonly log: Log;
}

const CHANNEL = 'martlet_hints';
const LOOK_MS = 1000;
const LISTEN_AGAIN_MS = 1000;
/** A hint is found for so long after it was given: longer than a node without a connection remembers anything. */
const KEPT_SECONDS = 60;
/** Rows appear in another order than they are numbered: each look reads so far back, and skips what it knows. */
const OVERLAP_SECONDS = 15;
const LIMITS = { statementMs: 5000, lockMs: 5000 };

const TABLE = `create table if not exists hints (
  seq bigint generated always as identity primary key,
  at timestamptz not null default clock_timestamp(),
  node_id text not null,
  topic text not null,
  text text not null
); create index if not exists hints_by_time on hints (at)`;

/** @throws {PlatformError} `store_unavailable` */
export async function createPostgresHints({ url, nodeId, log }: PostgresHintsOptions): Promise<Hints> {
  const settings = readSettings(url);
  const connections = createConnections({ settings, limits: LIMITS, max: 2 });
  const listeners = new Map<string, ((text: string) => void)[]>();
  /** Known hints by number, and when they were found. */
  const known = new Map<number, number>();
  let looking = false;
  let again = false;
  let closed = false;
  let listening: Client | undefined;
  let failing = false;

  await prepareTables(connections, TABLE).catch(async (error: unknown) => {
    await connections.close();
    throw toPlatformError(error);
  });
  // What was said before this node was there is not for it.
  await look((): void => undefined);
  const timer = setInterval(wake, LOOK_MS);
  timer.unref();
  if (!settings.pooled) void listen();

  function wake(): void {
    if (looking) again = true;
    else if (!closed) void look(hear);
  }

  function hear(topic: string, text: string): void {
    for (const listener of listeners.get(topic) ?? []) {
      try {
        listener(text);
      } catch (error) {
        log.error({ err: error, topic }, 'Cannot act on a hint of another node');
      }
    }
  }

  async function look(onHint: (topic: string, text: string) => void): Promise<void> {
    looking = true;
    try {
      const { rows } = await connections.use((session) =>
        session.query<{ seq: number; topic: string; text: string }>(
          `select seq, topic, text from hints where at > clock_timestamp() - make_interval(secs => $1) and node_id <> $2 order by seq`,
          [OVERLAP_SECONDS, nodeId],
        ),
      );
      failing = false;
      for (const { seq, topic, text } of rows) {
        if (!known.has(seq)) onHint(topic, text);
        known.set(seq, Date.now());
      }
      for (const [seq, at] of known) if (Date.now() - at > OVERLAP_SECONDS * 1000) known.delete(seq);
    } catch (error) {
      if (!closed && !failing) log.warn({ err: error }, 'Cannot look for hints of other nodes; changes are noticed late');
      failing = true;
    } finally {
      looking = false;
      if (again) {
        again = false;
        wake();
      }
    }
  }

  async function listen(): Promise<void> {
    const client = new Client(poolConfig(settings, LIMITS, 1));
    const lost = new Promise<void>((resolve) => {
      client.on('error', () => resolve());
      client.on('end', () => resolve());
    });
    client.on('notification', wake);
    try {
      await client.connect();
      listening = client;
      await client.query(`listen ${CHANNEL}`);
      await lost;
    } catch {
      // The looks go on, and say in the log when they fail too.
    }
    listening = undefined;
    client.end().catch(() => undefined);
    if (!closed) setTimeout(() => void listen(), LISTEN_AGAIN_MS).unref();
  }

  return {
    async publish(topic, text) {
      try {
        await connections.writeAtOnce((session) =>
          session.query(
            `with old as (delete from hints where at < clock_timestamp() - make_interval(secs => $4)),
                  added as (insert into hints (node_id, topic, text) values ($1, $2, $3))
             select pg_notify('${CHANNEL}', '')`,
            [nodeId, topic, text, KEPT_SECONDS],
          ),
        );
      } catch (error) {
        log.warn({ err: error, topic }, 'Cannot tell other nodes of a change');
      }
    },
    subscribe(topic, listener) {
      listeners.set(topic, [...(listeners.get(topic) ?? []), listener]);
    },
    async close() {
      closed = true;
      clearInterval(timer);
      await listening?.end().catch(() => undefined);
      await connections.close();
    },
  };
}
