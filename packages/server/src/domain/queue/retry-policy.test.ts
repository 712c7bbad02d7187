import { errorSpecs, retriedOutcomes, retriesSchema, type ErrorCode, type Retries } from '@martlet/protocol';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { afterAttempt, policyOf } from './retry-policy.ts';

const after = (
  retries: Retries,
  errorCode: ErrorCode | null,
  { attempt = 1, crashesInRow = 0, random = 0.5 }: { attempt?: number; crashesInRow?: number; random?: number } = {},
) => afterAttempt(policyOf(retries), { attempt, errorCode, crashesInRow }, random);

const dead = (reason: 'exhausted' | 'poison' | 'not_retried', crashes = 0) => ({ kind: 'dead', reason, crashes });

describe('without a policy', () => {
  test('an error of the function is its end', () => {
    expect(after(0, 'execution_threw')).toEqual(dead('exhausted'));
    expect(after(0, 'execution_timed_out')).toEqual(dead('exhausted'));
    expect(after(0, 'execution_answered_error')).toEqual(dead('exhausted'));
    expect(after(0, 'execution_crashed')).toEqual(dead('exhausted', 1));
  });

  test('being cut off by the server is not: it runs again at once, three times in all', () => {
    expect(after(0, 'execution_interrupted')).toEqual({ kind: 'retry', delayMs: 0, crashes: 1 });
    expect(after(0, 'execution_interrupted', { attempt: 2, crashesInRow: 1 })).toEqual({ kind: 'retry', delayMs: 0, crashes: 2 });
    expect(after(0, 'execution_interrupted', { attempt: 3, crashesInRow: 0 })).toEqual(dead('exhausted', 1));
  });

  test('an error after an interruption is the end', () => {
    expect(after(0, 'execution_threw', { attempt: 2, crashesInRow: 1 })).toEqual(dead('exhausted'));
  });
});

describe('what is final, and what nobody retries', () => {
  test.each([null, 'execution_canceled', 'execution_expired'] as const)('%s', (code) => {
    expect(after(20, code)).toEqual({ kind: 'final' });
  });

  test.each(['function_disabled', 'deployment_not_found', 'execution_hops_exceeded'] as const)('%s', (code) => {
    expect(after(20, code)).toEqual(dead('not_retried'));
  });

  test('an outcome that `on` leaves out', () => {
    expect(after({ on: ['timed_out'] }, 'execution_threw')).toEqual(dead('not_retried'));
    expect(after({ on: ['timed_out'] }, 'execution_timed_out').kind).toBe('retry');
    expect(after({ on: [] }, 'execution_crashed')).toEqual(dead('not_retried', 1));
  });

  test('an interruption, where the function runs at most once', () => {
    expect(after({ attempts: 5, interrupted: 'fail' }, 'execution_interrupted')).toEqual(dead('not_retried', 1));
    expect(after({ attempts: 5, interrupted: 'fail' }, 'execution_threw').kind).toBe('retry');
  });
});

describe('attempts', () => {
  test('a number is that many after the first', () => {
    expect(after(2, 'execution_threw', { attempt: 2 }).kind).toBe('retry');
    expect(after(2, 'execution_threw', { attempt: 3 })).toEqual(dead('exhausted'));
  });

  test('three crashes in a row are poison, whatever is left', () => {
    const codes = ['execution_crashed', 'execution_out_of_memory', 'execution_interrupted'] as const;
    for (const errorCode of codes) {
      expect(after({ attempts: 100 }, errorCode, { attempt: 7, crashesInRow: 2 })).toEqual(dead('poison', 3));
      expect(after({ attempts: 100 }, errorCode, { attempt: 7, crashesInRow: 1 })).toMatchObject({ kind: 'retry', crashes: 2 });
    }
  });

  test('another outcome ends the row', () => {
    expect(after({ attempts: 100 }, 'execution_threw', { attempt: 7, crashesInRow: 2 })).toMatchObject({ kind: 'retry', crashes: 0 });
  });

  test('a worker that cannot start is waited for, as the host may be short of something', () => {
    const policy = { backoff: { initial: 4, jitter: 0 } };
    expect(after(policy, 'worker_start_failed')).toEqual({ kind: 'retry', delayMs: 4000, crashes: 1 });
  });
});

