/**
 * Names for what one server process leaves on the host, made so that a later one can tell whether its owner still lives:
 * a process id alone may have been given to someone else since.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';

/** `<pid namespace>-<pid>-<start time>-<chance>`; the last part tells apart several sandboxes of one process. */
export function ownInstance(): string {
  return `${pidNamespace()}-${process.pid}-${startTime('self')}-${randomBytes(3).toString('hex')}`;
}

/** True only when the owner is known to be gone. Names of another pid namespace, and foreign ones, are left alone. */
export function isDeadInstance(name: string): boolean {
  const match = /^(\d+)-(\d+)-(\d+)-[0-9a-f]{6}$/.exec(name);
  if (match === null || match[1] !== pidNamespace()) return false;
  return startTime(String(match[2])) !== match[3];
}

function pidNamespace(): string {
  return readlinkSync('/proc/self/ns/pid').replaceAll(/\D/g, '');
}

/** Field 22 of /proc/<pid>/stat: clock ticks from boot to the start of the process; undefined when there is none. */
function startTime(pid: string): string | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return undefined;
  }
  // The name of the program stands in parentheses and may itself hold spaces and parentheses.
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
}
