/**
 * Memory of process trees where no cgroup counts it, and a watchdog that acts on it. Linux tells by /proc; elsewhere
 * `ps` is asked.
 */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';

export interface MemoryUse {
  readonly bytes: number;
  readonly threads: number;
}

export interface Watched {
  readonly pid: number;
  limits(): { readonly memoryBytes: number; readonly threads: number };
  /** Called once, at the first look that finds more. */
  over(what: 'memory' | 'threads', use: MemoryUse): void;
}

export interface MemoryWatchdog {
  /** Returns the way to stop watching. */
  watch(process: Watched): () => void;
  /** What the last look found. */
  lastUse(pid: number): MemoryUse | undefined;
  close(): void;
}

/** One timer for all processes; it does not keep this process alive. `intervalMs` is by default 250. */
export function createMemoryWatchdog(intervalMs = process.platform === 'linux' ? 250 : 1000): MemoryWatchdog {
  const watched = new Map<number, Watched>();
  const uses = new Map<number, MemoryUse>();
  let looking = false;

  const look = async (): Promise<void> => {
    if (looking || watched.size === 0) return;
    looking = true;
    try {
      for (const [pid, use] of await measure([...watched.keys()])) {
        const entry = watched.get(pid);
        if (entry === undefined) continue;
        uses.set(pid, use);
        const limits = entry.limits();
        const what = use.bytes > limits.memoryBytes ? 'memory' : use.threads > limits.threads ? 'threads' : undefined;
        if (what === undefined) continue;
        watched.delete(pid);
        entry.over(what, use);
      }
    } finally {
      looking = false;
    }
  };
  const timer = setInterval(() => void look(), intervalMs).unref();

  return {
    watch(entry) {
      watched.set(entry.pid, entry);
      return () => {
        watched.delete(entry.pid);
        uses.delete(entry.pid);
      };
    },
    lastUse: (pid) => uses.get(pid),
    close: () => clearInterval(timer),
  };
}

async function measure(pids: readonly number[]): Promise<Map<number, MemoryUse>> {
  if (process.platform !== 'linux') return measureByPs(pids);
  const uses = new Map<number, MemoryUse>();
  for (const pid of pids) {
    const use = treeUse(pid);
    if (use !== undefined) uses.set(pid, use);
  }
  return uses;
}

/** Memory of a process and all that it started, pages of files left out; undefined when it is gone. Linux only. */
export function treeUse(pid: number): MemoryUse | undefined {
  const own = processUse(pid);
  if (own === undefined) return undefined;
  return childrenOf(pid).reduce((sum, child) => {
    const use = treeUse(child);
    return use === undefined ? sum : { bytes: sum.bytes + use.bytes, threads: sum.threads + use.threads };
  }, own);
}

function processUse(pid: number): MemoryUse | undefined {
  const status = readOrUndefined(`/proc/${pid}/status`);
  if (status === undefined) return undefined;
  const number = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0);
  return { bytes: (number('RssAnon') + number('RssShmem')) * 1024, threads: number('Threads') };
}

/** Children that the main thread of a process started; none when it is gone. Linux only. */
export function childrenOf(pid: number): number[] {
  const list = readOrUndefined(`/proc/${pid}/task/${pid}/children`) ?? '';
  return list.split(' ').filter(Boolean).map(Number);
}

/** A process may end between any two looks: a file of it that is not there is an answer, not an error. */
function readOrUndefined(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return undefined;
  }
}

const run = promisify(execFile);

async function measureByPs(pids: readonly number[]): Promise<Map<number, MemoryUse>> {
  // `ps` fails when none of the processes is left, and then there is nothing to tell.
  const { stdout } = await run('ps', ['-o', 'pid=,rss=', '-p', pids.join(',')]).catch(() => ({ stdout: '' }));
  const rows = stdout.split('\n').map((line) => line.trim().split(/\s+/).map(Number));
  return new Map(
    rows.flatMap(([pid, kilobytes]) =>
      pid === undefined || kilobytes === undefined ? [] : [[pid, { bytes: kilobytes * 1024, threads: 0 }] as const],
    ),
  );
}
