/**
 * npm and the shell that it starts commands with end at SIGTERM without passing it on: whoever ended them meant the
 * command, which would stay. Plain JavaScript that Node 18 parses.
 */
import { readFileSync } from 'node:fs';

const LOOK_MS = 500;
const SHELLS = new Set(['sh', 'dash', 'bash', 'ash', 'zsh']);

/**
 * Sends SIGTERM to this process once the npm that started it is gone, where it was started as this `event`: `start` by
 * `npm start`, `npx` by npx. Otherwise nothing is watched, since one that was put into the background is to stay.
 */
export function endWithNpm(event, env = process.env) {
  if (env.npm_lifecycle_event !== event) return;
  const atStart = starters();
  const timer = setInterval(() => {
    if (starters() === atStart) return;
    clearInterval(timer);
    process.kill(process.pid, 'SIGTERM');
  }, LOOK_MS);
  timer.unref();
}

/** The parent and, where that is a shell, what started the shell. A shell may also have become the command itself. */
function starters() {
  const parent = statOf(process.ppid);
  return SHELLS.has(parent.name) ? `${process.ppid} ${parent.parent}` : String(process.ppid);
}

/** Known on Linux only; elsewhere the parent alone is watched. */
function statOf(pid) {
  try {
    const [, name = '', parent = ''] = /^\d+ \((.*)\) \S+ (\d+)/s.exec(readFileSync(`/proc/${pid}/stat`, 'latin1')) ?? [];
    return { name, parent };
  } catch {
    return { name: '', parent: '' };
  }
}
