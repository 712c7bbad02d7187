/**
 * Every route of the control API against every kind of caller, through a real server. What a caller may is read from
 * what the route declares, so that a new route is in here as soon as it exists, and fails when it declares nothing.
 */
import { createHmac } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defaultLimits, keyScopes } from '@martlet/protocol';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { encodeSession } from '../../src/domain/identity/session-secret.ts';
import { startPlatform, type TestPlatform } from '../platform/start-platform.ts';
import { AUDIENCE, startIssuer, type Issuer } from '../support/issuer.ts';

const PROJECT = 'default';
/** Answer before anybody is asked who they are; also to credentials that are refused elsewhere. */
const isUnasked = (path: string): boolean => path === '/v1/health/version' || path.startsWith('/v1/hooks/');
const data = mkdtempSync(join(tmpdir(), 'martlet-matrix-'));
let martlet: TestPlatform;
let issuer: Issuer;
let routes: Route[];

interface Route {
  readonly method: string;
  readonly path: string;
  /** Of keys: one is enough. */
  readonly scopes: readonly string[];
  readonly users: boolean;
  readonly guests: boolean;
  /** Asks for nothing. */
  readonly open: boolean;
}

type Expected =
  | 'passes'
  | 'general_unauthorized_scope'
  | 'user_jwt_invalid'
  | 'user_blocked'
  | 'project_key_expired'
  | 'general_access_forbidden';

interface Caller {
  readonly name: string;
  headers(route: Route): Record<string, string> | Promise<Record<string, string>>;
  expected(route: Route): Expected;
}

beforeAll(async () => {
  issuer = await startIssuer();
  const limits = {
    ...defaultLimits,
    apiRequestsPerMinute: 0,
    accountsPerHour: 1e6,
    anonymousSessionsPerHour: 1e6,
    signInsPerHour: 1e6,
    tokensPerMinute: 1e6,
    deviceLoginsPerHour: 1e6,
  };
  martlet = await startPlatform({ dataDir: data, limits, oidcPrivateHosts: [issuer.host] });
  const { users } = martlet.platform.services.identity;
  for (const id of ['ann', 'blocked']) await users.create(PROJECT, { id, name: id });
  await users.update(PROJECT, 'blocked', { blocked: true });
  await users.create('elsewhere', { id: 'ann' });
  await trustIssuer();
  routes = await readRoutes();
});
afterAll(async () => {
  await martlet.close();
  await issuer.close();
  rmSync(data, { recursive: true, force: true });
});

const trustIssuer = () =>
  martlet.platform.services.identity.issuers.put(PROJECT, {
    issuer: issuer.url,
    audience: [AUDIENCE],
    jwksUrl: '',
    algorithms: ['RS256', 'ES256'],
    userClaim: 'sub',
    labelsClaim: '',
  });

interface Operation {
  readonly security?: readonly Readonly<Record<string, readonly string[]>>[];
}

async function readRoutes(): Promise<Route[]> {
  const document = (await (await fetch(`${martlet.url}/v1/openapi.json`)).json()) as { paths: Record<string, Record<string, Operation>> };
  return Object.entries(document.paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, { security }]) => {
      if (security === undefined) throw new Error(`${method} ${path} does not declare who may use it: add openTo() or security: []`);
      return {
        method: method.toUpperCase(),
        path: path.replaceAll(/\{\w+\}/g, 'nothing-of-this-name'),
        scopes: security.flatMap(({ apiKey = [] }) => apiKey),
        users: security.some((each) => 'session' in each),
        guests: security.some((each) => Object.keys(each).length === 0),
        open: security.length === 0,
      };
    }),
  );
}

async function secretOf(projectId: string, userId: string): Promise<string> {
  return (await martlet.platform.services.identity.sessions.create({ projectId, userId, provider: 'server', ip: '', userAgent: '' }))
    .secret;
}
async function expiredSecret(): Promise<string> {
  const { row, secret } = await martlet.platform.services.identity.sessions.create({
    projectId: PROJECT,
    userId: 'ann',
    provider: 'server',
    ip: '',
    userAgent: '',
  });
  changeRow('update sessions set expires_at = 1 where id = ?', row.id);
  return secret;
}
const tokenOf = (projectId: string, userId: string, seconds = 300) =>
  martlet.platform.services.identity.sessions.token({ projectId, userId }, null, seconds);
async function keyWith(scopes: readonly string[], options: { project?: string; expiresAt?: number } = {}): Promise<string> {
  const { project = PROJECT, expiresAt = null } = options;
  return (await martlet.platform.services.keys.create(project, { name: 'matrix', scopes, expiresAt })).secret;
}

