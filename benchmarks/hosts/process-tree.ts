/** What a server costs, all of its processes together, as the kernel counts it. Linux only. */
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';

/** USER_HZ is 100 on every architecture that Linux runs on today. */
const TICKS_PER_SECOND = 100;
const QUIET_SAMPLE_MS = 1000;
const QUIET_SHARE_MAX = 0.05;
const QUIET_MS_MAX = 60_000;

interface ProcessFacts {
  readonly pid: number;
  readonly parent: number;
  /** Own time of all threads, and that of children that have ended and were waited for. */
  readonly ticks: number;
}

/**
 * CPU seconds that a process and everything below it have used. When a process below ends, its time moves to its
 * parent, so that the sum never loses any.
 */
export function cpuSecondsOfTree(root: number): number {
  return treeOf(root).reduce((sum, { ticks }) => sum + ticks, 0) / TICKS_PER_SECOND;
}

/**
 * Resolves when a server has finished what it does by itself after its start or a load: filling pools, warming caches.
 * @throws {Error} when it never rests
 */
export async function untilQuiet(root: number): Promise<void> {
  const deadline = performance.now() + QUIET_MS_MAX;
  for (let before = cpuSecondsOfTree(root); ;) {
    await wait(QUIET_SAMPLE_MS);
    const now = cpuSecondsOfTree(root);
    if ((now - before) * 1000 < QUIET_SAMPLE_MS * QUIET_SHARE_MAX) return;
    if (performance.now() > deadline) throw new Error(`Cannot measure: the server is busy by itself for ${QUIET_MS_MAX} ms`);
    before = now;
  }
}

/** Microseconds of processor time by part of a server: its main thread, its busiest other one, its other threads, and other processes. */
export interface Parts {
  readonly main: number;
  readonly writer: number;
  readonly otherThreads: number;
  readonly otherProcesses: number;
}

/** Nanoseconds of processor time by thread, of a process and everything below it. */
export function timesOfThreads(root: number): ReadonlyMap<string, number> {
  const times = new Map<string, number>();
  for (const { pid } of treeOf(root)) {
    for (const thread of readdirIfThere(`/proc/${pid}/task`)) {
      const text = readIfThere(`/proc/${pid}/task/${thread}/schedstat`);
      if (text !== undefined) times.set(`${pid}/${thread}`, Number(text.split(' ')[0]));
    }
  }
  return times;
}

/** What was used between two looks. The server is the process that used the most. */
export function partsBetween(before: ReadonlyMap<string, number>, after: ReadonlyMap<string, number>): Parts {
  const used = [...after].map(([thread, time]) => ({
    thread,
    pid: thread.slice(0, thread.indexOf('/')),
    micros: (time - (before.get(thread) ?? 0)) / 1000,
  }));
  const sum = (threads: typeof used): number => threads.reduce((total, { micros }) => total + micros, 0);
  const processes = Map.groupBy(used, ({ pid }) => pid);
  const [server = ''] = [...processes].toSorted(([, a], [, b]) => sum(b) - sum(a))[0] ?? [];
  const threads = (processes.get(server) ?? []).toSorted((a, b) => b.micros - a.micros);
  const main = threads.find(({ thread }) => thread === `${server}/${server}`)?.micros ?? 0;
  const others = threads.filter(({ thread }) => thread !== `${server}/${server}`);
  return {
    main,
    writer: others[0]?.micros ?? 0,
    otherThreads: sum(others.slice(1)),
    otherProcesses: sum(used.filter(({ pid }) => pid !== server)),
  };
}

/** Proportional set size of a process and everything below it, in bytes: shared pages are counted once among all. */
export function memoryOfTree(root: number): number {
  return treeOf(root).reduce((sum, { pid }) => sum + proportionalSize(pid), 0);
}

/** Steal time of the machine in seconds: what a host of virtual machines took away from this one. */
export function stealSeconds(): number {
  const [first = ''] = readFileSync('/proc/stat', 'latin1').split('\n');
  return Number(first.trim().split(/\s+/)[8] ?? 0) / TICKS_PER_SECOND;
}

function treeOf(root: number): ProcessFacts[] {
  const all = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => readFacts(Number(name)) ?? []);
  const tree = all.filter(({ pid }) => pid === root);
  for (const { pid } of tree) tree.push(...all.filter(({ parent }) => parent === pid));
  return tree;
}

function readFacts(pid: number): ProcessFacts | undefined {
  const text = readIfThere(`/proc/${pid}/stat`);
  // The name of a process stands in parentheses and may hold spaces and parentheses itself.
  const fields = text?.slice(text.lastIndexOf(')') + 2).split(' ');
  if (fields === undefined) return undefined;
  const [user, system, childrenUser, childrenSystem] = fields.slice(11, 15).map(Number);
  return { pid, parent: Number(fields[1]), ticks: (user ?? 0) + (system ?? 0) + (childrenUser ?? 0) + (childrenSystem ?? 0) };
}

function proportionalSize(pid: number): number {
  const kilobytes = /^Pss:\s+(\d+) kB/m.exec(readIfThere(`/proc/${pid}/smaps_rollup`) ?? '')?.[1];
  return Number(kilobytes ?? 0) * 1024;
}

function readdirIfThere(path: string): readonly string[] {
  try {
    return readdirSync(path);
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ESRCH')) return [];
    throw error;
  }
}

/** Undefined for a process that has ended meanwhile. */
function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1');
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ESRCH')) return undefined;
    throw error;
  }
}
