import { describe, expect, test } from 'vitest';
import { describeConfigProblems, functionConfigSchema, retriesSchema } from './function-config.ts';

describe('retries', () => {
  test.each([
    0,
    20,
    {},
    { attempts: 100 },
    { attempts: 3, backoff: { initial: 0.5, factor: 2, max: 60, jitter: 0 }, on: ['threw', 'timed_out'], interrupted: 'fail' },
  ])('%j are taken as they are', (retries) => expect(retriesSchema.parse(retries)).toEqual(retries));

  test.each([
    [21, 'config.retries: Too big: expected number to be <=20'],
    [-1, 'config.retries: Too small: expected number to be >=0'],
    [1.5, 'config.retries: Invalid input: expected int, received number'],
    ['3', 'config.retries: must be a whole number from 0 to 20, or an object with attempts, backoff, on, interrupted'],
    [[], 'config.retries: must be a whole number from 0 to 20, or an object'],
    [null, 'config.retries: must be a whole number from 0 to 20, or an object'],
    [{ attempts: 0 }, 'config.retries.attempts: Too small: expected number to be >=1'],
    [{ attempts: 101 }, 'config.retries.attempts: Too big: expected number to be <=100'],
    [{ attempts: '3' }, 'config.retries: attempts: Invalid input: expected number, received string'],
    [{ attempts: 0, tries: 3 }, 'config.retries: unknown key "tries"; known are attempts, backoff, on, interrupted'],
    [{ backoff: { jitter: 1.01 } }, 'config.retries.backoff.jitter: Too big: expected number to be <=1'],
    [{ backoff: { factor: 'x', initial: 'y' } }, 'backoff.factor: Invalid input: expected number, received string'],
    [{ backoff: { start: 1 } }, 'config.retries.backoff: unknown key "start"; known are initial, factor, max, jitter'],
    [{ on: ['threw', 'bored'] }, 'on.1: Invalid option: expected one of "threw"|"timed_out"'],
    [{ interrupted: 'maybe' }, 'interrupted: Invalid option: expected one of "retry"|"fail"'],
  ])('%j are refused with the field and what is allowed', (retries, problem) => {
    const { error } = functionConfigSchema.safeParse({ retries });
    if (error === undefined) throw new Error('it was taken');
    expect(describeConfigProblems(error, 'config')).toContain(problem);
  });
});
