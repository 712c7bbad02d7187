import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { assertFunctionName, candidateNames, functionNameProblem } from './function-name.ts';

describe('functionNameProblem()', () => {
  test.each(['hello', 'orders/process', 'a.b_c-d', 'A1/b2/c3', '0'])('allows %s', (name) => {
    expect(functionNameProblem(name)).toBeUndefined();
  });

  test.each([
    '',
    '/',
    'a/',
    '/a',
    'a//b',
    '..',
    'a/../b',
    '.hidden',
    '-x',
    'a b',
    'a\\b',
    'a\0b',
    'a%2fb',
    'ü',
    'shared',
    'shared/x',
    'openapi.json',
    'x'.repeat(129),
  ])('refuses %j', (name) => {
    expect(functionNameProblem(name)).toBeDefined();
    expect(() => assertFunctionName(name)).toThrow(/Cannot use the function name/);
  });
});

describe('candidateNames()', () => {
  test('lists what a path may mean, longest first', () => {
    expect(candidateNames('a/b/c')).toEqual(['a/b/c', 'a/b', 'a']);
  });

  test('never gives a name that is not allowed, nor more than eight', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 300 }), (path) => {
        const names = candidateNames(path);
        expect(names.length).toBeLessThanOrEqual(8);
        for (const name of names) {
          expect(functionNameProblem(name)).toBeUndefined();
          expect(path.startsWith(name)).toBe(true);
        }
      }),
    );
  });
});
