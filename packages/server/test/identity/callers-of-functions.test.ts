/** What functions learn of who calls them, and who may call: through a real server and a real sandbox. */
import fs from 'node:fs';
import { defaultLimits } from '@martlet/protocol';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { encodeSession } from '../../src/domain/identity/session-secret.ts';
import { startPlatform, type TestPlatform } from '../platform/start-platform.ts';

let martlet: TestPlatform;
let secret: string;
const PROJECT = 'default';
const SEES = `export default (request, ctx) => Response.json({ user: ctx.user ?? null, headers: Object.fromEntries(request.headers) });`;

beforeAll(async () => {
  martlet = await startPlatform();
  const { users, teams, sessions } = martlet.platform.services.identity;
  await users.create(PROJECT, { id: 'ann', email: 'ann@example.com' });
  await users.update(PROJECT, 'ann', { labels: ['vip'] });
  await teams.create(PROJECT, 'crew', 'Crew');
  await teams.addMember(PROJECT, 'crew', { userId: 'ann', roles: ['owner'] });
  await users.create(PROJECT, { id: 'bob' });
  ({ secret } = await sessions.create({ projectId: PROJECT, userId: 'ann', provider: 'server', ip: '', userAgent: '' }));
  await martlet.deployCode('sees', SEES);
});
afterAll(() => martlet.close());

const tokenOf = (userId: string, project = PROJECT) =>
  martlet.platform.services.identity.sessions.token({ projectId: project, userId }, null, 300);

interface Seen {
  readonly user: { readonly id: string } | null;
  readonly headers: Record<string, string>;
}
async function seenBy(headers: Record<string, string>): Promise<Seen> {
  const response = await martlet.call('sees', { headers });
  expect(response.status).toBe(200);
  return (await response.json()) as Seen;
}
const accountOf = (headers: Record<string, string>) =>
  fetch(`${martlet.url}/v1/account`, { headers }).then(async (response) => ((await response.json()) as { $id?: string }).$id);

