/** Cgroups version 1: one folder for each controller, and memory with swap as a limit of its own. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { killAll, readProcesses, removeFolder, type Cgroup, type CgroupLimits, type Cgroups } from './cgroup.ts';
import type { Controller } from './cgroup-mounts.ts';

/** `owned` has the folder of this process's own cgroup for each controller. @throws {Error} when it is not writable */
export function openCgroupsV1(owned: ReadonlyMap<Controller, string>, instance: string): Cgroups {
  const parents = new Map([...owned].map(([controller, own]) => [controller, `${own}/martlet`]));
  for (const parent of parents.values()) mkdirSync(`${parent}/${instance}`, { recursive: true });
  const hasSwap = existsSync(`${parents.get('memory')}/memory.memsw.limit_in_bytes`);
  return {
    version: 1,
    controllers: [...parents.keys()],
    parents: [...new Set(parents.values())],
    create(name, limits) {
      const folders = new Map([...parents].map(([controller, parent]) => [controller, `${parent}/${instance}/${name}`]));
      return createCgroup(folders, limits, hasSwap);
    },
  };
}

function createCgroup(folders: ReadonlyMap<Controller, string>, limits: CgroupLimits, hasSwap: boolean): Cgroup {
  // Controllers that are mounted together share a folder.
  const distinct = [...new Set(folders.values())];
  for (const folder of distinct) mkdirSync(folder);
  const memory = folders.get('memory') as string;
  // CPU shares stay at the default: equal among sandboxes, and all of them together weigh as much as the server alone.
  writeFileSync(`${folders.get('pids') as string}/pids.max`, String(limits.processes));
  setMemoryLimit(memory, limits.memoryMb, hasSwap);
  return {
    joinFiles: distinct.map((folder) => `${folder}/cgroup.procs`),
    setMemoryLimit: (memoryMb) => setMemoryLimit(memory, memoryMb, hasSwap),
    memoryBytes() {
      const inUse = Number(readFileSync(`${memory}/memory.usage_in_bytes`, 'latin1'));
      const files = /^total_inactive_file (\d+)\ntotal_active_file (\d+)$/m.exec(readFileSync(`${memory}/memory.stat`, 'latin1'));
      return Math.max(0, inUse - Number(files?.[1] ?? 0) - Number(files?.[2] ?? 0));
    },
    outOfMemoryKills: () => Number(/^oom_kill (\d+)$/m.exec(readFileSync(`${memory}/memory.oom_control`, 'latin1'))?.[1] ?? 0),
    processes: () => readProcesses(memory),
    kill: () => killAll(readProcesses(memory)),
    remove: async () => {
      await Promise.all(distinct.map(removeFolder));
    },
  };
}

function setMemoryLimit(folder: string, memoryMb: number, hasSwap: boolean): void {
  const bytes = memoryMb * 1024 * 1024;
  const plain = `${folder}/memory.limit_in_bytes`;
  if (!hasSwap) return writeFileSync(plain, String(bytes));
  // The limit with swap may never lie below the one without, so that the order depends on the direction. Both being
  // equal means that nothing is swapped: a function at its limit ends instead of crawling.
  const withSwap = `${folder}/memory.memsw.limit_in_bytes`;
  const raising = bytes > Number(readFileSync(plain, 'latin1'));
  for (const file of raising ? [withSwap, plain] : [plain, withSwap]) writeFileSync(file, String(bytes));
}
