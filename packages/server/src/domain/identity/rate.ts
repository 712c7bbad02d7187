/**
 * How often something may happen: the generic cell rate algorithm. It remembers one number per caller, the time at which
 * the caller's allowance is whole again, and has no windows at whose border twice as much would pass.
 */

export interface Rate {
  /** So many at once, and so many in each `perMs`. */
  readonly requests: number;
  readonly perMs: number;
}

export interface RateVerdict {
  readonly allowed: boolean;
  readonly limit: number;
  readonly remaining: number;
  /** Until all of the limit is there again. */
  readonly resetMs: number;
  /** Until the next one passes; 0 where this one did. */
  readonly retryMs: number;
}

/** @param wholeAt what the last call returned for this caller, or undefined @returns what to remember, and the verdict */
export function takeOne({ requests, perMs }: Rate, wholeAt: number | undefined, now: number): { wholeAt: number; verdict: RateVerdict } {
  const cost = perMs / requests;
  // A clock that was set back must not lock anybody out for longer than the rate itself.
  const before = Math.min(Math.max(wholeAt ?? now, now), now + perMs);
  const after = before + cost;
  const allowedAt = after - perMs;
  // A hair of tolerance: sums of fractions are not exact.
  if (now < allowedAt - 1e-6 * perMs)
    return { wholeAt: before, verdict: { allowed: false, limit: requests, remaining: 0, resetMs: before - now, retryMs: allowedAt - now } };
  const remaining = Math.max(0, Math.floor((now - allowedAt) / cost + 1e-6));
  return { wholeAt: after, verdict: { allowed: true, limit: requests, remaining, resetMs: after - now, retryMs: 0 } };
}
