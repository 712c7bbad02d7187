import type { Rate } from '../../../domain/identity/rate.ts';
import { assertAllowed, rateHeaders } from '../../../services/identity/caller-rate.ts';
import type { ApiContext, ApiOptions } from '../api-context.ts';

export const perHour = (requests: number): Rate => ({ requests, perMs: 3_600_000 });
export const perMinute = (requests: number): Rate => ({ requests, perMs: 60_000 });

/** Takes one from an allowance of its own, and shows what is left of it. A key is not bounded here: it acts for many. */
export function spend(
  c: ApiContext,
  { identity, clock }: Pick<ApiOptions, 'identity' | 'clock'>,
  { bucket, rate }: { bucket: string; rate: Rate },
): void {
  if (c.var.principal.kind === 'key') return;
  const verdict = identity.rates.take(`${c.var.projectId} ${bucket}`, rate);
  const headers = rateHeaders(verdict, clock.now());
  for (let at = 0; at + 1 < headers.length; at += 2) c.header(headers[at] ?? '', headers[at + 1]);
  assertAllowed(verdict);
}
