/** How many executions may run at once: per function with a queue in front, per project without. */
import { PlatformError, type Limits } from '@martlet/protocol';
import type { FunctionRow } from '../../ports/store.ts';
import type { CallerSignal } from './invocation.ts';

export interface Admission {
  /**
   * Takes a place for an execution: at once (undefined), or when a place is free.
   * A caller that goes away gives up its place in the queue. One that has waited elsewhere already stands before the others.
   * @throws {PlatformError} `function_concurrency_exceeded`, `general_rate_limit_exceeded`, `execution_canceled`
   */
  enter(fn: FunctionRow, signal?: CallerSignal, hasWaited?: boolean): undefined | Promise<void>;
  /** Gives the place back. Exactly once per successful `enter`. */
  leave(fn: FunctionRow): void;
  readonly waiting: number;
}

interface Line {
  running: number;
  readonly queue: Waiter[];
}
interface Waiter {
  readonly enter: () => void;
  readonly timer: NodeJS.Timeout;
}

export function createAdmission(limits: Pick<Limits, 'queueDepth' | 'projectConcurrency'>): Admission {
  const lines = new Map<string, Line>();
  const projects = new Map<string, { running: number }>();
  let waiting = 0;

  return {
    get waiting() {
      return waiting;
    },
    enter(fn, signal, hasWaited = false) {
      const project = projectOf(fn.projectId);
      if (project.running >= limits.projectConcurrency) {
        throw new PlatformError('general_rate_limit_exceeded', {
          message: `Cannot execute "${fn.path}": its project already has ${project.running} executions under way.`,
          retryAfterSeconds: 1,
        });
      }
      const line = lineOf(fn.id);
      if (line.running < fn.concurrency) {
        line.running += 1;
        project.running += 1;
        return undefined;
      }
      if (line.queue.length >= limits.queueDepth) throw full(fn, line);
      project.running += 1;
      return wait(fn, line, { signal, hasWaited });
    },
    leave(fn) {
      leaveProject(fn.projectId);
      const line = lineOf(fn.id);
      const next = line.queue.shift();
      if (next !== undefined) {
        waiting -= 1;
        clearTimeout(next.timer);
        next.enter();
        return;
      }
      line.running -= 1;
      if (lines.size > LINES_MAX) forgetIdle(lines);
    },
  };

  /** Waits as long as the function may run: whoever waits longer is better told to come back. */
  function wait(
    fn: FunctionRow,
    line: Line,
    { signal, hasWaited }: { signal: CallerSignal | undefined; hasWaited: boolean },
  ): Promise<void> {
    waiting += 1;
    return new Promise((resolve, reject) => {
      const giveUp = (why: PlatformError): void => {
        const at = line.queue.indexOf(waiter);
        if (at === -1) return;
        clearTimeout(waiter.timer);
        line.queue.splice(at, 1);
        waiting -= 1;
        leaveProject(fn.projectId);
        reject(why);
      };
      const waiter: Waiter = { enter: resolve, timer: setTimeout(() => giveUp(full(fn, line)), fn.timeoutSeconds * 1000) };
      if (hasWaited) line.queue.unshift(waiter);
      else line.queue.push(waiter);
      const gone = new PlatformError('execution_canceled', `Cannot execute "${fn.path}": its caller went away while it waited.`);
      signal?.addEventListener('abort', () => giveUp(gone), { once: true });
    });
  }

  function leaveProject(projectId: string): void {
    projectOf(projectId).running -= 1;
    if (projects.size > LINES_MAX) forgetIdle(projects);
  }

  function projectOf(projectId: string): { running: number } {
    let project = projects.get(projectId);
    if (project === undefined) {
      project = { running: 0 };
      projects.set(projectId, project);
    }
    return project;
  }

  function lineOf(functionId: string): Line {
    let line = lines.get(functionId);
    if (line === undefined) {
      line = { running: 0, queue: [] };
      lines.set(functionId, line);
    }
    return line;
  }
}

/** Idle entries are kept, as a map that is filled and emptied all the time keeps its dead alive (see `StreamTable`). */
const LINES_MAX = 10_000;

function forgetIdle(entries: Map<string, { readonly running: number }>): void {
  for (const [key, { running }] of entries) if (running === 0) entries.delete(key);
}

function full(fn: FunctionRow, line: Line): PlatformError {
  return new PlatformError('function_concurrency_exceeded', {
    message: `Cannot execute "${fn.path}" now: ${line.running} executions run and ${line.queue.length} wait, which is all it may have (concurrency ${fn.concurrency}).`,
    retryAfterSeconds: 1,
  });
}
