/**
 * A PostgreSQL of the tests' own, in a temporary folder, on a unix socket and a free port of 127.0.0.1. The server that
 * a machine runs for others is never touched. As root it runs under another user, since PostgreSQL refuses root.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, chownSync, constants, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import pg from 'pg';

export interface PostgresServer {
  readonly port: number;
  /** Connection string of a new, empty database. */
  createDatabase(): Promise<string>;
  start(): Promise<void>;
  /** `immediate` is what a crash leaves behind. */
  stop(how: 'fast' | 'immediate'): Promise<void>;
  /** Stops it and removes its folder. */
  destroy(): Promise<void>;
}

export interface PostgresServerOptions {
  /** Whether commits reach the disk. */
  readonly fsync: boolean;
  /** Further settings of the server. */
  readonly settings?: Readonly<Record<string, string>>;
}

const START_MS_MAX = 60_000;
const SIGNALS = { fast: 'SIGINT', immediate: 'SIGQUIT' } as const;
const USER = 'martlet';

/** Folder of `initdb` and `postgres`; or why there is none that can be used. */
export function findPostgres(): { readonly bin: string } | { readonly missing: string } {
  const installed = '/usr/lib/postgresql';
  const versions = existsSync(installed) ? readdirSync(installed).filter((name) => Number(name) >= 15) : [];
  const folders = [
    ...versions.sort((a, b) => Number(b) - Number(a)).map((version) => join(installed, version, 'bin')),
    ...(process.env['PATH'] ?? '').split(delimiter),
  ];
  const bin = folders.find((folder) => ['initdb', 'postgres'].every((name) => isExecutable(join(folder, name))));
  if (bin === undefined) return { missing: 'PostgreSQL 15 or newer is not installed' };
  if (process.getuid?.() === 0 && otherUser() === undefined)
    return { missing: 'PostgreSQL does not run as root, and there is no other user to run it as' };
  return { bin };
}

/** @throws {Error} with the output of PostgreSQL when it does not start */
export async function createPostgresServer(options: PostgresServerOptions): Promise<PostgresServer> {
  const found = findPostgres();
  if ('missing' in found) throw new Error(`Cannot start PostgreSQL: ${found.missing}`);
  const folder = mkdtempSync(join(tmpdir(), 'mpg-'));
  const data = join(folder, 'data');
  const port = await freePort();
  const user = process.getuid?.() === 0 ? otherUser() : undefined;
  if (user !== undefined) chownSync(folder, user.uid, user.gid);
  let server: ChildProcess | undefined;
  let databases = 0;

  const as = (program: string, args: readonly string[]): [string, string[]] => {
    const command = [join(found.bin, program), ...args];
    // Whatever ends the tests, also a kill -9, ends the server with them.
    const wrapper = isExecutable('/usr/bin/setpriv')
      ? [
          '/usr/bin/setpriv',
          '--pdeathsig=QUIT',
          ...(user === undefined ? [] : [`--reuid=${user.uid}`, `--regid=${user.gid}`, '--clear-groups']),
        ]
      : [];
    const [first = '', ...rest] = [...wrapper, ...command];
    return [first, rest];
  };

  const [initdb, initdbArgs] = as('initdb', ['-D', data, '-U', USER, '-A', 'trust', '-E', 'UTF8', '--locale=C.UTF-8', '--no-sync']);
  const made = spawnSync(initdb, initdbArgs, { encoding: 'utf8', cwd: folder });
  if (made.status !== 0) throw new Error(`Cannot make a PostgreSQL cluster: ${made.stderr} ${made.error?.message ?? ''}`);

  async function start(): Promise<void> {
    const settings = {
      listen_addresses: '127.0.0.1',
      port: String(port),
      unix_socket_directories: folder,
      fsync: options.fsync ? 'on' : 'off',
      full_page_writes: options.fsync ? 'on' : 'off',
      max_connections: '200',
      shared_buffers: '64MB',
      ...options.settings,
    };
    const [program, args] = as('postgres', [
      '-D',
      data,
      ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    ]);
    const child = spawn(program, args, { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
    server = child;
    let output = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (output = (output + text).slice(-4000)));
    const deadline = Date.now() + START_MS_MAX;
    while (!(await accepts(port))) {
      if (child.exitCode !== null || Date.now() > deadline) throw new Error(`PostgreSQL did not start: ${output}`);
      await wait(50);
    }
  }

  async function stop(how: 'fast' | 'immediate'): Promise<void> {
    const child = server;
    server = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill(SIGNALS[how]);
    await ended;
  }

  const at = (database: string): string => `postgres://${USER}@127.0.0.1:${port}/${database}`;
  try {
    await start();
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
  return {
    port,
    start,
    stop,
    async createDatabase() {
      databases += 1;
      const name = `test_${process.pid}_${databases}_${Date.now().toString(36)}`;
      const client = new pg.Client({ connectionString: at('postgres') });
      await client.connect();
      await client.query(`create database ${name}`);
      await client.end();
      return at(name);
    },
    async destroy() {
      await stop('immediate');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function accepts(port: number): Promise<boolean> {
  const client = new pg.Client({ connectionString: `postgres://${USER}@127.0.0.1:${port}/postgres`, connectionTimeoutMillis: 1000 });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.end();
    return true;
  } catch {
    return false;
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** The user that PostgreSQL's package makes, else nobody. */
function otherUser(): { readonly uid: number; readonly gid: number } | undefined {
  for (const name of ['postgres', 'nobody']) {
    const ids = ['-u', '-g'].map((flag) => spawnSync('id', [flag, name], { encoding: 'utf8' }));
    const [uid, gid] = ids.map(({ status, stdout }) => (status === 0 ? Number(stdout) : Number.NaN));
    if (uid !== undefined && gid !== undefined && Number.isInteger(uid) && Number.isInteger(gid)) return { uid, gid };
  }
  return undefined;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
