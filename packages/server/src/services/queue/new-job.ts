/** A job as it is stored when it is accepted. */
import type { Trigger } from '@martlet/protocol';
import { recordedRequestHeaders } from '../../domain/recorded-headers.ts';
import type { ExecutionRow } from '../../ports/store.ts';
import type { JobFacts, JobRequest, NewJob } from '../../ports/store/job-store.ts';

export interface JobOrder {
  readonly projectId: string;
  readonly functionId: string;
  /** The active one at this moment; the attempt runs on the one that is active then. */
  readonly deploymentId: string;
  readonly trigger: Trigger;
  readonly userId: string | null;
  readonly request: JobRequest;
  readonly body: Uint8Array;
  /** Not before this time. */
  readonly runAt?: number | undefined;
  readonly expiresAt?: number | undefined;
  readonly priority?: number | undefined;
  readonly concurrencyKey?: string | undefined;
  readonly idempotency?: NewJob['idempotency'] | undefined;
  readonly facts?: Partial<JobFacts> | undefined;
}

export function newJob(order: JobOrder, { id, now }: { readonly id: string; readonly now: number }): NewJob {
  const delayed = order.runAt !== undefined && order.runAt > now;
  const execution: ExecutionRow = {
    id,
    createdAt: now,
    updatedAt: now,
    projectId: order.projectId,
    functionId: order.functionId,
    deploymentId: order.deploymentId,
    trigger: order.trigger,
    status: delayed ? 'scheduled' : 'waiting',
    errorCode: null,
    userId: order.userId,
    requestMethod: order.request.method,
    requestPath: order.request.path,
    requestHeaders: recordedRequestHeaders(order.request.headers),
    requestBytes: order.body.length,
    responseStatus: 0,
    responseHeaders: [],
    responseBytes: 0,
    cold: null,
    queueMs: 0,
    coldMs: 0,
    runMs: 0,
    memoryPeakBytes: 0,
    cpuMicros: 0,
    logsDroppedBytes: 0,
    scheduledAt: order.runAt ?? null,
    attempt: 0,
    endedAt: null,
  };
  return {
    execution,
    runAt: order.runAt ?? now,
    delayed,
    priority: order.priority ?? 0,
    expiresAt: order.expiresAt ?? null,
    concurrencyKey: order.concurrencyKey ?? null,
    facts: { crashes: 0, ...order.facts },
    request: order.request,
    body: order.body,
    idempotency: order.idempotency ?? null,
  };
}
