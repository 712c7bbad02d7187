/**
 * Every limit of the platform in one table: default, range, unit, and what happens beyond it. Configuration may change
 * the defaults within the range. `docs/reference/limits.md` is generated from it.
 */
import type { ErrorCode } from './errors.ts';

export interface LimitSpec {
  readonly default: number;
  readonly min: number;
  readonly max: number;
  readonly unit: 's' | 'ms' | 'MB' | 'bytes' | 'files' | 'executions' | 'processes' | 'hops' | 'days' | 'workers' | 'sessions' | 'requests' | 'events';
  readonly meaning: string;
  /** The error beyond it, or in words what is done instead. */
  readonly beyond: ErrorCode | `${string} ${string}`;
}

export const limitSpecs = {
  timeoutSeconds: { default: 15, min: 1, max: 900, unit: 's', meaning: 'How long one execution may run; set per function as `timeout`.', beyond: 'execution_timed_out' },
  syncWaitSeconds: { default: 30, min: 1, max: 900, unit: 's', meaning: 'How long a synchronous call through /v1 waits for its execution.', beyond: 'execution_sync_timed_out' },
  memoryMb: { default: 256, min: 64, max: 16_384, unit: 'MB', meaning: 'Memory of one worker, everything included; set per function as `memory`.', beyond: 'execution_out_of_memory' },
  processes: { default: 64, min: 16, max: 1024, unit: 'processes', meaning: 'Processes and threads of one worker.', beyond: 'the system call fails with EAGAIN inside the function' },
  tmpMb: { default: 64, min: 1, max: 4096, unit: 'MB', meaning: 'Size of /tmp of one worker; it counts towards its memory.', beyond: 'the write fails with ENOSPC inside the function' },
  requestBodyBytes: { default: 20_971_520, min: 1024, max: 1_073_741_824, unit: 'bytes', meaning: 'Largest request body that a function may take in as a whole (json, text, formData, arrayBuffer, blob); reading `request.body` as a stream has no limit.', beyond: 'request_too_large' },
  logBytes: { default: 1_000_000, min: 1000, max: 50_000_000, unit: 'bytes', meaning: 'Log of one execution.', beyond: 'the rest is dropped and the record says how much' },
  logLineBytes: { default: 8000, min: 100, max: 100_000, unit: 'bytes', meaning: 'One log line.', beyond: 'the line is cut and says so' },
  deploymentBytes: { default: 30_000_000, min: 1000, max: 1_000_000_000, unit: 'bytes', meaning: 'Packed size of a deployment.', beyond: 'deployment_invalid_file_size' },
  deploymentUnpackedBytes: { default: 250_000_000, min: 1000, max: 10_000_000_000, unit: 'bytes', meaning: 'Unpacked size of a deployment, without what its dependencies add.', beyond: 'deployment_archive_invalid' },
  deploymentFiles: { default: 10_000, min: 1, max: 1_000_000, unit: 'files', meaning: 'Files of a deployment.', beyond: 'deployment_archive_invalid' },
  buildSeconds: { default: 300, min: 1, max: 3600, unit: 's', meaning: 'How long one build may take.', beyond: 'build_timed_out' },
  webhookTimeoutSeconds: { default: 15, min: 1, max: 120, unit: 's', meaning: 'How long a receiver of a webhook may take to answer.', beyond: 'the attempt has failed and is made again later' },
  hookBytes: { default: 1_048_576, min: 1024, max: 26_214_400, unit: 'bytes', meaning: 'Body of a webhook that comes in.', beyond: 'event_too_large' },
  hooksPerMinute: { default: 6000, min: 0, max: 100_000_000, unit: 'requests', meaning: 'Webhooks that come in from one address in a minute; 0: without a limit.', beyond: 'general_rate_limit_exceeded' },
  pendingEvents: { default: 100_000, min: 1, max: 100_000_000, unit: 'events', meaning: 'Events of one project that may wait to be dispatched; those of the platform itself are always taken.', beyond: 'event_queue_full' },
  hops: { default: 16, min: 1, max: 100, unit: 'hops', meaning: 'How deep functions may call functions.', beyond: 'execution_hops_exceeded' },
  concurrency: { default: 100, min: 1, max: 10_000, unit: 'executions', meaning: 'Executions of one function at the same time; set per function as `concurrency`.', beyond: 'the next ones wait in the queue of the function' },
  queueDepth: { default: 1000, min: 0, max: 100_000, unit: 'executions', meaning: 'Synchronous calls that may wait for one function.', beyond: 'function_concurrency_exceeded' },
  asyncQueueDepth: { default: 100_000, min: 0, max: 100_000_000, unit: 'executions', meaning: 'Executions that nobody waits for and that may wait for one function.', beyond: 'execution_queue_full' },
  asyncConcurrency: { default: 100, min: 1, max: 10_000, unit: 'executions', meaning: 'Executions from the queue that one server runs at the same time.', beyond: 'the next ones wait in the queue' },
  projectConcurrency: { default: 1000, min: 1, max: 100_000, unit: 'executions', meaning: 'Executions of one project at the same time, those that wait included.', beyond: 'general_rate_limit_exceeded' },
  workerIdleSeconds: { default: 300, min: 1, max: 86_400, unit: 's', meaning: 'How long a worker without work stays alive.', beyond: 'the worker is stopped' },
  retentionDays: { default: 14, min: 1, max: 3650, unit: 'days', meaning: 'How long executions and their logs are kept.', beyond: 'the record is deleted' },
  sessionDays: { default: 365, min: 1, max: 3650, unit: 'days', meaning: 'How long a session of a user lasts.', beyond: 'the caller is a guest' },
  sessionsPerUser: { default: 10, min: 1, max: 1000, unit: 'sessions', meaning: 'Sessions of one user at the same time.', beyond: 'the oldest session ends' },
  accountsPerHour: { default: 10, min: 1, max: 1_000_000, unit: 'requests', meaning: 'Accounts that callers from one address may create in an hour.', beyond: 'general_rate_limit_exceeded' },
  anonymousSessionsPerHour: { default: 50, min: 1, max: 1_000_000, unit: 'requests', meaning: 'Anonymous sessions that callers from one address may create in an hour.', beyond: 'general_rate_limit_exceeded' },
  signInsPerHour: { default: 10, min: 1, max: 1_000_000, unit: 'requests', meaning: 'Failed sign-ins with one e-mail address from one address in an hour; from all addresses ten times as many.', beyond: 'general_rate_limit_exceeded' },
  deviceLoginsPerHour: { default: 30, min: 1, max: 1_000_000, unit: 'requests', meaning: 'Logins that terminals at one address may start in an hour with `martlet login`.', beyond: 'general_rate_limit_exceeded' },
  tokensPerMinute: { default: 120, min: 1, max: 1_000_000, unit: 'requests', meaning: 'Tokens that one user may get from /v1/account/jwts in a minute.', beyond: 'general_rate_limit_exceeded' },
  apiRequestsPerMinute: { default: 6000, min: 0, max: 100_000_000, unit: 'requests', meaning: 'Requests to /v1 in a minute by one API key, one user or one address of guests; 0: without a limit.', beyond: 'general_rate_limit_exceeded' },
  callsPerMinute: { default: 0, min: 0, max: 100_000_000, unit: 'requests', meaning: 'Calls of functions in a minute by one API key, one user or one address of guests; 0: without a limit.', beyond: 'general_rate_limit_exceeded' },
} as const satisfies Record<string, LimitSpec>;

export type LimitName = keyof typeof limitSpecs;
export type Limits = { readonly [Name in LimitName]: number };

/** The defaults of the table, as the server uses them without configuration. */
export const defaultLimits: Limits = Object.freeze(
  Object.fromEntries(Object.entries(limitSpecs).map(([name, spec]) => [name, spec.default])) as Record<LimitName, number>,
);