describe('backoff', () => {
  const delay = (retries: Retries, attempt: number, random = 0.5) => {
    const decided = after(retries, 'execution_threw', { attempt, random });
    return decided.kind === 'retry' ? decided.delayMs : undefined;
  };

  test('grows by its factor up to its limit', () => {
    const retries = { attempts: 10, backoff: { initial: 0.5, factor: 3, max: 10, jitter: 0 } };
    expect([1, 2, 3, 4, 5].map((attempt) => delay(retries, attempt))).toEqual([500, 1500, 4500, 10_000, 10_000]);
  });

  test('is 1 s, 2 s, 4 s … with a fifth of jitter, where nothing is said', () => {
    expect([1, 2, 3].map((attempt) => delay(5, attempt))).toEqual([1000, 2000, 4000]);
    expect(delay(5, 1, 0)).toBe(800);
    expect(delay(5, 1, 1)).toBe(1200);
  });

  test('an initial delay above the limit is the limit', () => {
    expect(delay({ attempts: 3, backoff: { initial: 60, max: 1, jitter: 1 } }, 1, 1)).toBe(1000);
  });
});

const amount = (max: number) => fc.option(fc.double({ min: 0, max, noNaN: true }), { nil: undefined });
const anyRetries: fc.Arbitrary<Retries> = fc.oneof(
  fc.integer({ min: 0, max: 20 }),
  fc.record({
    attempts: fc.option(fc.integer({ min: 1, max: 100 }), { nil: undefined }),
    backoff: fc.record({
      initial: amount(86_400),
      factor: fc.option(fc.double({ min: 1, max: 100, noNaN: true }), { nil: undefined }),
      max: amount(604_800),
      jitter: amount(1),
    }),
    on: fc.option(fc.subarray([...retriedOutcomes]), { nil: undefined }),
    interrupted: fc.option(fc.constantFrom('retry', 'fail'), { nil: undefined }),
  }),
);
const retriedCode = fc.constantFrom<ErrorCode>('execution_threw', 'execution_timed_out', 'execution_crashed', 'execution_interrupted');
const anyCode = fc.oneof(
  { weight: 4, arbitrary: retriedCode },
  { weight: 1, arbitrary: fc.constantFrom(null, ...(Object.keys(errorSpecs) as ErrorCode[])) },
);
const chance = fc.double({ min: 0, max: 1, noNaN: true });

describe('any policy that the schema lets through', () => {
  test('waits a whole number of milliseconds within its limits', () => {
    fc.assert(
      fc.property(anyRetries, anyCode, fc.integer({ min: 1, max: 100 }), chance, (given, errorCode, attempt, random) => {
        const policy = policyOf(retriesSchema.parse(given));
        const decided = afterAttempt(policy, { attempt, errorCode, crashesInRow: 0 }, random);
        if (decided.kind !== 'retry') return;
        expect(Number.isSafeInteger(decided.delayMs)).toBe(true);
        expect(decided.delayMs).toBeGreaterThanOrEqual(0);
        expect(decided.delayMs).toBeLessThanOrEqual(Math.ceil(policy.backoff.maxMs));
      }),
      { numRuns: 500 },
    );
  });

  test('every job ends, within its attempts and after at most three crashes in a row', () => {
    fc.assert(
      fc.property(anyRetries, fc.infiniteStream(anyCode), chance, (given, codes, random) => {
        const policy = policyOf(given);
        const most = Math.max(policy.attempts, 3);
        let crashesInRow = 0;
        for (let attempt = 1; ; attempt += 1) {
          expect(attempt).toBeLessThanOrEqual(most);
          expect(crashesInRow).toBeLessThan(3);
          const { value: errorCode } = codes.next();
          const decided = afterAttempt(policy, { attempt, errorCode: errorCode ?? null, crashesInRow }, random);
          if (decided.kind !== 'retry') break;
          crashesInRow = decided.crashes;
        }
      }),
      { numRuns: 500 },
    );
  });

  test('a job that its server always interrupts ends by the third attempt', () => {
    fc.assert(
      fc.property(anyRetries, (given) => {
        let [attempt, crashesInRow] = [1, 0];
        for (; attempt < 10; attempt += 1) {
          const decided = after(given, 'execution_interrupted', { attempt, crashesInRow });
          if (decided.kind !== 'retry') break;
          crashesInRow = decided.crashes;
        }
        expect(attempt).toBeLessThanOrEqual(3);
      }),
    );
  });
});
