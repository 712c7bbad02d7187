/**
 * Cgroups version 2: one folder for all controllers, which have to be handed down level by level, and only from a cgroup
 * that holds no process itself.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { killAll, readProcesses, removeFolder, type Cgroup, type CgroupLimits, type Cgroups } from './cgroup.ts';
import { controllers, type CgroupPlaces, type Controller } from './cgroup-mounts.ts';

/** Where the server moves to when its own cgroup has to be free of processes. */
const SERVER_LEAF = 'martlet-server';

/**
 * Tries the own cgroup first, which is what systemd delegates to a service and what a container has; then the top of
 * the hierarchy, where root may always make cgroups. `required` are the controllers without which it is no use.
 * @throws {Error} that names each place and the reason
 */
export function openCgroupsV2(places: CgroupPlaces['v2'], instance: string, required: readonly Controller[] = ['memory', 'pids']): Cgroups {
  if (places === undefined) throw new Error('cgroup version 2 is not mounted');
  const own = basename(places.own) === SERVER_LEAF ? dirname(places.own) : places.own;
  const reasons: string[] = [];
  for (const base of new Set([own, places.mount])) {
    try {
      const parent = `${base}/martlet`;
      const enabled = handDown(base, required, base === places.mount);
      mkdirSync(`${parent}/${instance}`, { recursive: true });
      handDown(parent, required, false);
      handDown(`${parent}/${instance}`, required, false);
      return {
        version: 2,
        controllers: enabled,
        parents: [parent],
        create: (name, limits) => createCgroup(`${parent}/${instance}/${name}`, limits, enabled),
      };
    } catch (error) {
      reasons.push(`${base}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  throw new Error(`cgroup version 2 cannot be used (${reasons.join('; ')})`);
}

/** Lets children of a cgroup have the controllers that it has itself. */
function handDown(folder: string, required: readonly Controller[], wholeTreeIsOurs: boolean): Controller[] {
  const words = (file: string): string[] => readFileSync(`${folder}/${file}`, 'latin1').trim().split(' ');
  const available = controllers.filter((controller) => words('cgroup.controllers').includes(controller));
  const lacking = required.filter((controller) => !available.includes(controller));
  if (lacking.length > 0) throw new Error(`the controllers ${lacking.join(', ')} are not delegated`);
  const handed = words('cgroup.subtree_control');
  const missing = available.filter((controller) => !handed.includes(controller));
  if (missing.length === 0) return available;
  const request = missing.map((controller) => `+${controller}`).join(' ');
  try {
    writeFileSync(`${folder}/cgroup.subtree_control`, request);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EBUSY')) throw error;
    makeRoom(folder, wholeTreeIsOurs);
    writeFileSync(`${folder}/cgroup.subtree_control`, request);
  }
  return available;
}

/** Moves the server out of its own cgroup into a leaf. Processes that belong to someone else are not moved. */
function makeRoom(folder: string, wholeTreeIsOurs: boolean): void {
  const processes = readProcesses(folder);
  // A tree delegated to another uid than root holds only what belongs to that delegation.
  const ours = wholeTreeIsOurs || process.getuid?.() !== 0 || processes.every((pid) => pid === process.pid);
  if (!ours) throw new Error('it holds processes that are not ours');
  mkdirSync(`${folder}/${SERVER_LEAF}`, { recursive: true });
  for (const pid of processes) writeFileSync(`${folder}/${SERVER_LEAF}/cgroup.procs`, String(pid));
}

function createCgroup(folder: string, limits: CgroupLimits, enabled: readonly Controller[]): Cgroup {
  mkdirSync(folder);
  const setMemoryLimit = (memoryMb: number): void => writeFileSync(`${folder}/memory.max`, String(memoryMb * 1024 * 1024));
  // `cpu.weight` stays at the default: equal among sandboxes.
  if (enabled.includes('pids')) writeFileSync(`${folder}/pids.max`, String(limits.processes));
  if (enabled.includes('memory')) {
    setMemoryLimit(limits.memoryMb);
    // Absent on kernels without swap. Nothing is swapped: a function at its limit ends instead of crawling.
    if (existsSync(`${folder}/memory.swap.max`)) writeFileSync(`${folder}/memory.swap.max`, '0');
    writeFileSync(`${folder}/memory.oom.group`, '1');
  }
  return {
    joinFiles: [`${folder}/cgroup.procs`],
    setMemoryLimit,
    memoryBytes() {
      const inUse = Number(readFileSync(`${folder}/memory.current`, 'latin1'));
      const stat = readFileSync(`${folder}/memory.stat`, 'latin1');
      const files = [...stat.matchAll(/^(?:in)?active_file (\d+)$/gm)].reduce((sum, match) => sum + Number(match[1]), 0);
      return Math.max(0, inUse - files);
    },
    outOfMemoryKills() {
      if (!enabled.includes('memory')) return 0;
      return Number(/^oom_kill (\d+)$/m.exec(readFileSync(`${folder}/memory.events`, 'latin1'))?.[1] ?? 0);
    },
    processes: () => readProcesses(folder),
    kill() {
      // One write that no fork can outrun; kernels before 5.14 do not have it.
      if (existsSync(`${folder}/cgroup.kill`)) writeFileSync(`${folder}/cgroup.kill`, '1');
      else killAll(readProcesses(folder));
    },
    remove: () => removeFolder(folder),
  };
}
