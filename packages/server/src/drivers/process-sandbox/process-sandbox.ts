/**
 * No wall, but a fence: plain processes with Node's permission flags, an empty environment and a memory watchdog. For
 * macOS and for hosts that allow no sandbox; code that is not trusted does not belong here, and the probe says so.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, realpath, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { PlatformError } from '@martlet/protocol';
import type { Log } from '../../ports/system/log.ts';
import type { LaunchOptions, Sandbox, SandboxCheck, SandboxProbe, SandboxProcess } from '../../ports/sandbox.ts';
import { nodeFlags } from '../worker-process/node-flags.ts';
import { createMemoryWatchdog, treeUse, type MemoryWatchdog } from '../worker-process/process-memory.ts';
import { spawnWorker, type WorkerCommand, type WorkerProcess } from '../worker-process/spawn-worker.ts';

export interface ProcessSandboxOptions {
  /** A Node of version 24 or newer for the workers. */
  readonly nodePath: string;
  /** The worker: one CommonJS file. */
  readonly workerBundlePath: string;
  /** A folder for temporary files of workers; made where it does not exist. */
  readonly stateDir: string;
  /** More flags for the Node of the workers. */
  readonly nodeFlags?: readonly string[];
  readonly log: Log;
}

interface Running {
  readonly process: SandboxProcess;
  readonly removed: Promise<void>;
}

const SHELL = '/bin/sh';
const LIMITS = 'ulimit -c 0; ulimit -n 1024; unset PWD OLDPWD SHLVL; exec "$@"';
const MEGABYTE = 1024 * 1024;

export function createProcessSandbox(options: ProcessSandboxOptions): Sandbox {
  const watchdog = createMemoryWatchdog();
  const running = new Set<Running>();
  const parent = join(options.stateDir, 'processes');
  let closed = false;
  let probing: Promise<SandboxProbe> | undefined;

  return {
    name: 'process',
    probe: () => (probing ??= probe(options)),
    async launch(limits) {
      const launched = await launch(options, { limits, parent, watchdog });
      running.add(launched);
      if (closed) launched.process.kill();
      void launched.removed.then(() => running.delete(launched));
      return launched.process;
    },
    sweep: () => removeLeftFolders(parent),
    async close() {
      closed = true;
      for (const launched of running) launched.process.kill();
      // A launch that was under way may add itself while the others end.
      while (running.size > 0) await Promise.all([...running].map((launched) => launched.removed));
      watchdog.close();
    },
  };
}

const run = promisify(execFile);

async function probe(options: ProcessSandboxOptions): Promise<SandboxProbe> {
  const isolation: SandboxCheck = {
    feature: 'isolation',
    ok: false,
    detail:
      'functions run as plain processes of this user and reach the network directly; run only code that you trust, or use a Linux host with bubblewrap',
  };
  return { tier: 'C', checks: [isolation, await checkPermissions(options)] };
}

/** Reads a file that every host has, with flags that do not allow it. */
async function checkPermissions({ nodePath }: ProcessSandboxOptions): Promise<SandboxCheck> {
  const source = `try { require('fs').readFileSync('${SHELL}'); console.log('open') } catch (error) { console.log(error.code) }`;
  try {
    const { stdout } = await run(nodePath, ['--permission', '-e', source], { env: {} });
    const ok = stdout.trim() === 'ERR_ACCESS_DENIED';
    return { feature: 'permissions', ok, detail: `Node's permission flags: reading a file outside says ${stdout.trim()}` };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { feature: 'permissions', ok: false, detail: `${nodePath} does not run with permission flags: ${reason}; use Node 24 or newer` };
  }
}

interface Place {
  readonly limits: LaunchOptions;
  readonly parent: string;
  readonly watchdog: MemoryWatchdog;
}

