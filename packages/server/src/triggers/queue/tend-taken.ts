/**
 * Looks after what this server and others have taken: log lines of long attempts, cancellations, jobs of servers that are gone, and
 * jobs that this server has taken without knowing it.
 */
import type { Log } from '../../ports/system/log.ts';
import type { JobStore } from '../../ports/store/job-store.ts';
import type { NodeLease, NodeStore } from '../../ports/store/node-store.ts';
import type { Invoke } from '../../services/invoke/invoke.ts';
import type { JobRunner, RunningJob } from '../../services/queue/run-job.ts';

export interface Tending {
  /** One round of all; a problem is said and met again in the next one. */
  tend(): Promise<void>;
  /** Decides on what servers that are gone had taken. */
  recoverLost(): Promise<void>;
  /**
   * A claim may take place although its answer is lost, even some time later; nobody else would ever run what it took, since this
   * server lives. To be asked only between claims: the jobs of one that is under way are not known yet.
   */
  takeBackForgotten(): Promise<void>;
  /** An attempt is over, and its end could not be written. */
  unended(executionId: string): void;
}

export interface TendingOptions {
  readonly jobs: JobStore;
  readonly nodes: Pick<NodeStore, 'reap'>;
  readonly runner: JobRunner;
  readonly invoke: Pick<Invoke, 'cancel'>;
  readonly log: Log;
  readonly running: ReadonlyMap<string, RunningJob>;
  readonly lease: () => NodeLease | undefined;
  /** Something may be ready. */
  readonly wake: () => void;
}

const LOST_MAX = 100;

export function createTending({ jobs, nodes, runner, invoke, log, running, lease, wake }: TendingOptions): Tending {
  const withoutEnd = new Set<string>();
  let recovering: Promise<void> | undefined;
  const recoverLost = (): Promise<void> => (recovering ??= recover().finally(() => (recovering = undefined)));

  return {
    async tend() {
      try {
        await saveLines();
        await cancelRequested();
        await recoverLost();
      } catch (error) {
        log.warn({ err: error }, 'Cannot tend the executions of the queue; trying again');
      }
    },
    recoverLost,
    takeBackForgotten,
    unended: (executionId) => void withoutEnd.add(executionId),
  };

  async function saveLines(): Promise<void> {
    const fresh = [...running.values()].flatMap(({ executionId, fence, recording }) =>
      recording === undefined || recording.hasEnded || recording.unwritten().length === 0
        ? []
        : [{ executionId, fence, recording, lines: recording.takeLines() }],
    );
    if (fresh.length === 0) return;
    const stored = jobs.addLines(fresh.map(({ executionId, fence, lines }) => ({ executionId, fence, lines })));
    for (const { recording, lines } of fresh) recording.saving(lines.length, stored);
    await stored;
  }

  async function cancelRequested(): Promise<void> {
    const mine = lease();
    if (mine === undefined || running.size === 0) return;
    for (const executionId of await jobs.cancelRequests(mine.id)) {
      const job = running.get(executionId);
      if (job !== undefined) invoke.cancel(job.projectId, executionId);
    }
  }

  async function recover(): Promise<void> {
    const gone = await nodes.reap();
    if (gone.length > 0) log.warn({ nodes: gone }, 'Servers are gone; deciding on what they had taken');
    for (let settled = true; settled;) {
      const lost = await jobs.lost(LOST_MAX);
      // Where not one could be written the same ones would be found again at once.
      settled = (await Promise.all(lost.map((job) => runner.settleLost(job)))).includes(true);
      if (settled) wake();
    }
  }

  async function takeBackForgotten(): Promise<void> {
    const mine = lease();
    if (mine === undefined) return;
    const beside = await jobs.takenBeside({ nodeId: mine.id, known: [...running.keys()], limit: LOST_MAX });
    const forgotten = beside.filter(({ job }) => running.get(job.executionId)?.fence !== job.fence);
    const unheard = forgotten.filter(({ job }) => !withoutEnd.has(job.executionId));
    if (unheard.length > 0) {
      log.warn({ executions: unheard.length }, 'This server had taken executions without hearing of it; handing them back');
      await jobs.release(unheard.map(({ job: { executionId, fence } }) => ({ executionId, fence })));
    }
    const begun = forgotten.filter(({ job }) => withoutEnd.has(job.executionId));
    await Promise.all(begun.map((job) => runner.settleLost(job)));
    for (const { job } of begun) withoutEnd.delete(job.executionId);
  }
}
