/** What a sandbox needs of a cgroup, whichever version the kernel has, and what both versions do alike. */
import { readFileSync } from 'node:fs';
import { rmdir } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Controller } from './cgroup-mounts.ts';

export interface CgroupLimits {
  readonly memoryMb: number;
  readonly processes: number;
}

/** The place below which one server process makes the cgroups of its sandboxes. */
export interface Cgroups {
  readonly version: 1 | 2;
  readonly controllers: readonly Controller[];
  /** The folders that hold those of all instances, this one and dead ones. */
  readonly parents: readonly string[];
  /** Takes a fifth of a millisecond, synchronously. */
  create(name: string, limits: CgroupLimits): Cgroup;
}

export interface Cgroup {
  /** Files that a process writes its id to in order to join. It has to before it starts anything. */
  readonly joinFiles: readonly string[];
  /** @throws {Error} when the kernel refuses, e.g. because more is in use than the new limit */
  setMemoryLimit(memoryMb: number): void;
  /** Bytes that cannot be taken back by dropping caches of files. */
  memoryBytes(): number;
  /** How many processes the kernel killed because of the memory limit. */
  outOfMemoryKills(): number;
  processes(): number[];
  /** SIGKILL to all that is in it. */
  kill(): void;
  /** Removes it, once the kernel agrees that nothing is in it. */
  remove(): Promise<void>;
}

export function readProcesses(folder: string): number[] {
  try {
    return readFileSync(`${folder}/cgroup.procs`, 'latin1').split('\n').filter(Boolean).map(Number);
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

export function killAll(pids: readonly number[]): void {
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch (error) {
      // It ended by itself after the list was read.
      if (!hasCode(error, 'ESRCH')) throw error;
    }
  }
}

/** The kernel calls a cgroup busy for some milliseconds after its last process was reaped. */
export async function removeFolder(folder: string): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await rmdir(folder);
    } catch (error) {
      if (isMissing(error)) return;
      if (!isBusy(error) || attempt === 40) throw error;
      await sleep(Math.min(5 * attempt, 50));
    }
  }
}

export const isMissing = (error: unknown): boolean => hasCode(error, 'ENOENT') || hasCode(error, 'ENODEV');
export const isBusy = (error: unknown): boolean => hasCode(error, 'EBUSY') || hasCode(error, 'ENOTEMPTY') || isMissing(error);
const hasCode = (error: unknown, code: string): boolean => error instanceof Error && 'code' in error && error.code === code;
