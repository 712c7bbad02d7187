/** Accepts executions that nobody waits for. What it has answered is on disk, execution and job in one commit. */
import { isPlatformError, PlatformError, type Limits } from '@martlet/protocol';
import type { Clock } from '../../ports/system/clock.ts';
import type { Ids } from '../../ports/system/ids.ts';
import type { ExecutionRow } from '../../ports/store.ts';
import type { Enqueued, JobStore, NewJob } from '../../ports/store/job-store.ts';
import { newJob, type JobOrder } from './new-job.ts';

export interface Enqueue {
  /**
   * @returns the execution, which for a known idempotency key is the one of before
   * @throws {PlatformError} `execution_queue_full`, `execution_hops_exceeded`, `execution_idempotency_conflict`, `store_unavailable`
   */
  enqueue(order: JobOrder): Promise<ExecutionRow>;
  /** Tells the listeners of jobs that were stored another way, in the commit of what caused them. */
  announce(): void;
  /** Called with every job that may be claimed now, or later. */
  onEnqueued(listener: () => void): void;
}

export interface EnqueueOptions {
  readonly jobs: JobStore;
  readonly findExecution: (projectId: string, id: string) => Promise<ExecutionRow | null>;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly limits: Pick<Limits, 'asyncQueueDepth' | 'hops'>;
}

interface Waiting {
  readonly job: NewJob;
  readonly resolve: (answer: Enqueued) => void;
  readonly reject: (error: unknown) => void;
}

const BATCH_MAX = 500;
/** How long a count of what waits is good enough; meanwhile own jobs are added to it. */
const DEPTH_MS = 1000;
const DEPTHS_KEPT = 10_000;

export function createEnqueue({ jobs, findExecution, clock, ids, limits }: EnqueueOptions): Enqueue {
  const waiting: Waiting[] = [];
  const depths = new Map<string, { count: number; at: number }>();
  const listeners: (() => void)[] = [];
  let writing = false;

  return {
    async enqueue(order) {
      if (order.request.hops > limits.hops)
        throw new PlatformError(
          'execution_hops_exceeded',
          `Cannot enqueue an execution: ${order.request.hops} functions called each other already.`,
        );
      await assertRoom(order);
      const job = newJob(order, { id: ids.next(), now: clock.now() });
      const answer = await write(job);
      if (answer.kind === 'known') return known(order, answer);
      listeners.forEach((listener) => listener());
      return job.execution;
    },
    announce: () => listeners.forEach((listener) => listener()),
    onEnqueued: (listener) => void listeners.push(listener),
  };

  async function known(order: JobOrder, answer: Extract<Enqueued, { kind: 'known' }>): Promise<ExecutionRow> {
    if (!answer.sameRequest)
      throw new PlatformError(
        'execution_idempotency_conflict',
        `Cannot enqueue an execution: the idempotency key was used for another request, whose execution is ${answer.executionId}.`,
      );
    const row = await findExecution(order.projectId, answer.executionId);
    if (row === null)
      throw new PlatformError('execution_not_found', `The execution ${answer.executionId} of this idempotency key is gone.`);
    return row;
  }

  /** All that come in while a commit is under way are in the next one. */
  function write(job: NewJob): Promise<Enqueued> {
    return new Promise((resolve, reject) => {
      waiting.push({ job, resolve, reject });
      if (!writing) void writeAll();
    });
  }

  async function writeAll(): Promise<void> {
    writing = true;
    // Those of the same turn of the event loop join.
    await Promise.resolve();
    while (waiting.length > 0) await writeBatch(waiting.splice(0, BATCH_MAX));
    writing = false;
  }

  async function writeBatch(batch: readonly Waiting[]): Promise<void> {
    try {
      const answers = await jobs.enqueue(
        batch.map(({ job }) => job),
        [],
      );
      batch.forEach(({ resolve }, index) => resolve(answers[index] as Enqueued));
    } catch (error) {
      // A batch is stored whole or not at all. Where the store is away all are told so: to try each would take the time of each, and
      // what was stored without an answer would be refused for its id.
      const isAway = isPlatformError(error) && error.code === 'store_unavailable';
      if (batch.length === 1 || isAway) batch.forEach(({ reject }) => reject(error));
      else for (const one of batch) await writeBatch([one]);
    }
  }

  async function assertRoom({ projectId, functionId }: JobOrder): Promise<void> {
    const key = `${projectId}\n${functionId}`;
    const now = performance.now();
    let depth = depths.get(key);
    if (depth === undefined || now - depth.at > DEPTH_MS) {
      depth = { count: await jobs.depth({ projectId, functionId, max: limits.asyncQueueDepth + 1 }), at: now };
      if (depths.size >= DEPTHS_KEPT) depths.clear();
      depths.set(key, depth);
    }
    if (depth.count >= limits.asyncQueueDepth)
      throw new PlatformError('execution_queue_full', {
        message: `Cannot enqueue an execution: ${depth.count} wait for the function already.`,
        retryAfterSeconds: 5,
      });
    depth.count += 1;
  }
}
