/** The folder that holds everything a server keeps, and the promise that only one server uses it at a time. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PlatformError } from '@martlet/protocol';

export interface DataFolder {
  readonly database: string;
  readonly artifacts: string;
  readonly trees: string;
  readonly vaultKeys: string;
  readonly devKey: string;
  /** State of the running server; worthless after it. */
  readonly run: string;
  readonly cache: string;
  /** For unfinished things; emptied at every start. */
  readonly temp: string;
  readonly egressSocket: string;
  release(): void;
}

/** A unix socket path has room for 103 bytes on every system that we run on. */
const SOCKET_PATH_MAX = 103;

/** @throws {PlatformError} `config_invalid` when another server uses the folder, or it cannot be written */
export function openDataFolder(path: string): DataFolder {
  const at = (...names: string[]): string => join(path, ...names);
  try {
    for (const name of ['artifacts', 'run', 'cache', 'temp']) mkdirSync(at(name), { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new PlatformError(
      'config_invalid',
      `Cannot use the data folder ${path}: ${(error as Error).message}. Choose another one with --data.`,
    );
  }
  const lock = at('run', 'server.pid');
  takeLock(lock, path);
  // What a killed server was unpacking or building; only the one that holds the lock may take it away.
  rmSync(at('temp'), { recursive: true, force: true });
  mkdirSync(at('temp'), { mode: 0o700 });
  const socket = at('run', 'egress.sock');
  return {
    database: at('martlet.db'),
    artifacts: at('artifacts'),
    trees: at('cache', 'trees'),
    vaultKeys: at('vault.keys'),
    devKey: at('dev.key'),
    run: at('run'),
    cache: at('cache'),
    temp: at('temp'),
    egressSocket: Buffer.byteLength(socket) <= SOCKET_PATH_MAX ? socket : join(tmpdir(), `martlet-egress-${process.pid}.sock`),
    release: () => rmSync(lock, { force: true }),
  };
}

/** The lock names a process and when it started, as the number alone may be another process by now. */
function takeLock(lock: string, folder: string): void {
  const owner = read(lock);
  if (owner !== undefined) {
    const [pid = '', startedAt = ''] = owner.trim().split(' ');
    if (Number(pid) !== process.pid && startOf(Number(pid)) === startedAt && startedAt !== '') {
      throw new PlatformError(
        'config_invalid',
        `Cannot use the data folder ${folder}: the server with process id ${pid} uses it. Stop that one, or choose another folder with --data.`,
      );
    }
  }
  writeFileSync(lock, `${process.pid} ${startOf(process.pid)}`, { mode: 0o600 });
}

/** Start time of a process in ticks since boot on Linux; elsewhere `alive`. Empty when there is no such process. */
function startOf(pid: number): string {
  const stat = read(`/proc/${pid}/stat`);
  if (stat !== undefined) return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  if (process.platform === 'linux') return '';
  try {
    process.kill(pid, 0);
    return 'alive';
  } catch {
    return '';
  }
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
