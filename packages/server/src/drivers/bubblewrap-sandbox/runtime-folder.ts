/**
 * What is visible inside a sandbox at /rt, gathered once at start into a folder of ours: the worker, the code that enters
 * the sandbox, and copies of the very libraries that Node is linked against. So nothing of the host's /usr is mounted,
 * and an upgrade of the host does not pull files from under running workers.
 */
import { execFile } from 'node:child_process';
import { chmod, copyFile, mkdir, readdir, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { PlatformError } from '@martlet/protocol';
import { isDeadInstance } from './instance.ts';
import { seccompProgram } from './seccomp/seccomp-program.ts';
import { architectures } from './seccomp/seccomp-syscalls.ts';

export interface RuntimeFolder {
  /** Holds everything of this instance; to be removed at the end. */
  readonly folder: string;
  /** To be mounted at `/rt`. */
  readonly runtime: string;
  readonly seccompFile: string;
  /** Folders in which the loader looks for libraries; they become links to `/rt/lib`. */
  readonly libraryFolders: readonly string[];
}

export interface RuntimeSources {
  readonly stateDir: string;
  readonly instance: string;
  readonly nodePath: string;
  readonly workerBundlePath: string;
}

/** @throws {PlatformError} `worker_start_failed` when this machine has no filter, or a file is not there */
export async function createRuntimeFolder(sources: RuntimeSources): Promise<RuntimeFolder> {
  const architecture = architectures.find((known) => known === process.arch);
  if (architecture === undefined) {
    throw new PlatformError('worker_start_failed', `Cannot make a seccomp filter: the processor type ${process.arch} is not known`);
  }
  const folder = join(sources.stateDir, 'sandboxes', sources.instance);
  const runtime = join(folder, 'rt');
  await mkdir(join(runtime, 'lib'), { recursive: true });
  await Promise.all([
    writeFile(join(folder, 'seccomp.bpf'), seccompProgram(architecture)),
    // The place on which Node is mounted: a bind mount needs something to cover.
    writeFile(join(runtime, 'node'), ''),
    copyFile(sources.workerBundlePath, join(runtime, 'worker.cjs')),
    ...['enter-sandbox.cjs', 'probe-worker.cjs'].map((name) => copyFile(join(import.meta.dirname, 'inside', name), join(runtime, name))),
  ]);
  const libraryFolders = await copyLibraries(await realpath(sources.nodePath), join(runtime, 'lib'));
  await makeReadable(runtime);
  return { folder, runtime, seccompFile: join(folder, 'seccomp.bpf'), libraryFolders };
}

const CGROUPS_FILE = 'cgroups.json';

/**
 * Notes where an instance has its cgroups: that depends on the session or service that its server was started in, so a
 * successor in another one could not find what a crash leaves there.
 */
export async function recordCgroupParents(folder: string, parents: readonly string[]): Promise<void> {
  await writeFile(join(folder, CGROUPS_FILE), JSON.stringify(parents));
}

/** Where instances whose server is gone had their cgroups. */
export async function deadCgroupParents(stateDir: string): Promise<string[]> {
  const parent = join(stateDir, 'sandboxes');
  await mkdir(parent, { recursive: true });
  const dead = (await readdir(parent)).filter(isDeadInstance);
  const records = await Promise.all(dead.map((name) => readFile(join(parent, name, CGROUPS_FILE), 'utf8').catch(nothingIfMissing)));
  return records.flatMap((record) => (record === undefined ? [] : (JSON.parse(record) as string[])));
}

/** Removes the folders of instances whose server is gone. */
export async function sweepRuntimeFolders(stateDir: string): Promise<void> {
  const parent = join(stateDir, 'sandboxes');
  for (const name of await readdir(parent)) {
    if (isDeadInstance(name)) await rm(join(parent, name), { recursive: true, force: true });
  }
}

const run = promisify(execFile);

/**
 * Copies what the dynamic loader would load, by asking the loader itself: its order of places differs between systems.
 * Returns the folders where they were found. A static Node needs none.
 */
async function copyLibraries(nodePath: string, target: string): Promise<string[]> {
  const libraries = parseLibraries(await listLibraries(nodePath));
  const libc = libraries.find((library) => library.name === 'libc.so.6');
  // Parts of glibc that native addons are linked against although Node is not.
  const companions = libc === undefined ? [] : ['librt.so.1', 'libutil.so.1', 'libresolv.so.2'];
  await Promise.all([
    ...libraries.map(({ name, path }) => copyFile(path, join(target, name))),
    ...companions.map((name) => copyFile(join(dirname(libc?.path ?? ''), name), join(target, name)).catch(nothingIfMissing)),
  ]);
  const folders = [...new Set(libraries.map(({ path }) => dirname(path)))];
  return folders.filter((folder) => !folders.some((other) => folder.startsWith(`${other}/`)));
}

async function listLibraries(nodePath: string): Promise<string> {
  try {
    return (await run('ldd', [nodePath], { env: { PATH: '/usr/bin:/bin' } })).stdout;
  } catch (error) {
    if (error instanceof Error && /not a (?:valid )?dynamic/i.test(error.message)) return '';
    throw error;
  }
}

/** Reads `name => /path (0x…)` and `/path (0x…)`; the page that the kernel itself provides has no path. */
export function parseLibraries(listing: string): { readonly name: string; readonly path: string }[] {
  return [...listing.matchAll(/^\s+(?:(\S+) => )?(\/\S+) \(0x[0-9a-f]+\)$/gm)].map(([, name, path = '']) => ({
    name: basename(name ?? path),
    path,
  }));
}

function nothingIfMissing(error: unknown): undefined {
  if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
}

/** The worker runs as another user where the server is root, and the umask of the server may be strict. */
async function makeReadable(runtime: string): Promise<void> {
  const entries = await readdir(runtime, { recursive: true, withFileTypes: true });
  const paths = entries.map((entry) => join(entry.parentPath, entry.name));
  await Promise.all([runtime, ...paths].map((path) => chmod(path, 0o755)));
}