async function launch(options: ProcessSandboxOptions, { limits, parent, watchdog }: Place): Promise<Running> {
  const folder = await makeFolder(parent);
  const removeFolder = (): Promise<void> => rm(folder, { recursive: true, force: true });
  try {
    const worker = await spawnWorker(await commandOf(options, limits, folder));
    const sandbox = runningProcess(worker, limits, watchdog);
    const removed = sandbox.exited
      .then(removeFolder)
      .catch((error: unknown) => options.log.warn({ error, folder }, 'the folder of an ended worker could not be removed'));
    return { process: sandbox, removed };
  } catch (error) {
    await removeFolder();
    throw error;
  }
}

/** Named after the server process, so that the next one can tell what is left. */
async function makeFolder(parent: string): Promise<string> {
  try {
    await mkdir(parent, { recursive: true });
    return await realpath(await mkdtemp(join(parent, `${process.pid}-`)));
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new PlatformError('worker_start_failed', { message: `Cannot make a folder for a worker: ${reason}`, cause });
  }
}

async function commandOf(options: ProcessSandboxOptions, limits: LaunchOptions, folder: string): Promise<WorkerCommand> {
  const worker = await realpath(options.workerBundlePath);
  const permissions = [
    ['--permission', '--allow-worker', '--disable-warning=SecurityWarning'],
    [`--allow-fs-read=${worker}`, `--allow-fs-read=${folder}/*`, `--allow-fs-write=${folder}/*`],
    limits.tree === undefined ? [] : [`--allow-fs-read=${await realpath(limits.tree)}/*`, '--allow-addons'],
    // From Node 25 on the network needs a permission too; the way out is the proxy's unix socket.
    process.allowedNodeEnvironmentFlags.has('--allow-net') ? ['--allow-net'] : [],
  ].flat();
  const node = [options.nodePath, ...nodeFlags, ...permissions, ...(options.nodeFlags ?? []), worker];
  const [command = options.nodePath, ...args] = existsSync(SHELL) ? [SHELL, '-c', LIMITS, 'sh', ...node] : node;
  return { command, args, cwd: folder, ownGroup: true };
}

function runningProcess(worker: WorkerProcess, limits: LaunchOptions, watchdog: MemoryWatchdog): SandboxProcess {
  const { pid } = worker;
  let memoryMb = limits.memoryMb;
  let overLimit = false;
  let alive = true;
  const kill = (): void => {
    if (alive) killGroup(pid);
  };
  const unwatch = watchdog.watch({
    pid,
    limits: () => ({ memoryBytes: memoryMb * MEGABYTE, threads: limits.processes }),
    over(what) {
      overLimit = what === 'memory';
      kill();
    },
  });
  const exited = worker.ended.then(({ exitCode, signal, heapExhausted }) => {
    alive = false;
    unwatch();
    // What the worker may have started against the flags, e.g. from a native addon.
    killGroup(pid);
    return { exitCode, signal, outOfMemory: overLimit || heapExhausted };
  });
  return {
    pid,
    channel: worker.channel,
    egressSocketInside: limits.egressSocket,
    treeInside: limits.tree,
    stderr: worker.stderr,
    exited,
    setMemoryLimit: (limit) => (memoryMb = limit),
    // Elsewhere than on Linux only the watchdog knows, from its last look.
    memoryBytes: () => (process.platform === 'linux' ? treeUse(pid) : watchdog.lastUse(pid))?.bytes,
    kill,
  };
}

function killGroup(leader: number): void {
  try {
    process.kill(-leader, 'SIGKILL');
  } catch (error) {
    // ESRCH: nothing is left of the group. EPERM is how macOS says that only a zombie is.
    if (!(error instanceof Error && 'code' in error && (error.code === 'ESRCH' || error.code === 'EPERM'))) throw error;
  }
}

async function removeLeftFolders(parent: string): Promise<void> {
  await mkdir(parent, { recursive: true });
  for (const name of await readdir(parent)) {
    const pid = Number(/^(\d+)-/.exec(name)?.[1]);
    if (Number.isInteger(pid) && !isRunning(pid)) await rm(join(parent, name), { recursive: true, force: true });
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