/** Keys are made for the future; this one is of the past since. */
async function expiredKey(): Promise<string> {
  const { row, secret } = await martlet.platform.services.keys.create(PROJECT, {
    name: 'expired',
    scopes: keyScopes,
    expiresAt: Date.now() + 60_000,
  });
  changeRow('update api_keys set expires_at = 1 where id = ?', row.id);
  return secret;
}
function changeRow(statement: string, id: string): void {
  const db = new DatabaseSync(join(data, 'martlet.db'));
  db.exec('pragma busy_timeout = 5000');
  db.prepare(statement).run(id);
  db.close();
}

const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const later = () => Math.floor(Date.now() / 1000) + 300;
const claims = () => ({ sub: 'ann', userId: 'ann', aud: PROJECT, exp: later() });
/** A token whose parts are the test's own; signed with HS256 by the secret. */
const forged = (header: object, payload: object, secret: string | Buffer = 'guess'): string => {
  const signed = `${encode(header)}.${encode(payload)}`;
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
};
const kidOf = (token: string): string => JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString()).kid;

const asGuest = (route: Route): Expected => (route.open || route.guests ? 'passes' : 'general_unauthorized_scope');
const asUser = (route: Route): Expected => (route.open || route.users ? 'passes' : 'general_unauthorized_scope');
const always =
  (refusal: Expected) =>
  (route: Route): Expected =>
    isUnasked(route.path) ? 'passes' : refusal;
const withToken = (token: string) => ({ 'x-appwrite-jwt': token });

const honest: Caller[] = [
  { name: 'a guest', headers: () => ({}), expected: asGuest },
  {
    name: 'a user with a session in a header',
    headers: async () => ({ 'x-appwrite-session': encodeSession('ann', await secretOf(PROJECT, 'ann')) }),
    expected: asUser,
  },
  {
    name: 'a user with a session in a cookie',
    headers: async () => ({
      cookie: `other=1; a_session_${PROJECT}=${encodeURIComponent(encodeSession('ann', await secretOf(PROJECT, 'ann')))}`,
    }),
    expected: asUser,
  },
  {
    name: 'a user with a session that the page has kept',
    headers: async () => ({
      'x-fallback-cookies': JSON.stringify({ [`a_session_${PROJECT}`]: encodeSession('ann', await secretOf(PROJECT, 'ann')) }),
    }),
    expected: asUser,
  },
  {
    name: 'a user with a session as a bearer',
    headers: async () => ({ authorization: `Bearer ${await secretOf(PROJECT, 'ann')}` }),
    expected: asUser,
  },
  { name: 'a user with a token', headers: async () => withToken(await tokenOf(PROJECT, 'ann')), expected: asUser },
  {
    name: 'a user with a token as a bearer',
    headers: async () => ({ authorization: `Bearer ${await tokenOf(PROJECT, 'ann')}` }),
    expected: asUser,
  },
  { name: 'a user of the issuer', headers: async () => withToken(await issuer.token({ sub: 'olga' })), expected: asUser },
  {
    name: 'a key with just the scope',
    headers: async ({ scopes }) => ({ 'x-martlet-key': await keyWith(scopes.slice(0, 1)) }),
    expected: (route) => (route.open || route.scopes.length > 0 ? 'passes' : 'general_unauthorized_scope'),
  },
  {
    name: 'a key with every other scope',
    headers: async ({ scopes }) => ({ 'x-appwrite-key': await keyWith(keyScopes.filter((scope) => !scopes.includes(scope))) }),
    expected: (route) => (route.open || route.scopes.includes('health.read') ? 'passes' : 'general_unauthorized_scope'),
  },
];

