/** One attempt of a job, as an invocation. */
import type { PlatformError } from '@martlet/protocol';
import { anonymous } from '../../domain/principal.ts';
import type { ClaimedJob, TakenJob } from '../../ports/store/job-store.ts';
import type { CallerSignal } from '../invoke/invocation.ts';
import type { Invoke, Invoked } from '../invoke/invoke.ts';
import { JobRecording } from './job-recording.ts';

export interface Attempt {
  /** Undefined until it has a place. */
  recording: JobRecording | undefined;
  readonly signal: JobSignal;
}

/** An `AbortSignal` of the lease would keep a listener of each job that ever ran under it. */
export class JobSignal implements CallerSignal {
  reason: unknown;
  aborted = false;
  readonly #listeners: (() => void)[] = [];

  addEventListener(_type: 'abort', listener: () => void): void {
    this.#listeners.push(listener);
  }

  abort(reason: PlatformError): void {
    if (this.aborted) return;
    this.aborted = true;
    this.reason = reason;
    for (const listener of this.#listeners) listener();
  }
}

export function requestOf(
  { job, execution, request, body }: ClaimedJob,
  { userToken, attempt }: { userToken: string; attempt: Attempt },
): Parameters<Invoke['invoke']>[0] {
  return {
    ...request,
    headers: [...request.headers, ...attemptHeaders(job, execution.scheduledAt)],
    projectId: job.projectId,
    functionId: job.functionId,
    principal: anonymous,
    trigger: execution.trigger,
    body,
    signal: attempt.signal,
    attempt: {
      executionId: job.executionId,
      createdAt: execution.createdAt,
      scheduledAt: execution.scheduledAt,
      number: job.attempt,
      userId: execution.userId,
      userToken,
      event: request.event,
      record(running) {
        attempt.recording = new JobRecording(running);
        return attempt.recording;
      },
    },
  };
}

/** What a function can tell a repetition by; the gateway lets no caller send these. */
function attemptHeaders({ attempt, facts }: TakenJob['job'], scheduledAt: number | null): string[] {
  const headers = ['x-martlet-attempt', String(attempt)];
  const due = facts.tick ?? scheduledAt;
  if (due !== null) headers.push('x-martlet-scheduled-at', new Date(due).toISOString());
  if (facts.replayOf !== undefined) headers.push('x-martlet-replay-of', facts.replayOf);
  return headers;
}

/** Nobody waits for the answer; but a stream that nobody reads would never end. */
export async function discardBody({ outcome }: Invoked): Promise<void> {
  if (outcome.kind !== 'response' || !(outcome.body instanceof ReadableStream)) return;
  const reader = outcome.body.getReader();
  try {
    for (let part = await reader.read(); !part.done; part = await reader.read());
  } catch {
    // The stream broke: the record says why.
  }
}
