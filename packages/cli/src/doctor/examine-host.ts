/** Checks of the machine that need nothing of a server: Node, disk, SQLite, npm, port, processor. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, readdir, rm, statfs, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { bytes } from '../terminal/units.ts';

export interface Finding {
  readonly check: string;
  /** `weak`: works, but not as well as it could. `broken`: a server cannot run, or the one that is meant does not answer. */
  readonly state: 'good' | 'weak' | 'broken';
  /** What was found, and where it is not good what to do. */
  readonly detail: string;
}

export interface HostQuestion {
  readonly data: string;
  readonly port: number;
  readonly folder: string;
}

const NODE_MAJOR = 24;
const FREE_BYTES_LOW = 1_000_000_000;
const FREE_BYTES_MIN = 100_000_000;
const VULNERABILITIES = '/sys/devices/system/cpu/vulnerabilities';

export async function examineHost(question: HostQuestion): Promise<Finding[]> {
  return [
    examineNode(),
    await examineDataFolder(question),
    await examineDisk(question),
    await examineSqlite(),
    await examineNpm(),
    await examinePort(question),
    await examineProcessor(),
  ];
}

function examineNode(): Finding {
  const version = process.versions.node;
  const good = Number.parseInt(version, 10) >= NODE_MAJOR;
  return {
    check: 'node',
    state: good ? 'good' : 'broken',
    detail: good ? `${version} (${process.execPath})` : `${version}: a server needs Node ${NODE_MAJOR} or newer`,
  };
}

/** Writes a file, as a server would. */
async function examineDataFolder({ data }: HostQuestion): Promise<Finding> {
  const nearest = await nearestFolder(data);
  try {
    const probe = await mkdtemp(join(nearest, '.martlet-doctor-'));
    await writeFile(join(probe, 'probe'), 'x');
    await rm(probe, { recursive: true });
    return { check: 'data folder', state: 'good', detail: nearest === data ? `${data} is writable` : `${data} can be made` };
  } catch (error) {
    return {
      check: 'data folder',
      state: 'broken',
      detail: `Cannot write to ${nearest}: ${messageOf(error)}. Choose another one with --data.`,
    };
  }
}

async function examineDisk({ data }: HostQuestion): Promise<Finding> {
  const { bavail, bsize } = await statfs(await nearestFolder(data));
  const free = bavail * bsize;
  if (free < FREE_BYTES_MIN)
    return {
      check: 'disk',
      state: 'broken',
      detail: `only ${bytes(free)} free for ${data}; make room or choose another folder with --data`,
    };
  return { check: 'disk', state: free < FREE_BYTES_LOW ? 'weak' : 'good', detail: `${bytes(free)} free for ${data}` };
}

async function examineSqlite(): Promise<Finding> {
  try {
    const { DatabaseSync } = await import('node:sqlite');
    const database = new DatabaseSync(':memory:');
    const row = database.prepare('SELECT sqlite_version() AS version').get();
    database.close();
    return { check: 'sqlite', state: 'good', detail: String(row?.['version']) };
  } catch (error) {
    return { check: 'sqlite', state: 'broken', detail: `this Node has no usable node:sqlite: ${messageOf(error)}` };
  }
}

async function examineNpm(): Promise<Finding> {
  try {
    const { stdout } = await promisify(execFile)('npm', ['--version'], { timeout: 15_000 });
    return { check: 'npm', state: 'good', detail: stdout.trim() };
  } catch (error) {
    return {
      check: 'npm',
      state: 'weak',
      detail: `not found (${messageOf(error).split('\n')[0]}); functions with a package.json cannot be built without it`,
    };
  }
}

async function examinePort({ port }: HostQuestion): Promise<Finding> {
  const server = createServer();
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, '127.0.0.1', resolve);
    });
    return { check: 'port', state: 'good', detail: `${port} is free` };
  } catch (error) {
    return {
      check: 'port',
      state: 'weak',
      detail: `${port} cannot be used now (${messageOf(error)}); a server may be running, or choose another one with --port`,
    };
  } finally {
    if (server.listening) await new Promise((resolve) => server.close(resolve));
  }
}

/** Functions of strangers on one processor: what the kernel says about leaks between processes. */
async function examineProcessor(): Promise<Finding> {
  try {
    const names = await readdir(VULNERABILITIES);
    const states = await Promise.all(
      names.map(async (name) => ({ name, text: (await readFile(join(VULNERABILITIES, name), 'utf8')).trim() })),
    );
    const open = states.filter(({ text }) => text.startsWith('Vulnerable'));
    if (open.length === 0) return { check: 'processor', state: 'good', detail: 'no open hardware vulnerability known to the kernel' };
    return {
      check: 'processor',
      state: 'weak',
      detail: `open to ${open.map((one) => one.name).join(', ')}; update kernel and microcode before you run code of strangers`,
    };
  } catch {
    // Only Linux tells, and not in every virtual machine.
    return { check: 'processor', state: 'good', detail: 'this system does not tell about hardware vulnerabilities' };
  }
}

async function nearestFolder(path: string): Promise<string> {
  for (let folder = path; ; folder = dirname(folder)) {
    try {
      await readdir(folder);
      return folder;
    } catch (error) {
      const missing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
      if (!missing || folder === dirname(folder)) return folder;
    }
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