const refused: Caller[] = [
  {
    name: 'a key that has expired',
    headers: async () => ({ 'x-martlet-key': await expiredKey() }),
    expected: always('project_key_expired'),
  },
  {
    name: 'a key of another project',
    headers: async () => ({ 'x-martlet-key': await keyWith(keyScopes, { project: 'elsewhere' }), 'x-appwrite-project': PROJECT }),
    expected: always('general_access_forbidden'),
  },
  { name: 'a key that nobody made', headers: () => ({ 'x-martlet-key': `mk_${'x'.repeat(43)}` }), expected: asGuest },
  {
    name: 'a user of another project',
    headers: async () => ({ 'x-appwrite-session': await secretOf('elsewhere', 'ann'), 'x-appwrite-project': PROJECT }),
    expected: asGuest,
  },
  {
    name: 'a token of another project',
    headers: async () => ({ ...withToken(await tokenOf('elsewhere', 'ann')), 'x-appwrite-project': PROJECT }),
    expected: always('user_jwt_invalid'),
  },
  {
    name: 'a blocked user with a session',
    headers: async () => ({ 'x-appwrite-session': await secretOf(PROJECT, 'blocked') }),
    expected: always('user_blocked'),
  },
  {
    name: 'a blocked user with a token',
    headers: async () => withToken(await tokenOf(PROJECT, 'blocked')),
    expected: always('user_blocked'),
  },
  { name: 'a session that has expired', headers: async () => ({ 'x-appwrite-session': await expiredSecret() }), expected: asGuest },
  {
    name: 'a session that nobody has',
    headers: () => ({ 'x-appwrite-session': encodeSession('ann', `ms_${'x'.repeat(43)}`) }),
    expected: asGuest,
  },
  {
    name: 'a session of somebody else under the own name',
    headers: async () => ({ 'x-appwrite-session': encodeSession('root', await secretOf(PROJECT, 'ann')) }),
    expected: asUser,
  },
  {
    name: 'a token that has expired',
    headers: async () => withToken(await tokenOf(PROJECT, 'ann', -61)),
    expected: always('user_jwt_invalid'),
  },
  { name: 'a token within the skew of clocks', headers: async () => withToken(await tokenOf(PROJECT, 'ann', -30)), expected: asUser },
  {
    name: 'a token of a user who is gone',
    headers: async () => withToken(await tokenOf(PROJECT, 'gone')),
    expected: always('user_jwt_invalid'),
  },
  {
    name: 'a token of the issuer that has expired',
    headers: async () => withToken(await issuer.token({ sub: 'olga' }, { expiresIn: -61 })),
    expected: always('user_jwt_invalid'),
  },
  {
    name: 'a token of the issuer that is not valid yet',
    headers: async () => withToken(await issuer.token({ sub: 'olga' }, { notBeforeIn: 120 })),
    expected: always('user_jwt_invalid'),
  },
  {
    name: 'a token of the issuer for somebody else',
    headers: async () => withToken(await issuer.token({ sub: 'olga' }, { audience: 'another-app' })),
    expected: always('user_jwt_invalid'),
  },
  {
    name: 'a token of another issuer',
    headers: async () => withToken(await issuer.token({ sub: 'olga' }, { issuer: 'https://evil.example' })),
    expected: always('user_jwt_invalid'),
  },
  {
    name: 'a token of the issuer without a user',
    headers: async () => withToken(await issuer.token({})),
    expected: always('user_jwt_invalid'),
  },
  {
    name: 'a token of the issuer with the id of an own user',
    headers: async () => withToken(await issuer.token({ sub: 'ann' })),
    expected: always('user_jwt_invalid'),
  },
];

/** Forged by those who know everything but the secret. */
const forgeries: [name: string, make: () => string | Promise<string>][] = [
  [
    'alg none, with the right kid',
    async () => `${encode({ alg: 'none', kid: kidOf(await tokenOf(PROJECT, 'ann')) })}.${encode(claims())}.`,
  ],
  ['alg None, and a signature', async () => forged({ alg: 'None', kid: kidOf(await tokenOf(PROJECT, 'ann')) }, claims())],
  [
    'alg none of the issuer',
    () => `${encode({ alg: 'none', kid: 'k1' })}.${encode({ iss: issuer.url, aud: AUDIENCE, sub: 'olga', exp: later() })}.`,
  ],
  ['another secret', async () => forged({ alg: 'HS256', kid: kidOf(await tokenOf(PROJECT, 'ann')) }, claims())],
  ['an empty secret', async () => forged({ alg: 'HS256', kid: kidOf(await tokenOf(PROJECT, 'ann')) }, claims(), '')],
  [
    'its payload changed',
    async () => (await tokenOf(PROJECT, 'ann')).replace(/\.[^.]+\./, `.${encode({ ...claims(), userId: 'blocked' })}.`),
  ],
  ['its signature cut off', async () => (await tokenOf(PROJECT, 'ann')).replace(/[^.]+$/, '')],
  ['a kid of a path', () => forged({ alg: 'HS256', kid: `${PROJECT}~../../../dev/null` }, claims(), '')],
  ['a kid of SQL', () => forged({ alg: 'HS256', kid: `${PROJECT}~' or 1=1 --` }, claims())],
  ['a kid that is no text', () => forged({ alg: 'HS256', kid: { toString: 'x' } }, claims())],
  ['a kid that nobody has', () => forged({ alg: 'HS256', kid: `${PROJECT}~unknown1` }, claims())],
  ['a kid of another project', async () => forged({ alg: 'HS256', kid: kidOf(await tokenOf('elsewhere', 'ann')) }, claims())],
  ['the kid of a prototype', () => forged({ alg: 'HS256', kid: '__proto__~constructor' }, claims())],
  ['no kid', () => forged({ alg: 'HS256' }, claims())],
  ['its own key inside', () => forged({ alg: 'HS256', kid: `${PROJECT}~x`, jwk: { kty: 'oct', k: encode({}) } }, claims())],
  ['a key set of its own', () => forged({ alg: 'HS256', kid: `${PROJECT}~x`, jku: 'https://evil.example/keys' }, claims())],
  [
    'a critical header',
    async () => forged({ alg: 'HS256', kid: kidOf(await tokenOf(PROJECT, 'ann')), crit: ['exp'], exp: later() }, claims()),
  ],
  [
    'the public key of the issuer as its secret',
    async () =>
      forged({ alg: 'HS256', kid: 'k1' }, { iss: issuer.url, aud: AUDIENCE, sub: 'olga', exp: later() }, await issuer.publicKeyText()),
  ],
  [
    'an algorithm that is not allowed',
    async () => (await issuer.token({ sub: 'olga' })).replace(/^[^.]+/, encode({ alg: 'RS512', kid: 'k1' })),
  ],
  ['a kid that the issuer does not have', () => issuer.token({ sub: 'olga' }, { kid: 'k2' })],
  ['no payload', () => `${encode({ alg: 'HS256', kid: `${PROJECT}~x` })}..`],
  ['nothing in it', () => '..'],
  ['no dots', () => 'nonsense'],
];
const forgers: Caller[] = forgeries.map(([name, make]) => ({
  name: `a token with ${name}`,
  headers: async () => withToken(await make()),
  expected: always('user_jwt_invalid'),
}));

