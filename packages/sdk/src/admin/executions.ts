/** Executions that nobody waits for: why they did or did not run, and what failed for good. */
import { segment } from '../functions/function-executions.ts';
import type { Execution, ExecutionList, ExecutionMethod } from '../resources.ts';
import type { CallApi } from '../transport/http.ts';

/** What was decided, in one line. */
export interface Decision {
  /** ISO 8601. */
  readonly at: string;
  /** One word, e.g. `retry`. */
  readonly code: string;
  readonly text: string;
}

export interface Attempt {
  /** Counts from 1. */
  readonly number: number;
  /** The server that ran it. */
  readonly node: string;
  readonly startedAt: string;
  /** Empty while it goes on. */
  readonly endedAt: string;
  /** Empty for one that completed or goes on. */
  readonly errorCode: string;
}

export interface ExecutionStory {
  readonly executionId: string;
  readonly status: Execution['status'];
  /** In the order of time; the last one says what it waits for now. */
  readonly lines: Decision[];
  readonly attempts: Attempt[];
}

/** What is left out stays as it was. */
export interface ReplayChanges {
  readonly method?: ExecutionMethod | undefined;
  readonly path?: string | undefined;
  /** In place of all headers that it had. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: string | undefined;
}

export interface WhichDead {
  readonly functionId?: string | undefined;
  /** ISO 8601: only those that ended before. */
  readonly before?: string | undefined;
}

export interface ChosenDead extends WhichDead {
  readonly executionIds?: readonly string[] | undefined;
}

export interface AdminExecutions {
  /** Why it did, or did not, run. */
  why(executionId: string): Promise<ExecutionStory>;
  /** Runs one of the queue that failed again, as it was or changed. Resolves with the new execution. */
  replay(executionId: string, changes?: ReplayChanges): Promise<Execution>;
  /** Those that failed for good, oldest first. */
  listDead(which?: WhichDead & { readonly limit?: number | undefined }): Promise<ExecutionList>;
  /** Runs them again, at most a thousand at once. Resolves with the new executions. */
  replayDead(which?: ChosenDead): Promise<ExecutionList>;
  /** Lets them go: they cannot be replayed any more, their records stay. Resolves with how many. */
  purgeDead(which?: ChosenDead): Promise<number>;
}

export function createAdminExecutions(api: CallApi): AdminExecutions {
  const pathOf = (executionId: string): string => `/executions/${segment('executionId', executionId)}`;
  return {
    why: async (executionId) => api('GET', `${pathOf(executionId)}/why`),
    replay: async (executionId, changes = {}) => api('POST', `${pathOf(executionId)}/replay`, { body: changes }),
    listDead: async (which = {}) => api('GET', '/dead-executions', { query: { ...which } }),
    replayDead: async (which = {}) => api('POST', '/dead-executions/replay', { body: which }),
    purgeDead: async (which = {}) => (await api<{ purged: number }>('POST', '/dead-executions/purge', { body: which })).purged,
  };
}