describe('a function', () => {
  const ways: [string, () => Record<string, string>][] = [
    ['a header', () => ({ 'x-appwrite-session': encodeSession('ann', secret) })],
    ['our header', () => ({ 'X-Martlet-Session': secret })],
    ['a cookie', () => ({ cookie: `theme=dark; a_session_${PROJECT}=${encodeSession('ann', secret)}; lang=en` })],
    ['what a page has kept', () => ({ 'x-fallback-cookies': JSON.stringify({ [`a_session_${PROJECT}`]: encodeSession('ann', secret) }) })],
    ['a bearer', () => ({ authorization: `Bearer ${secret}` })],
    ['a bearer in the form of the contract', () => ({ authorization: `Bearer ${encodeSession('ann', secret)}` })],
  ];
  test.each(ways)('knows a user with a session in %s, gets a token, and never the session', async (_way, headers) => {
    const seen = await seenBy(headers());
    expect(seen.user).toEqual({ id: 'ann' });
    expect(seen.headers['x-appwrite-user-id']).toBe('ann');
    const jwt = seen.headers['x-appwrite-user-jwt'] ?? '';
    expect(seen.headers['authorization']).toBe(`Bearer ${jwt}`);
    expect(JSON.stringify(seen)).not.toContain(secret);
    expect(JSON.stringify(seen)).not.toContain(encodeSession('ann', secret).slice(0, 40));
    if ('cookie' in headers()) expect(seen.headers['cookie']).toBe('theme=dark; lang=en');
    expect(await accountOf({ 'x-appwrite-jwt': jwt })).toBe('ann');
    expect(await accountOf({ authorization: `Bearer ${jwt}` })).toBe('ann');
    const service = seen.headers['base44-service-authorization'] ?? '';
    expect(service).toBe(`Bearer ${seen.headers['x-appwrite-key']}`);
    // It ends with the execution.
    await expect.poll(async () => (await fetch(`${martlet.url}/v1/users`, { headers: { authorization: service } })).status).toBe(401);
  });

  test('gets the very token that its caller shows, which so does not live longer', async () => {
    const jwt = await tokenOf('ann');
    for (const headers of [{ 'x-appwrite-jwt': jwt }, { authorization: `Bearer ${jwt}` }] as Record<string, string>[])
      expect((await seenBy(headers)).headers).toMatchObject({ 'x-appwrite-user-jwt': jwt, authorization: `Bearer ${jwt}` });
  });

  test('gets no user from guests, keys, stale sessions, users of other projects and bearers that are meant for itself', async () => {
    await martlet.platform.services.identity.users.create('elsewhere', { id: 'ann' });
    const other = await martlet.platform.services.identity.sessions.create({
      projectId: 'elsewhere',
      userId: 'ann',
      provider: 'server',
      ip: '',
      userAgent: '',
    });
    const strangers: Record<string, string>[] = [
      {},
      { 'x-martlet-key': martlet.headers['x-martlet-key'] ?? '' },
      { 'x-appwrite-session': `ms_${'x'.repeat(43)}` },
      { 'x-appwrite-session': other.secret, 'x-appwrite-project': PROJECT },
      { authorization: 'Bearer whatever-the-function-wants' },
      { authorization: 'Basic dXNlcjpwYXNz' },
      { cookie: `a_session_elsewhere=${encodeSession('ann', secret)}` },
      { cookie: `a_session_${PROJECT}=${encodeSession('ann', secret)}`, origin: 'https://evil.example' },
    ];
    for (const headers of strangers) {
      const seen = await seenBy(headers);
      expect([headers, seen.user, seen.headers['x-appwrite-user-id'], seen.headers['x-appwrite-user-jwt']]).toEqual([
        headers,
        null,
        '',
        '',
      ]);
      expect(seen.headers['authorization']).toBe(headers['authorization']);
      expect(JSON.stringify(seen)).not.toContain(secret);
    }
  });

  test('acts for the user who is shown beside a key', async () => {
    const seen = await seenBy({ 'x-appwrite-key': martlet.headers['x-martlet-key'] ?? '', 'x-appwrite-jwt': await tokenOf('bob') });
    expect([seen.user, seen.headers['x-appwrite-user-id']]).toEqual([{ id: 'bob' }, 'bob']);
  });

  test('is not reached with a token that is forged, has expired, or is of a blocked user', async () => {
    const jwt = await tokenOf('ann');
    const expired = await martlet.platform.services.identity.sessions.token({ projectId: PROJECT, userId: 'ann' }, null, -61);
    const { users } = martlet.platform.services.identity;
    await users.create(PROJECT, { id: 'mallory' });
    const blocked = await tokenOf('mallory');
    expect((await seenBy({ 'x-appwrite-jwt': blocked })).user).toEqual({ id: 'mallory' });
    await users.update(PROJECT, 'mallory', { blocked: true });
    for (const [token, status, code] of [
      [`${jwt.slice(0, -4)}AAAA`, 401, 'USER_JWT_INVALID'],
      [expired, 401, 'USER_JWT_INVALID'],
      [blocked, 403, 'USER_BLOCKED'],
    ] as const)
      for (const headers of [{ 'x-appwrite-jwt': token }, { authorization: `Bearer ${token}` }] as Record<string, string>[]) {
        const response = await martlet.call('sees', { headers });
        const text = await response.text();
        expect([response.status, (JSON.parse(text) as { code: string }).code]).toEqual([status, code]);
        expect(text).not.toContain(token.slice(-20));
      }
  });
});

