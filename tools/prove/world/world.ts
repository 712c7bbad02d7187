/** A platform under proof: its servers, its database, its functions, and beside it what watches from outside. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createPostgresServer, type PostgresServer } from '../../../packages/server/test/postgres/postgres-server.ts';
import { createTcpProxy, type TcpProxy } from '../../../packages/server/test/postgres/tcp-proxy.ts';
import { startEffectsServer, type EffectsServer } from '../oracle/effects-server.ts';
import { createJournal, type Journal } from '../oracle/journal.ts';
import { functionNames, writeFunctions } from './functions.ts';
import { createServerNode, type ServerNode } from './node.ts';

export type StoreKind = 'sqlite' | 'postgres';

export interface World {
  readonly kind: StoreKind;
  readonly nodes: readonly ServerNode[];
  /** On PostgreSQL only: the database, and the way to it on which every server depends. */
  readonly database: PostgresServer | undefined;
  readonly way: TcpProxy | undefined;
  readonly journal: Journal;
  readonly effects: EffectsServer;
  /** Ids of functions by name. */
  readonly functions: Readonly<Record<string, string>>;
  readonly dataFolder: string;
  /** Asks a server that is up, or the given one. Rejects where the connection breaks or nothing comes. */
  ask(method: string, path: string, options?: AskOptions): Promise<Response>;
  close(): Promise<void>;
}

export interface AskOptions {
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly node?: ServerNode;
}

export interface WorldOptions {
  readonly kind: StoreKind;
  readonly nodes?: number;
  readonly env?: Readonly<Record<string, string>>;
  /** In place of a folder that the world makes. */
  readonly dataFolder?: string;
}

const LAUNCHER = fileURLToPath(new URL('../../../packages/cli/bin/martlet.mjs', import.meta.url));
const ASK_MS_MAX = 15_000;
export const SCHEDULE = 'each-second';
export const EVENT_SOURCE = '/prove';

export async function createWorld({ kind, nodes: count = kind === 'sqlite' ? 1 : 3, env = {}, dataFolder }: WorldOptions): Promise<World> {
  const home = mkdtempSync(join(tmpdir(), 'martlet-prove-'));
  const closers: (() => unknown)[] = [() => rmSync(home, { recursive: true, force: true })];
  const close = async (): Promise<void> => {
    for (const closer of closers.splice(0).reverse()) await closer();
  };
  try {
    const effects = await startEffectsServer();
    closers.push(() => effects.close());
    writeFunctions(home, effects.address);
    const { database, way, url } = kind === 'postgres' ? await startDatabase(closers) : {};
    // Servers start all the time here: what they compile is kept.
    const serverEnv = {
      ...settings(effects.address),
      NODE_COMPILE_CACHE: join(home, 'compiled'),
      ...(url !== undefined && sharedSettings(url)),
      ...env,
    };
    const nodes: ServerNode[] = [];
    for (let number = 0; number < count; number += 1) {
      const data = number === 0 && dataFolder !== undefined ? dataFolder : join(home, `data-${number}`);
      nodes.push(createServerNode({ port: await freePort(), home, data, env: serverEnv }));
    }
    closers.push(() => Promise.all(nodes.map((node) => node.stop())));
    const apiKey = (await nodes[0]?.start()) ?? '';
    await Promise.all(nodes.slice(1).map((node) => node.start()));
    const ask = asker(nodes, apiKey);
    await promisify(execFile)(process.execPath, [LAUNCHER, 'deploy'], {
      cwd: home,
      env: { ...process.env, MARTLET_URL: nodes[0]?.url, MARTLET_API_KEY: apiKey },
    });
    const functions = await functionIds(ask);
    await createSchedule(ask, functions['ticks'] ?? '');
    const journal = createJournal(join(home, 'journal.jsonl'));
    return { kind, nodes, database, way, journal, effects, functions, dataFolder: dataFolder ?? join(home, 'data-0'), ask, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function startDatabase(closers: (() => unknown)[]): Promise<{ database: PostgresServer; way: TcpProxy; url: string }> {
  const database = await createPostgresServer({ fsync: true });
  closers.push(() => database.destroy());
  const way = await createTcpProxy(database.port);
  closers.push(() => way.close());
  const url = new URL(await database.createDatabase());
  url.port = String(way.port);
  return { database, way, url: url.href };
}

const settings = (effects: string): Record<string, string> => ({
  MARTLET_HOST: '127.0.0.1',
  MARTLET_SANDBOX_TIER: 'C',
  MARTLET_LOG_LEVEL: 'warn',
  MARTLET_BLANKS: '2',
  MARTLET_EGRESS_ALLOW: effects,
  MARTLET_LIMIT_API_REQUESTS_PER_MINUTE: '0',
});

const sharedSettings = (url: string): Record<string, string> => ({
  MARTLET_DATABASE_URL: url,
  MARTLET_VAULT_KEY: randomBytes(32).toString('base64'),
});

function asker(nodes: readonly ServerNode[], apiKey: string): World['ask'] {
  let turn = 0;
  return async (method, path, { body, headers = {}, node } = {}) => {
    const up = nodes.filter(({ alive }) => alive);
    turn += 1;
    const target = node ?? up[turn % Math.max(1, up.length)];
    if (target === undefined) throw new Error('No server is up.');
    return fetch(`${target.url}${path}`, {
      method,
      headers: { 'x-martlet-key': apiKey, 'content-type': 'application/json', ...headers },
      signal: AbortSignal.timeout(ASK_MS_MAX),
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
  };
}

async function functionIds(ask: World['ask']): Promise<Record<string, string>> {
  const deadline = Date.now() + ASK_MS_MAX;
  for (;;) {
    const { functions } = (await (await ask('GET', '/v1/functions')).json()) as {
      functions: { $id: string; name: string; live: boolean }[];
    };
    const known = Object.fromEntries(functions.map(({ name, $id }) => [name, $id]));
    if (functionNames.every((name) => known[name] !== undefined)) return known;
    if (Date.now() > deadline) throw new Error(`Not every function is there: ${JSON.stringify(known)}`);
    await pause(100);
  }
}

async function createSchedule(ask: World['ask'], functionId: string): Promise<void> {
  const body = { scheduleId: SCHEDULE, expression: '* * * * * *', catchUp: { policy: 'all', max: 1000, window: 86_400 } };
  const answer = await ask('POST', `/v1/functions/${functionId}/schedules`, { body });
  if (answer.status !== 201) throw new Error(`Cannot make the schedule: ${answer.status} ${await answer.text()}`);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
