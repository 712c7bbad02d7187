/** Log lines and ends of executions as they happen, for whoever follows. Costs nothing while nobody does. */
import type { LogLine } from '@martlet/protocol';
import type { FollowedLine, FollowQuery } from './invocation.ts';
import type { RunningExecution } from './running-execution.ts';

/** A follower that reads slower than functions write loses the oldest lines; the record has them all. */
const BUFFER_MAX = 10_000;

export interface LineFollowers {
  line(execution: RunningExecution, line: LogLine): void;
  ended(execution: RunningExecution): void;
  follow(query: FollowQuery): AsyncIterable<FollowedLine>;
}

interface Follower {
  readonly query: FollowQuery;
  readonly buffer: FollowedLine[];
  wake: (() => void) | undefined;
}

export function createLineFollowers(): LineFollowers {
  const followers = new Set<Follower>();

  return {
    line(execution, line) {
      if (followers.size > 0) tell(execution, { executionId: execution.id, functionId: execution.routed.fn.id, line });
    },
    ended(execution) {
      if (followers.size > 0) tell(execution, { executionId: execution.id, functionId: execution.routed.fn.id, ended: execution.row() });
    },
    async *follow(query) {
      const follower: Follower = { query, buffer: [], wake: undefined };
      const wake = (): void => follower.wake?.();
      followers.add(follower);
      query.signal.addEventListener('abort', wake, { once: true });
      try {
        while (!query.signal.aborted) {
          const next = follower.buffer.shift();
          if (next !== undefined) yield next;
          else
            await new Promise<void>((resolve) => {
              follower.wake = resolve;
            });
        }
      } finally {
        followers.delete(follower);
        query.signal.removeEventListener('abort', wake);
      }
    },
  };

  function tell(execution: RunningExecution, event: FollowedLine): void {
    for (const follower of followers) {
      const { projectId, functionId, executionId } = follower.query;
      if (execution.routed.fn.projectId !== projectId) continue;
      if (functionId !== undefined && functionId !== event.functionId) continue;
      if (executionId !== undefined && executionId !== event.executionId) continue;
      if (follower.buffer.length >= BUFFER_MAX) follower.buffer.shift();
      follower.buffer.push(event);
      follower.wake?.();
    }
  }
}