describe('platform headers of a caller', () => {
  test('never reach a function, in any spelling, case and number; through a raw socket', async () => {
    const names = [
      'x-appwrite-user-id',
      'X-Appwrite-User-Id',
      'x_appwrite_user_id',
      'X_APPWRITE-user_ID',
      'x-appwrite-user-jwt',
      'x-appwrite-trigger',
      'x-appwrite-key-',
      'x-appwrite-',
      'x-appwrite-new-of-tomorrow',
      'X-Martlet-Execution-Id',
      'x_martlet_anything',
      'x-martlet-attempt',
      'Base44-App-Id',
      'base44_service_authorization',
      'BASE44-STATE',
      'Base44_Api-Url',
      'x-data-env',
      'X_Data_Env',
      'x-open-runtimes-secret',
      'x_forwarded_for',
      'CF_Connecting_IP',
      'x-fallback-cookies',
      'X_Fallback_Cookies',
    ];
    const lines = names.flatMap((name) => [`${name}: canary-${name}`, `${name}:canary-again`, `${name}: \t canary-third`]);
    const answer = await martlet.send(
      `GET /functions/sees HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Mine: kept\r\n${lines.join('\r\n')}\r\n\r\n`,
    );
    expect(answer).toContain('HTTP/1.1 200');
    const seen = JSON.parse(answer.slice(answer.indexOf('{'), answer.lastIndexOf('}') + 1)) as Seen;
    expect(JSON.stringify(seen)).not.toContain('canary');
    expect(seen.headers['x-mine']).toBe('kept');
    expect([seen.user, seen.headers['x-appwrite-user-id']]).toEqual([null, '']);
    expect(Object.keys(seen.headers).filter((name) => name.includes('_'))).toEqual([]);
  });
});

describe('execute roles', () => {
  const cases: [roles: string[], guest: boolean, ann: boolean, bob: boolean][] = [
    [['any'], true, true, true],
    [['guests'], true, false, false],
    [['users'], false, true, true],
    [['users/verified'], false, false, false],
    [['users/unverified'], false, true, true],
    [['user:ann'], false, true, false],
    [['label:vip'], false, true, false],
    [['team:crew'], false, true, false],
    [['team:crew/owner'], false, true, false],
    [['team:crew/guest'], false, false, false],
    [[], false, false, false],
  ];
  test('decide who may call, on both ways in; a key always may', async () => {
    const id = await martlet.deployCode('guarded', `export default () => new Response('in');`);
    const callers: Record<string, string>[] = [
      {},
      { 'x-appwrite-jwt': await tokenOf('ann') },
      { 'x-appwrite-jwt': await tokenOf('bob') },
      { 'x-martlet-key': martlet.headers['x-martlet-key'] ?? '' },
    ];
    for (const [execute, ...allowed] of cases) {
      await martlet.api('PUT', `/v1/functions/${id}`, { name: 'guarded', execute });
      for (const [at, headers] of callers.entries()) {
        const expected = allowed[at] ?? true;
        const direct = await martlet.call('guarded', { headers });
        const recorded = await fetch(`${martlet.url}/v1/functions/${id}/executions`, { method: 'POST', headers });
        expect([execute, at, direct.status, recorded.status]).toEqual([execute, at, expected ? 200 : 401, expected ? 201 : 401]);
        if (!expected) expect(await recorded.text()).toContain('"type":"user_unauthorized"');
      }
    }
  });
});

