/**
 * The kernel's accounts: limits of memory, processes and CPU share for everything in one sandbox. Finds out whether this
 * host lets us have them, in version 1, version 2 or not at all, by trying.
 */
import { readdirSync, readFileSync, rmdirSync } from 'node:fs';
import { isBusy, isMissing, killAll, readProcesses, removeFolder, type Cgroups } from './cgroup.ts';
import { findCgroups } from './cgroup-mounts.ts';
import { openCgroupsV1 } from './cgroup-v1.ts';
import { openCgroupsV2 } from './cgroup-v2.ts';
import { isDeadInstance } from '../instance.ts';

export type CgroupDetection =
  | { readonly ok: true; readonly cgroups: Cgroups; readonly detail: string }
  | { readonly ok: false; readonly detail: string };

/** Opens the cgroups of this host for one instance, and proves with a throw-away one that limits can be set. */
export async function detectCgroups(instance: string): Promise<CgroupDetection> {
  const reasons: string[] = [];
  const places = findCgroups(readFileSync('/proc/self/mountinfo', 'utf8'), readFileSync('/proc/self/cgroup', 'utf8'));
  const attempts = [
    ...(places.v1.has('memory') && places.v1.has('pids') ? [() => openCgroupsV1(places.v1, instance)] : []),
    ...(places.v2 === undefined ? [] : [() => openCgroupsV2(places.v2, instance)]),
  ];
  for (const open of attempts) {
    try {
      const cgroups = open();
      await cgroups.create('probe', { memoryMb: 64, processes: 16 }).remove();
      return { ok: true, cgroups, detail: `version ${cgroups.version} with ${cgroups.controllers.join(', ')}` };
    } catch (error) {
      reasons.push(error instanceof Error ? error.message : String(error));
    }
  }
  const found = reasons.length === 0 ? 'no hierarchy with the memory and pids controllers is mounted' : reasons.join('; ');
  return {
    ok: false,
    detail:
      `${found}. Memory is held by a watchdog instead. For kernel limits run the server as root, ` +
      'or as a systemd service with Delegate=yes on a host with cgroup version 2',
  };
}

/** Removes the cgroups of instances whose server is gone, and ends what may still run in them. */
export async function sweepCgroups(parents: Iterable<string>): Promise<void> {
  for (const parent of parents) {
    for (const instance of foldersIn(parent).filter(isDeadInstance)) {
      for (const name of foldersIn(`${parent}/${instance}`)) {
        killAll(readProcesses(`${parent}/${instance}/${name}`));
        await removeFolder(`${parent}/${instance}/${name}`);
      }
      await removeFolder(`${parent}/${instance}`);
    }
    removeUnused(parent);
  }
}

/** Removes what an instance still has; every sandbox of it must be gone. */
export async function closeCgroups(cgroups: Cgroups, instance: string): Promise<void> {
  for (const parent of cgroups.parents) {
    await removeFolder(`${parent}/${instance}`);
    removeUnused(parent);
  }
}

function removeUnused(parent: string): void {
  try {
    rmdirSync(parent);
  } catch (error) {
    // A server on this host has sandboxes below the same parent; the last one removes it.
    if (!isBusy(error)) throw error;
  }
}

function foldersIn(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name);
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}
