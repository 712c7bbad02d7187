/** What a server leaves on the host, read from the kernel: the processes below it and the cgroups named after it. Linux only. */
import { globSync, readdirSync, readFileSync } from 'node:fs';

export interface HostProcess {
  readonly pid: number;
  /** Clock ticks from boot to its start: with the number it names one process for ever. */
  readonly startedAt: string;
}

interface Stat extends HostProcess {
  readonly parent: number;
  readonly state: string;
}

/** Children of the process and all below them, those inside of sandboxes included. */
export function processesBelow(pid: number): HostProcess[] {
  const all = readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) ? (readStat(Number(name)) ?? []) : []));
  const found: Stat[] = [];
  let parents = new Set([pid]);
  while (parents.size > 0) {
    const children = all.filter(({ parent }) => parents.has(parent));
    found.push(...children);
    parents = new Set(children.map((child) => child.pid));
  }
  return found;
}

/** A zombie does nothing any longer; it waits for its new parent to look. */
export function isAlive({ pid, startedAt }: HostProcess): boolean {
  const stat = readStat(pid);
  return stat !== undefined && stat.startedAt === startedAt && stat.state !== 'Z' && stat.state !== 'X';
}

/** Folders of cgroups that a server with this process id made for its sandboxes. */
export function cgroupsOf(pid: number): string[] {
  return globSync(`/sys/fs/cgroup/**/martlet/*-${pid}-*`);
}

function readStat(pid: number): Stat | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    // It has ended since its name was read.
    return undefined;
  }
  // The name of the program stands in parentheses and may itself hold spaces and parentheses.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return { pid, state: fields[0] ?? '', parent: Number(fields[1]), startedAt: fields[19] ?? '' };
}
