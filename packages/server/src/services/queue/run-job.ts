/** One attempt of a job, from its claim to the write of its end. */
import { errorSpecs, isPlatformError, PlatformError, type ErrorCode, type LogLine } from '@martlet/protocol';
import { afterAttempt, policyOf } from '../../domain/queue/retry-policy.ts';
import type { Clock } from '../../ports/system/clock.ts';
import type { Log } from '../../ports/system/log.ts';
import type { ExecutionRow } from '../../ports/store.ts';
import type { ClaimedJob, JobEnd, JobStore, TakenJob } from '../../ports/store/job-store.ts';
import type { FunctionRoutes } from '../invoke/function-routes.ts';
import type { Invoke } from '../invoke/invoke.ts';
import { discardBody, JobSignal, requestOf, type Attempt } from './attempt.ts';
import type { JobRecording } from './job-recording.ts';
import { untilStored } from './until-stored.ts';
import type { Settler } from './settler.ts';

export interface RunJobOptions {
  readonly invoke: Invoke;
  readonly routes: FunctionRoutes;
  readonly jobs: JobStore;
  readonly settler: Settler;
  readonly clock: Clock;
  readonly log: Log;
  /** A token of the user for whom an execution runs; empty where the user is gone. */
  readonly userToken: (projectId: string, userId: string) => Promise<string>;
  /** Chance, between 0 and 1. */
  readonly random: () => number;
  /** Aborted when the store is closed, and no end can be written any more. */
  readonly closing: AbortSignal;
}

/** An attempt that goes on. */
export interface RunningJob {
  readonly executionId: string;
  readonly projectId: string;
  readonly functionId: string;
  readonly fence: number;
  /** Undefined until it has a place. */
  readonly recording: JobRecording | undefined;
  /** How it came out. Never rejects. */
  readonly done: Promise<AttemptOutcome>;
  /** Others may run it from now on: it must not begin, and ends where it has. */
  interrupt(): void;
}

/**
 * `ended`: its end is on record, or somebody else's to decide. `no_room`, `not_started`: it was handed back untouched, as this server
 * has no room for it or cannot start its process. `unended`: it is over, and its end cannot be written.
 */
export type AttemptOutcome = 'ended' | 'no_room' | 'not_started' | 'unended';

export interface JobRunner {
  /** Begins an attempt. */
  run(claimed: ClaimedJob): RunningJob;
  /** Decides on a job whose node is gone, as if its attempt had ended now. @returns whether that is on record; false also where somebody was faster */
  settleLost(lost: TakenJob): Promise<boolean>;
  /** From now on what is interrupted is handed back, as the server is stopping. */
  stopping(): void;
}

/** Refusals that say "not now" about this server, not about the job. */
const NOT_NOW: ReadonlySet<ErrorCode> = new Set([
  'server_draining',
  'function_concurrency_exceeded',
  'host_memory_exhausted',
  'general_rate_limit_exceeded',
  'store_unavailable',
]);
/** A function whose process does not start on this server for so long is broken rather than the server. */
const NOT_STARTED_MS_MAX = 10 * 60_000;

