/** Counts how often each caller does something, in memory and for this process alone. */
import { LRUCache } from 'lru-cache';
import { takeOne, type Rate, type RateVerdict } from '../../domain/identity/rate.ts';
import type { Clock } from '../../ports/system/clock.ts';

/** Callers that are remembered; a flood of others pushes out the ones that were quiet for longest. */
const CALLERS_MAX = 100_000;

export interface RateLimiter {
  /** Takes one from the allowance of the bucket, if there is one. `bucket` names what is done and who does it. */
  take(bucket: string, rate: Rate): RateVerdict;
  /** Gives the whole allowance back. */
  forget(bucket: string): void;
}

export function createRateLimiter(clock: Clock): RateLimiter {
  const remembered = new LRUCache<string, number>({ max: CALLERS_MAX });
  return {
    take(bucket, rate) {
      const { wholeAt, verdict } = takeOne(rate, remembered.get(bucket), clock.now());
      remembered.set(bucket, wholeAt);
      return verdict;
    },
    forget(bucket) {
      remembered.delete(bucket);
    },
  };
}

/** One allowance for everybody behind an address; of IPv6 the first 64 bits, as one household has all that follow. */
export function addressBucket(address: string): string {
  const plain = address.startsWith('::ffff:') ? address.slice(7) : address;
  if (!plain.includes(':')) return plain;
  const [head = '', tail] = plain.split('::', 2);
  const groups = head === '' ? [] : head.split(':');
  const rest = tail === undefined || tail === '' ? 0 : tail.split(':').length;
  const full =
    tail === undefined
      ? groups
      : [...groups, ...Array.from({ length: Math.max(0, 8 - groups.length - rest) }, () => '0'), ...tail.split(':')];
  return `${full
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, '').toLowerCase())
    .join(':')}::/64`;
}
