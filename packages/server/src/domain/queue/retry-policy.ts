/** What becomes of a job after an attempt. */
import type { ErrorCode, RetriedOutcome, Retries } from '@martlet/protocol';

export interface RetryPolicy {
  /** The first one included. */
  readonly attempts: number;
  readonly backoff: { readonly initialMs: number; readonly factor: number; readonly maxMs: number; readonly jitter: number };
  readonly on: ReadonlySet<RetriedOutcome>;
  /** Whether an attempt that our own end cut off is made again: yes means at least once, no at most once. */
  readonly interrupted: 'retry' | 'fail';
}

export interface EndedAttempt {
  /** Attempts begun, this one included. */
  readonly attempt: number;
  /** Null: it completed. */
  readonly errorCode: ErrorCode | null;
  /** Attempts in a row before this one that ended with their process or their server. */
  readonly crashesInRow: number;
}

export type AfterAttempt =
  | { readonly kind: 'final' }
  | { readonly kind: 'retry'; readonly delayMs: number; readonly crashes: number }
  | { readonly kind: 'dead'; readonly reason: 'exhausted' | 'poison' | 'not_retried'; readonly crashes: number };

/** A payload that takes its process or its server down this often in a row is not given another one. */
const POISON_CRASHES = 3;
/** Attempts of a job whose server went away, where the function says nothing about retries. */
const INTERRUPTED_ATTEMPTS = 3;
const outcomes: Partial<Record<ErrorCode, RetriedOutcome>> = {
  execution_threw: 'threw',
  execution_no_response: 'threw',
  execution_response_invalid: 'threw',
  execution_timed_out: 'timed_out',
  execution_crashed: 'crashed',
  execution_out_of_memory: 'out_of_memory',
  execution_load_failed: 'load_failed',
  execution_answered_error: 'answered_error',
  execution_interrupted: 'interrupted',
  worker_start_failed: 'interrupted',
};
const ownOutcomes: ReadonlySet<RetriedOutcome> = new Set([
  'threw',
  'timed_out',
  'crashed',
  'out_of_memory',
  'load_failed',
  'answered_error',
]);

export function policyOf(retries: Retries): RetryPolicy {
  const rules = typeof retries === 'number' ? { attempts: retries + 1 } : retries;
  const { initial = 1, factor = 2, max = 300, jitter = 0.2 } = ('backoff' in rules ? rules.backoff : undefined) ?? {};
  return {
    attempts: rules.attempts ?? INTERRUPTED_ATTEMPTS,
    backoff: { initialMs: initial * 1000, factor, maxMs: max * 1000, jitter },
    on: 'on' in rules && rules.on !== undefined ? new Set(rules.on) : ownOutcomes,
    interrupted: ('interrupted' in rules ? rules.interrupted : undefined) ?? 'retry',
  };
}

/** `random` is chance between 0 and 1. */
export function afterAttempt(policy: RetryPolicy, { attempt, errorCode, crashesInRow }: EndedAttempt, random: number): AfterAttempt {
  if (errorCode === null || errorCode === 'execution_canceled' || errorCode === 'execution_expired') return { kind: 'final' };
  const outcome = outcomes[errorCode];
  const crashes = outcome === 'crashed' || outcome === 'out_of_memory' || outcome === 'interrupted' ? crashesInRow + 1 : 0;
  if (outcome === undefined) return { kind: 'dead', reason: 'not_retried', crashes };
  if (outcome === 'interrupted' && policy.interrupted === 'fail') return { kind: 'dead', reason: 'not_retried', crashes };
  if (outcome !== 'interrupted' && !policy.on.has(outcome)) return { kind: 'dead', reason: 'not_retried', crashes };
  if (crashes >= POISON_CRASHES) return { kind: 'dead', reason: 'poison', crashes };
  // Being cut off is no fault of the function: it gets its attempts even where it has no retries of its own.
  const most = outcome === 'interrupted' ? Math.max(policy.attempts, INTERRUPTED_ATTEMPTS) : policy.attempts;
  if (attempt >= most) return { kind: 'dead', reason: 'exhausted', crashes };
  // The server that ran it is gone and another one asks; but a worker that does not start may need what the host lacks now.
  const atOnce = errorCode === 'execution_interrupted';
  return { kind: 'retry', delayMs: atOnce ? 0 : delayOf(policy, attempt, random), crashes };
}

function delayOf({ backoff }: RetryPolicy, attempt: number, random: number): number {
  const { initialMs, factor, maxMs, jitter } = backoff;
  const whole = Math.min(maxMs, initialMs * factor ** (attempt - 1));
  return Math.round(Math.min(maxMs, whole * (1 + jitter * (2 * random - 1))));
}