export function createJobRunner({ invoke, routes, jobs, settler, clock, log, userToken, random, closing }: RunJobOptions): JobRunner {
  let stops = false;
  /** By function: since when its processes do not start here, in milliseconds since 1970. */
  const notStartedSince = new Map<string, number>();
  const release = ({ executionId, fence }: TakenJob['job']): Promise<void> =>
    untilStored(log, () => jobs.release([{ executionId, fence }]), closing);
  return {
    run(claimed) {
      const { executionId, projectId, functionId, fence } = claimed.job;
      const attempt: Attempt = { recording: undefined, signal: new JobSignal() };
      const done = runToEnd(claimed, attempt).catch((error: unknown) => {
        log.error({ err: error, executionId }, 'Cannot end an execution of the queue');
        return 'unended' as const;
      });
      return {
        executionId,
        projectId,
        functionId,
        fence,
        done,
        interrupt: () => attempt.signal.abort(new PlatformError('execution_interrupted', 'The server lost its place among the others.')),
        get recording() {
          return attempt.recording;
        },
      };
    },
    async settleLost(lost) {
      const now = clock.now();
      const row: ExecutionRow = {
        ...lost.execution,
        ...failedWith(lost.job.cancelRequested ? 'execution_canceled' : 'execution_interrupted', now),
      };
      const message = `The server that ran attempt ${lost.job.attempt} is gone.`;
      return end(lost, { row, lines: [platformLine(now, message)], startedAt: lost.execution.updatedAt });
    },
    stopping() {
      stops = true;
    },
  };

  async function runToEnd(claimed: ClaimedJob, attempt: Attempt): Promise<AttemptOutcome> {
    const startedAt = clock.now();
    try {
      const { projectId, userId } = claimed.execution;
      const token = userId === null ? '' : await userToken(projectId, userId);
      const invoked = await invoke.invoke(requestOf(claimed, { userToken: token, attempt }));
      await discardBody(invoked);
      await attempt.recording?.whenEnded();
    } catch (error) {
      if (attempt.recording === undefined) return refuse(claimed, error, { attempt, startedAt });
      await attempt.recording.whenEnded();
    }
    const { recording } = attempt;
    if (recording === undefined) throw new Error('An execution has run without a record.');
    try {
      const { errorCode } = recording.row();
      const refused = await handBackRefused(claimed, errorCode);
      if (refused !== undefined) return refused;
      if (stops && errorCode === 'execution_interrupted' && (await handBack(claimed))) return 'no_room';
      await recording.whenSaved();
      await end(claimed, { row: recording.row(), lines: recording.takeLines(), startedAt });
      return 'ended';
    } finally {
      recording.settle();
    }
  }

  /** Also after it got its place there may be no process for it, and nothing of it has run. @returns undefined where it has run */
  async function handBackRefused({ job }: ClaimedJob, errorCode: ErrorCode | null): Promise<AttemptOutcome | undefined> {
    const key = `${job.projectId} ${job.functionId}`;
    const broken = errorCode === 'worker_start_failed';
    if (!broken) notStartedSince.delete(key);
    if (errorCode === null || (!broken && !NOT_NOW.has(errorCode))) return undefined;
    if (broken) {
      const since = notStartedSince.get(key) ?? clock.now();
      notStartedSince.set(key, since);
      if (clock.now() - since > NOT_STARTED_MS_MAX) return undefined;
    }
    await release(job);
    return broken ? 'not_started' : 'no_room';
  }

  /** The server stops and ended it itself: that attempt does not count, where the function may be run again. */
  async function handBack({ job }: ClaimedJob): Promise<boolean> {
    const routed = await untilStored(log, async () => routes.byId(job.projectId, job.functionId), closing);
    if (routed !== null && policyOf(routed.fn.retries).interrupted === 'fail') return false;
    await release(job);
    return true;
  }

  /** It got no place, or there is nothing to run. */
  async function refuse(
    claimed: ClaimedJob,
    error: unknown,
    { attempt, startedAt }: { attempt: Attempt; startedAt: number },
  ): Promise<AttemptOutcome> {
    // Nothing has run; whoever finds that this server has lost it decides.
    if (attempt.signal.aborted) return 'ended';
    const refusal = isPlatformError(error) ? error : new PlatformError('general_server_error', { cause: error });
    if (!isPlatformError(error)) log.error({ err: error, executionId: claimed.job.executionId }, 'Cannot run an execution of the queue');
    if (NOT_NOW.has(refusal.code)) {
      await release(claimed.job);
      return 'no_room';
    }
    const now = clock.now();
    const row: ExecutionRow = { ...claimed.execution, attempt: claimed.job.attempt, ...failedWith(refusal.code, now) };
    await end(claimed, { row, lines: [platformLine(now, refusal.message)], startedAt });
    return 'ended';
  }

  async function end(
    { job }: TakenJob,
    { row, lines, startedAt }: { row: ExecutionRow; lines: readonly LogLine[]; startedAt: number },
  ): Promise<boolean> {
    const routed = await untilStored(log, async () => routes.byId(job.projectId, job.functionId), closing);
    const policy = policyOf(routed?.fn.retries ?? 0);
    const endedAt = row.endedAt ?? clock.now();
    const decided = afterAttempt(policy, { attempt: job.attempt, errorCode: row.errorCode, crashesInRow: job.facts.crashes }, random());
    const settled = await settler.settle({
      executionId: job.executionId,
      fence: job.fence,
      lines,
      attempt: { startedAt, endedAt, errorCode: row.errorCode },
      ...becomes(job, { ...row, attempt: job.attempt }, decided),
    });
    if (!settled)
      log.warn({ executionId: job.executionId, attempt: job.attempt }, 'An attempt ended after its execution was given to another node');
    return settled;
  }

  function becomes(
    job: TakenJob['job'],
    row: ExecutionRow,
    decided: ReturnType<typeof afterAttempt>,
  ): Pick<JobEnd, 'execution' | 'next' | 'decisions'> {
    const now = clock.now();
    const decision = (code: string, text: string) => ({
      at: now,
      projectId: job.projectId,
      subject: 'execution' as const,
      subjectId: job.executionId,
      code,
      text,
    });
    switch (decided.kind) {
      case 'final':
        return { execution: row, next: { state: null }, decisions: [] };
      case 'dead':
        return {
          execution: row,
          next: { state: 'dead', facts: { ...job.facts, crashes: decided.crashes } },
          decisions: [decision(decided.reason, deadText[decided.reason](job.attempt))],
        };
      case 'retry':
        return {
          execution: { ...row, status: 'waiting', endedAt: null },
          next: {
            state: decided.delayMs > 0 ? 'delayed' : 'ready',
            runAt: now + decided.delayMs,
            facts: { ...job.facts, crashes: decided.crashes },
          },
          decisions: [decision('retry', `Attempt ${job.attempt + 1} follows in ${(decided.delayMs / 1000).toFixed(1)} s.`)],
        };
    }
  }
}

const deadText = {
  exhausted: (attempt: number) => `Attempt ${attempt} was the last one that the function's retries allow.`,
  poison: (attempt: number) =>
    `The process ended in ${attempt === 1 ? 'the attempt' : 'several attempts in a row'}: it is not tried again, so that it harms nobody else.`,
  not_retried: () => 'The retries of the function do not cover this outcome.',
} as const;

function failedWith(code: ErrorCode, now: number) {
  return { status: 'failed', errorCode: code, responseStatus: errorSpecs[code].status, endedAt: now, updatedAt: now } as const;
}

const platformLine = (time: number, text: string): LogLine => ({ time, level: 'error', stream: 'errors', text });
