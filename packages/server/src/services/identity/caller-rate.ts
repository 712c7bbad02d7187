/** How often one caller may ask: one API key, one user, or all guests behind one address. */
import { PlatformError } from '@martlet/protocol';
import type { RateVerdict } from '../../domain/identity/rate.ts';
import type { Principal } from '../../domain/principal.ts';
import { addressBucket, type RateLimiter } from './rate-limiter.ts';

const MINUTE_MS = 60_000;

export interface CallerRate {
  /** Takes one. */
  take(principal: Principal, address: string): RateVerdict;
}

/** Undefined where there is no limit, so that nothing is asked. */
export function createCallerRate(rates: RateLimiter, what: string, perMinute: number): CallerRate | undefined {
  if (perMinute === 0) return undefined;
  const rate = { requests: perMinute, perMs: MINUTE_MS };
  return { take: (principal, address) => rates.take(`${what} ${bucketOf(principal, address)}`, rate) };
}

function bucketOf(principal: Principal, address: string): string {
  switch (principal.kind) {
    case 'anonymous':
      return `address ${addressBucket(address)}`;
    case 'user':
      return `user ${principal.projectId} ${principal.userId}`;
    case 'key':
      return `key ${principal.keyId}`;
    case 'execution':
      return `execution ${principal.executionId}`;
  }
}

export function assertAllowed(verdict: RateVerdict): void {
  if (verdict.allowed) return;
  const seconds = Math.ceil(verdict.retryMs / 1000);
  throw new PlatformError('general_rate_limit_exceeded', {
    message: `Rate limit for the current endpoint has been exceeded: ${verdict.limit} are allowed. Please try again after ${seconds} s.`,
    retryAfterSeconds: seconds,
  });
}

/** Flat: the headers that clients know, in both spellings that are in use. */
export function rateHeaders({ limit, remaining, resetMs }: RateVerdict, now: number): string[] {
  const seconds = String(Math.ceil(resetMs / 1000));
  return [
    'RateLimit-Limit',
    String(limit),
    'RateLimit-Remaining',
    String(remaining),
    'RateLimit-Reset',
    seconds,
    'X-RateLimit-Limit',
    String(limit),
    'X-RateLimit-Remaining',
    String(remaining),
    'X-RateLimit-Reset',
    String(Math.ceil((now + resetMs) / 1000)),
  ];
}
