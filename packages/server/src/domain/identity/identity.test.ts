import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { mayExecute, type UserPrincipal } from '../principal.ts';
import { isPlatformHeader } from '../platform-headers.ts';
import { rolesProblem } from '../contract/execute-roles.ts';
import { takeOne } from './rate.ts';
import { encodeSession, readSession } from './session-secret.ts';
import { issuerProblem, labelsOf, subjectOf, type TrustedIssuer } from './trusted-issuer.ts';
import { rolesOfUser } from './user-roles.ts';

const ids = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,35}$/);
const facts = fc.record({
  userId: ids,
  verified: fc.boolean(),
  labels: fc.array(ids, { maxLength: 3 }),
  memberships: fc.array(fc.record({ id: ids, teamId: ids, roles: fc.array(ids, { maxLength: 2 }) }), { maxLength: 3 }),
});
const principalOf = (roles: readonly string[]): UserPrincipal => ({
  kind: 'user',
  projectId: 'p',
  userId: 'u',
  email: '',
  roles,
  sessionId: null,
  proof: 'token',
  token: '',
});

describe('roles of a user', () => {
  test('are all roles that a function may name, and each opens it', () => {
    fc.assert(
      fc.property(facts, (user) => {
        const roles = rolesOfUser(user);
        expect(new Set(roles).size).toBe(roles.length);
        for (const role of roles) {
          expect([role, rolesProblem([role])]).toEqual([role, undefined]);
          expect(mayExecute(principalOf(roles), 'p', [role])).toBe(true);
          expect(mayExecute(principalOf(roles), 'other', [role])).toBe(false);
        }
        expect(mayExecute(principalOf(roles), 'p', ['guests'])).toBe(false);
        expect(mayExecute(principalOf(roles), 'p', [`users/${user.verified ? 'unverified' : 'verified'}`])).toBe(false);
      }),
    );
  });
});

describe('a rate', () => {
  const rate = { requests: 10, perMs: 60_000 };
  test('lets the burst through and then one per share of the time', () => {
    let wholeAt: number | undefined;
    const take = (now: number) => {
      const taken = takeOne(rate, wholeAt, now);
      wholeAt = taken.wholeAt;
      return taken.verdict;
    };
    expect(Array.from({ length: 10 }, () => take(0).remaining)).toEqual([9, 8, 7, 6, 5, 4, 3, 2, 1, 0]);
    expect(take(0)).toEqual({ allowed: false, limit: 10, remaining: 0, resetMs: 60_000, retryMs: 6000 });
    expect(take(5999).allowed).toBe(false);
    expect(take(6000).allowed).toBe(true);
    expect(take(6000).allowed).toBe(false);
    expect(take(10_000_000).remaining).toBe(9);
  });

  test('never lets more through than the burst and the share of the time, whenever callers come', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 20_000 }), { maxLength: 200 }), fc.integer({ min: 1, max: 50 }), (gaps, requests) => {
        let now = 1_000_000;
        let wholeAt: number | undefined;
        let allowed = 0;
        for (const gap of gaps) {
          now += gap;
          const taken = takeOne({ requests, perMs: 60_000 }, wholeAt, now);
          wholeAt = taken.wholeAt;
          if (taken.verdict.allowed) allowed += 1;
          else expect(takeOne({ requests, perMs: 60_000 }, wholeAt, now + taken.verdict.retryMs).verdict.allowed).toBe(true);
        }
        expect(allowed).toBeLessThanOrEqual(requests + ((now - 1_000_000) / 60_000) * requests + 1e-3);
      }),
    );
  });

  test('does not lock out for longer than its time when the clock was set back', () => {
    expect(takeOne(rate, 10_000_000, 0).verdict.retryMs).toBeLessThanOrEqual(60_000);
  });
});

describe('the secret of a session', () => {
  test('comes back from its form, and nothing else is one', () => {
    const secret = `ms_${'a-_Z'.repeat(11).slice(0, 43)}`;
    expect(readSession(encodeSession('u1', secret))).toBe(secret);
    expect(readSession(secret)).toBe(secret);
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.base64String(),
          fc.json().map((text) => Buffer.from(text).toString('base64')),
        ),
        (text) => readSession(text) === undefined,
      ),
    );
  });
});

describe('platform headers', () => {
  test('are known in every case, with underscores and hyphens', () => {
    const names = fc.constantFrom('x-appwrite-', 'x-martlet-', 'base44-', 'x-open-runtimes-');
    const rest = fc.stringMatching(/^[a-z0-9_-]{0,12}$/);
    fc.assert(
      fc.property(names, rest, fc.array(fc.boolean(), { minLength: 40, maxLength: 40 }), (prefix, tail, flips) => {
        const spelled = [...(prefix + tail)]
          .map((letter, at) => (flips[at] === true ? (letter === '-' ? '_' : letter.toUpperCase()) : letter))
          .join('');
        expect([spelled, isPlatformHeader(spelled)]).toEqual([spelled, true]);
      }),
    );
  });
});

describe('a trusted issuer', () => {
  const issuer: TrustedIssuer = {
    issuer: 'https://id.example.com',
    audience: ['a'],
    jwksUrl: '',
    algorithms: ['RS256'],
    userClaim: 'sub',
    labelsClaim: 'roles',
  };
  test.each([
    ['http://id.example.com', 'issuer'],
    ['https://user:secret@id.example.com', 'issuer'],
    ['https://id.example.com?x', 'issuer'],
    ['nonsense', 'issuer'],
    ['file:///etc/passwd', 'issuer'],
  ])('is not at %s', (url, param) => {
    expect(issuerProblem({ ...issuer, issuer: url }, () => false)).toMatchObject({ param });
  });
  test('may be without TLS only where the operator has named it', () => {
    expect(issuerProblem({ ...issuer, issuer: 'http://10.0.0.1' }, (host) => host === '10.0.0.1')).toBeUndefined();
    expect(issuerProblem({ ...issuer, jwksUrl: 'http://10.0.0.1' }, () => false)).toMatchObject({ param: 'jwksUrl' });
  });
  test('names users by a text, and labels by a list or words', () => {
    expect([{ sub: 'a' }, { sub: '' }, { sub: 1 }, {}].map((claims) => subjectOf(claims, issuer))).toEqual([
      'a',
      undefined,
      undefined,
      undefined,
    ]);
    expect(labelsOf({ roles: ['vip', 'vip', 'a b', 7, null] }, issuer)).toEqual(['vip']);
    expect(labelsOf({ roles: 'a b' }, issuer)).toEqual(['a', 'b']);
  });
});
