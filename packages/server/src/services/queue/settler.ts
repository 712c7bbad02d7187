/**
 * Writes the ends of attempts, many in one commit. An end is the only trace of what has run: one that the store cannot
 * take now is kept and tried again, until the store is back or the server stops, when the next start finds the job taken
 * by nobody and decides anew.
 */
import { isPlatformError, type LogLine } from '@martlet/protocol';
import type { Log } from '../../ports/system/log.ts';
import type { JobEnd, JobStore } from '../../ports/store/job-store.ts';

export interface Settler {
  /**
   * @returns whether the fence held
   * @throws {Error} when the store refuses this end in every form
   */
  settle(end: JobEnd): Promise<boolean>;
  /** Writes what there is. */
  flush(): Promise<void>;
}

/** Company in the commit costs an end this much. */
const GATHER_MS = 2;
const BATCH_MAX = 250;
const RETRY_MS = 500;
const FLUSH_MS_MAX = 10_000;

interface Waiting {
  readonly end: JobEnd;
  readonly resolve: (held: boolean) => void;
  readonly reject: (error: unknown) => void;
}

export function createSettler({ jobs, log }: { jobs: JobStore; log: Log }): Settler {
  const waiting: Waiting[] = [];
  let writing: Promise<void> | undefined;

  return {
    settle(end) {
      return new Promise((resolve, reject) => {
        waiting.push({ end, resolve, reject });
        writing ??= writeAll();
      });
    },
    async flush() {
      const deadline = performance.now() + FLUSH_MS_MAX;
      while (writing !== undefined && performance.now() < deadline) await Promise.race([writing, pause(RETRY_MS)]);
    },
  };

  async function writeAll(): Promise<void> {
    await pause(GATHER_MS);
    while (waiting.length > 0) {
      const batch = waiting.splice(0, BATCH_MAX);
      const left = await write(batch);
      if (left.length === 0) continue;
      waiting.unshift(...left);
      await pause(RETRY_MS);
    }
    writing = undefined;
  }

  /** @returns those that are to be tried again */
  async function write(batch: readonly Waiting[]): Promise<readonly Waiting[]> {
    try {
      const held = await jobs.settle(batch.map(({ end }) => end));
      batch.forEach(({ resolve }, index) => resolve(held[index] === true));
      return [];
    } catch (error) {
      if (isPlatformError(error) && error.code === 'store_unavailable') {
        log.error({ err: error, executions: batch.length }, 'Cannot write the ends of executions; trying again');
        return batch;
      }
      return batch.length === 1 ? writeBare(batch[0] as Waiting, error) : writeOneByOne(batch);
    }
  }

  /** One end that the store refuses must not take the others with it. */
  async function writeOneByOne(batch: readonly Waiting[]): Promise<readonly Waiting[]> {
    const left: Waiting[] = [];
    for (const one of batch) left.push(...(await write([one])));
    return left;
  }

  /** What cannot be written with all that it says is written with the little that is certain: it must not stay open. */
  async function writeBare({ end, resolve, reject }: Waiting, error: unknown): Promise<readonly Waiting[]> {
    log.error(
      { err: error, executionId: end.executionId },
      'The store refused the end of an execution; writing it without its particulars',
    );
    const execution = {
      ...end.execution,
      status: 'failed',
      errorCode: 'general_server_error',
      requestHeaders: [],
      responseHeaders: [],
    } as const;
    const bare: JobEnd = { ...end, execution, lines: [] as readonly LogLine[], next: { state: null }, decisions: [] };
    try {
      const [held] = await jobs.settle([bare]);
      resolve(held === true);
    } catch (refusal) {
      log.error({ err: refusal, executionId: end.executionId }, 'The store refused even that');
      reject(refusal);
    }
    return [];
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