describe('executions', () => {
  test('are seen by the user they ran for, without logs; by keys with them; by nobody else', async () => {
    await martlet.deployCode('logs', `export default (_request, ctx) => { ctx.log('canary in the log'); return new Response('ok'); };`);
    const ann = { 'x-appwrite-jwt': await tokenOf('ann') };
    const bob = { 'x-appwrite-jwt': await tokenOf('bob') };
    const response = await martlet.call('logs', { headers: ann });
    const id = response.headers.get('x-martlet-execution-id') ?? '';
    expect((await martlet.recordOf(id)).logs).toContain('canary in the log');
    const get = (path: string, headers: Record<string, string>) => fetch(martlet.url + path, { headers });
    const own = await get(`/v1/executions/${id}`, ann);
    const text = await own.text();
    expect([own.status, text.includes('canary'), JSON.parse(text).$permissions]).toEqual([200, false, ['read("user:ann")']]);
    expect((await get(`/v1/executions/${id}`, bob)).status).toBe(404);
    expect((await get(`/v1/executions/${id}`, {})).status).toBe(401);
    const listed = async (headers: Record<string, string>) =>
      ((await (await get('/v1/executions', headers)).json()) as { executions: { $id: string }[] }).executions.map(({ $id }) => $id);
    expect(await listed(ann)).toContain(id);
    expect(await listed(bob)).not.toContain(id);
    expect((await get(`/v1/executions/${id}/logs?follow=false`, ann)).status).not.toBe(200);
  });

  test('that nobody waits for know their user, too', async () => {
    const id = (await martlet.api('GET', '/v1/functions?path=sees')).body as { functions: { $id: string }[] };
    await martlet.deployCode(
      'later',
      `export default (request, ctx) => { ctx.log(JSON.stringify([ctx.user, request.headers.get('x-appwrite-user-jwt')])); return new Response('ok'); };`,
    );
    const later = ((await martlet.api('GET', '/v1/functions?path=later')).body as typeof id).functions[0]?.$id ?? '';
    const headers = { 'x-appwrite-jwt': await tokenOf('ann'), 'content-type': 'application/json' };
    const accepted = await fetch(`${martlet.url}/v1/functions/${later}/executions`, {
      method: 'POST',
      headers,
      body: JSON.stringify({ async: true }),
    });
    expect(accepted.status).toBe(202);
    const record = await martlet.recordOf(((await accepted.json()) as { $id: string }).$id);
    const [user, jwt] = JSON.parse(record.logs) as [{ id: string }, string];
    expect(user).toEqual({ id: 'ann' });
    expect(await accountOf({ 'x-appwrite-jwt': jwt })).toBe('ann');
  });
});

test('calls may be bounded by caller', async () => {
  const own = await startPlatform({ limits: { ...defaultLimits, callsPerMinute: 2 } });
  await own.deployCode('sees', SEES);
  const call = (headers: Record<string, string> = {}) => own.call('sees', { headers });
  const statuses: number[] = [];
  for (let n = 0; n < 3; n += 1) statuses.push((await call()).status);
  expect(statuses).toEqual([200, 200, 429]);
  expect(Number((await call()).headers.get('retry-after'))).toBeGreaterThan(0);
  expect((await call({ 'x-martlet-key': own.headers['x-martlet-key'] ?? '' })).status).toBe(200);
  await own.close();
});

test('the log of the server names no credential, also where it fails', async () => {
  const written: string[] = [];
  const own = await startPlatform({ logLevel: 'debug' });
  const spy = vi.spyOn(fs, 'write').mockImplementation(((
    _file: number,
    text: string,
    _encoding: string,
    done: (error: null, bytes: number) => void,
  ) => {
    written.push(text);
    done(null, Buffer.byteLength(text));
  }) as never);
  Reflect.set(own.platform.services.executions, 'list', () => Promise.reject(new TypeError('a failure of the test')));
  const key = own.headers['x-martlet-key'] ?? '';
  const ann = await own.platform.services.identity.users.create(PROJECT, { id: 'ann' });
  const owner = { projectId: PROJECT, userId: ann.id };
  const made = await own.platform.services.identity.sessions.create({ ...owner, provider: 'server', ip: '', userAgent: '' });
  const jwt = await own.platform.services.identity.sessions.token(owner, null, 300);
  const shown: Record<string, string>[] = [
    { 'x-martlet-key': key },
    { authorization: `Bearer ${key}` },
    { 'x-appwrite-jwt': jwt },
    { authorization: `Bearer ${made.secret}` },
    { cookie: `a_session_${PROJECT}=${encodeSession('ann', made.secret)}` },
  ];
  for (const headers of shown) expect((await fetch(`${own.url}/v1/executions`, { headers })).status).toBe(500);
  await own.close();
  spy.mockRestore();
  const log = written.join('');
  expect(log).toContain('a failure of the test');
  for (const text of [key, made.secret, encodeSession('ann', made.secret), jwt, jwt.split('.')[2] ?? jwt]) expect(log).not.toContain(text);
});
