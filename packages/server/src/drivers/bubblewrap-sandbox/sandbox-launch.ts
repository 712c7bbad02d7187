/** One sandbox from its start to its end: cgroup, process, kill, the reason of its end, and the order of cleaning up. */
import { closeSync, openSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { PlatformError } from '@martlet/protocol';
import type { Log } from '../../ports/system/log.ts';
import { EGRESS_SOCKET, type LaunchOptions, type SandboxExit, type SandboxProcess } from '../../ports/sandbox.ts';
import { childrenOf, treeUse, type MemoryWatchdog } from '../worker-process/process-memory.ts';
import { spawnWorker, type WorkerEnd, type WorkerProcess } from '../worker-process/spawn-worker.ts';
import { sandboxArguments, type SandboxPlan } from './bwrap-arguments.ts';
import type { Cgroup, Cgroups } from './cgroup/cgroup.ts';

/** All that the launches of one driver share. */
export interface LaunchGround {
  readonly plan: Omit<SandboxPlan, 'script' | 'joinFiles' | 'limits'>;
  readonly seccompFile: string;
  readonly cgroups: Cgroups | undefined;
  readonly watchdog: MemoryWatchdog;
  readonly log: Log;
}

export interface LaunchedSandbox {
  readonly process: SandboxProcess;
  /** Settles when the cgroup is gone too, some milliseconds after `exited`. */
  readonly removed: Promise<void>;
}

/** Threads of bubblewrap's own two processes; they count towards the limit of the sandbox. */
const OWN_PROCESSES = 2;
const KILL_GRACE_MS = 1000;
const EMPTY_POLL_MS = 5;
const MEGABYTE = 1024 * 1024;

let launches = 0;

/** @throws {PlatformError} `worker_start_failed` */
export async function launchSandbox(ground: LaunchGround, options: LaunchOptions, script = '/rt/worker.cjs'): Promise<LaunchedSandbox> {
  launches += 1;
  const cgroup = createCgroup(ground, options, String(launches));
  const plan = { ...ground.plan, script, joinFiles: cgroup?.joinFiles ?? [], limits: options };
  try {
    // Opened anew each time: bubblewrap reads from where the descriptor stands.
    const filter = openSync(ground.seccompFile, 'r');
    try {
      const worker = await spawnWorker({ command: '/bin/sh', args: sandboxArguments(plan), descriptors: [filter] });
      return runningSandbox(ground, { worker, cgroup, options });
    } finally {
      closeSync(filter);
    }
  } catch (error) {
    await cgroup?.remove();
    throw error;
  }
}

function createCgroup(ground: LaunchGround, options: LaunchOptions, name: string): Cgroup | undefined {
  try {
    const processes = options.processes + OWN_PROCESSES;
    return ground.cgroups?.create(name, { memoryMb: options.memoryMb, processes });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new PlatformError('worker_start_failed', { message: `Cannot make a cgroup for a worker: ${reason}`, cause });
  }
}

interface Launched {
  readonly worker: WorkerProcess;
  readonly cgroup: Cgroup | undefined;
  readonly options: LaunchOptions;
}

function runningSandbox(ground: LaunchGround, { worker, cgroup, options }: Launched): LaunchedSandbox {
  const { pid } = worker;
  let memoryMb = options.memoryMb;
  let overLimit = false;
  let alive = true;
  const kill = (): void => {
    if (alive) killSandbox(pid, () => alive);
  };
  const unwatch =
    cgroup === undefined
      ? ground.watchdog.watch({
          pid,
          limits: () => ({ memoryBytes: memoryMb * MEGABYTE, threads: options.processes + OWN_PROCESSES }),
          over(what) {
            overLimit = what === 'memory';
            kill();
          },
        })
      : undefined;
  const exited = worker.ended.then(async (end) => {
    alive = false;
    unwatch?.();
    return describeExit(end, overLimit || (await killedForMemory(ground.log, cgroup)));
  });
  const process: SandboxProcess = {
    pid,
    channel: worker.channel,
    egressSocketInside: options.egressSocket === undefined ? undefined : EGRESS_SOCKET,
    treeInside: options.tree === undefined ? undefined : '/function',
    stderr: worker.stderr,
    exited,
    setMemoryLimit(limit) {
      memoryMb = limit;
      if (alive) changeLimit(ground.log, cgroup, limit);
    },
    memoryBytes: () => (alive ? (cgroup === undefined ? treeUse(pid)?.bytes : cgroup.memoryBytes()) : undefined),
    kill,
  };
  const removed = exited
    .then(() => cgroup?.remove())
    .catch((error: unknown) => ground.log.warn({ error, pid }, 'the cgroup of an ended sandbox could not be removed'));
  return { process, removed };
}

function changeLimit(log: Log, cgroup: Cgroup | undefined, memoryMb: number): void {
  try {
    cgroup?.setMemoryLimit(memoryMb);
  } catch (error) {
    // The former limit goes on to hold; the kernel refuses one below what cannot be freed.
    log.warn({ error, memoryMb }, 'the memory limit of a sandbox could not be changed');
  }
}

/**
 * Kills the first process of the inner pid namespace, because the kernel then ends all others before it lets that one be
 * reaped: when bubblewrap outside has reaped it and exits, nothing is left. Killing bubblewrap itself would be reported
 * before its children are dead. It is killed too where there is no inner process yet, or where it does not end by itself.
 */
function killSandbox(pid: number, isAlive: () => boolean): void {
  const inner = childrenOf(pid);
  for (const target of inner.length > 0 ? inner : [pid]) signalKill(target);
  setTimeout(() => isAlive() && signalKill(pid), KILL_GRACE_MS).unref();
}

function signalKill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    // It ended between the look and the kill.
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

/** Also waits for the cgroup to be empty: the kernel may have killed bubblewrap first, and what is left dies a moment later. */
async function killedForMemory(log: Log, cgroup: Cgroup | undefined): Promise<boolean> {
  if (cgroup === undefined) return false;
  try {
    while (cgroup.processes().length > 0) {
      cgroup.kill();
      await sleep(EMPTY_POLL_MS);
    }
    return cgroup.outOfMemoryKills() > 0;
  } catch (error) {
    log.warn({ error }, 'the cgroup of an ended sandbox could not be read');
    return false;
  }
}

const describeExit = (end: WorkerEnd, forMemory: boolean): SandboxExit => ({
  exitCode: end.exitCode,
  signal: end.signal,
  outOfMemory: forMemory || end.heapExhausted,
});
