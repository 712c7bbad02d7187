/** Executions that failed for good: to be looked at, run again as they were or with another body, or let go. */
import { createHash } from 'node:crypto';
import { PlatformError } from '@martlet/protocol';
import type { Clock } from '../../ports/system/clock.ts';
import type { ExecutionRow, Store } from '../../ports/store.ts';
import type { DeadQuery } from '../../ports/store/job-store.ts';
import { executionNotFound } from '../executions/find-execution.ts';
import { requireFunction } from '../functions.ts';
import type { Enqueue } from './enqueue.ts';

export interface ReplayEdits {
  readonly method?: string | undefined;
  readonly path?: string | undefined;
  /** Flat; in place of those of the original. */
  readonly headers?: readonly string[] | undefined;
  readonly body?: Uint8Array | undefined;
}

export interface DeadLetters {
  list(query: DeadQuery & { readonly limit: number }): Promise<readonly ExecutionRow[]>;
  /**
   * Runs an execution of the queue again, as a new one that names it. A dead one is dead no longer then, and however often that is
   * asked for, and wherever it was cut, it is one execution.
   * @throws {PlatformError} `execution_not_found`, `execution_not_replayable`, `execution_idempotency_conflict` for other changes, and what `Enqueue` refuses with
   */
  replay(projectId: string, executionId: string, edits?: ReplayEdits): Promise<ExecutionRow>;
  /** All that match, oldest first, at most `REPLAY_MAX`; stops where the queue is full. @returns the new executions */
  replayAll(query: DeadQuery): Promise<readonly ExecutionRow[]>;
  /** @returns how many */
  purge(query: DeadQuery): Promise<number>;
}

export const REPLAY_MAX = 1000;

export function createDeadLetters({ store, enqueue, clock }: { store: Store; enqueue: Enqueue; clock: Clock }): DeadLetters {
  const letters: DeadLetters = {
    list: (query) => store.jobs.listDead(query),

    async replay(projectId, executionId, edits = {}) {
      const row = await store.executions.find(projectId, executionId);
      if (row === null) throw executionNotFound(executionId);
      const payload = await store.jobs.payload(projectId, executionId);
      if (payload === null || row.endedAt === null)
        throw new PlatformError(
          'execution_not_replayable',
          row.endedAt === null
            ? `Cannot replay "${executionId}": it has not ended yet.`
            : `Cannot replay "${executionId}": what it was called with is kept for failed asynchronous executions only.`,
        );
      const fn = await requireFunction(store, projectId, row.functionId);
      const job = await store.jobs.get(projectId, executionId);
      const replayed = await enqueue.enqueue({
        projectId,
        functionId: row.functionId,
        deploymentId: fn.activeDeploymentId ?? '',
        trigger: row.trigger,
        userId: row.userId,
        request: {
          ...payload.request,
          method: edits.method ?? payload.request.method,
          path: edits.path ?? payload.request.path,
          headers: edits.headers ?? payload.request.headers,
        },
        body: edits.body ?? payload.body,
        priority: job?.priority,
        concurrencyKey: job?.concurrencyKey ?? undefined,
        facts: { ...job?.facts, crashes: 0, replayOf: executionId },
        idempotency: job?.state === 'dead' ? { key: `replay:${executionId}`, hash: hashOf(edits) } : undefined,
      });
      await store.decisions.append([
        {
          at: clock.now(),
          projectId,
          subject: 'execution',
          subjectId: executionId,
          code: 'replayed',
          text: `It was run again as ${replayed.id}.`,
        },
      ]);
      await store.jobs.purgeDead({ projectId, functionId: null, executionIds: [executionId] });
      return replayed;
    },

    async replayAll(query) {
      const replayed: ExecutionRow[] = [];
      for (const row of await store.jobs.listDead({ ...query, limit: REPLAY_MAX })) {
        replayed.push(await letters.replay(query.projectId, row.id));
      }
      return replayed;
    },

    purge: (query) => store.jobs.purgeDead(query),
  };
  return letters;
}

/** Tells whether two replays are the same. */
function hashOf({ method, path, headers, body }: ReplayEdits): string {
  const hash = createHash('sha256').update(JSON.stringify([method ?? null, path ?? null, headers ?? null, body === undefined]));
  return hash.update(body ?? '').digest('hex');
}