const REFUSALS = new Set([
  'general_unauthorized_scope',
  'user_jwt_invalid',
  'user_blocked',
  'project_key_expired',
  'general_access_forbidden',
  'user_jwt_and_cookie_set',
]);

async function outcomeOf(route: Route, caller: Caller): Promise<string> {
  const signal = AbortSignal.timeout(10_000);
  const response = await fetch(martlet.url + route.path, { method: route.method, headers: await caller.headers(route), signal });
  if (response.headers.get('content-type')?.includes('text/event-stream') === true) {
    await response.body?.cancel();
    return 'passes';
  }
  const text = await response.text();
  const type = text.startsWith('{') ? (JSON.parse(text) as { type?: unknown }).type : undefined;
  if (response.status >= 500) return `${response.status} ${text}`;
  return typeof type === 'string' && REFUSALS.has(type) ? type : 'passes';
}

describe('every route answers as it declares', () => {
  test('and there are many', () => {
    expect(routes.length).toBeGreaterThan(70);
    expect(
      routes
        .filter(({ open }) => open)
        .map(({ path }) => path)
        .toSorted(),
    ).toEqual([
      '/v1/functions/runtimes',
      '/v1/health/version',
      '/v1/hooks/nothing-of-this-name',
      '/v1/hooks/nothing-of-this-name/nothing-of-this-name',
      '/v1/login/device',
      '/v1/login/device/token',
    ]);
  });

  test.each([...honest, ...refused, ...forgers].map((caller) => [caller.name, caller] as const))('to %s', async (_name, caller) => {
    const found: string[] = [];
    const expected: string[] = [];
    for (const route of routes) {
      // Without the issuer nothing of its tokens could be told.
      if (route.path === '/v1/project/oidc' && route.method === 'DELETE' && caller.expected(route) === 'passes') continue;
      found.push(`${route.method} ${route.path}: ${await outcomeOf(route, caller)}`);
      expected.push(`${route.method} ${route.path}: ${caller.expected(route)}`);
    }
    expect(found).toEqual(expected);
  });
});

describe('the token of an execution', () => {
  test('has the scopes of its function while it runs, and none after it', async () => {
    await martlet.deployCode(
      'holds',
      `export default (request) => {
        const timer = {};
        const body = new ReadableStream({
          start(controller) { controller.enqueue(new TextEncoder().encode(request.headers.get('x-appwrite-key') + '\\n')); timer.id = setInterval(() => {}, 1000); },
          cancel() { clearInterval(timer.id); },
        });
        return new Response(body);
      };`,
      { scopes: ['users.read'] },
    );
    const stop = new AbortController();
    const response = await martlet.call('holds', { signal: stop.signal });
    const first = await response.body?.getReader().read();
    const token = new TextDecoder().decode(first?.value).trim();
    expect(token).toMatch(/^mx_/);
    const caller: Caller = {
      name: 'an execution',
      headers: () => ({ authorization: `Bearer ${token}` }),
      expected: (route) =>
        route.open || route.scopes.some((scope) => scope === 'users.read' || scope === 'health.read')
          ? 'passes'
          : 'general_unauthorized_scope',
    };
    for (const route of routes) expect([route, await outcomeOf(route, caller)]).toEqual([route, caller.expected(route)]);
    stop.abort();
    const list = () => fetch(`${martlet.url}/v1/users`, { headers: { authorization: `Bearer ${token}` } });
    await expect.poll(async () => (await list()).status).toBe(401);
  });
});
