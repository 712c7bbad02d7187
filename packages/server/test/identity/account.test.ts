import { membershipResource, sessionResource, teamResource, userResource } from '@martlet/protocol';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openApi, type Answer, type CallOptions, type OpenApi } from '../api/open-api.ts';

let bed: OpenApi;
beforeAll(async () => {
  bed = await openApi({ origins: ['https://app.example.com'], limits: { accountsPerHour: 50, sessionsPerUser: 3 } });
});
afterAll(() => bed.close());

const guest = (path: string, options: CallOptions = {}) => bed.call(path, { key: null, ...options });
const signUp = (email: string, options: object = {}) =>
  guest('/v1/account', { json: { userId: 'unique()', email, password: 'long enough', ...options } });
const signIn = (email: string, password = 'long enough', headers: Record<string, string> = {}) =>
  guest('/v1/account/sessions/email', { json: { email, password }, headers });
const cookieOf = ({ headers }: Answer): string => {
  const cookie = headers.getSetCookie().find((each) => each.startsWith('a_session_default='));
  return cookie?.split(';')[0] ?? '';
};
const asUser = (session: Answer) => ({ cookie: cookieOf(session) });

describe('an account', () => {
  test('is created, signs in, and sees itself', async () => {
    const created = await signUp('Ann@Example.com', { name: 'Ann' });
    expect(created.status).toBe(201);
    expect(userResource.strict().parse(created.body)).toMatchObject({ email: 'ann@example.com', name: 'Ann', status: true, labels: [] });
    const session = await signIn(' ANN@example.com ');
    expect(session.status).toBe(201);
    expect(sessionResource.strict().parse(session.body)).toMatchObject({ provider: 'email', current: true, secret: '', ip: '203.0.113.7' });
    expect(session.headers.getSetCookie()).toHaveLength(2);
    expect(session.headers.getSetCookie()[1]).toMatch(/; path=\/; expires=.* GMT; HttpOnly; SameSite=Lax$/);
    const { body } = await guest('/v1/account', { headers: asUser(session) });
    expect(body).toMatchObject({ $id: created.body.$id, email: 'ann@example.com' });
    expect((await guest('/v1/account/sessions/current', { headers: asUser(session) })).body).toMatchObject({
      $id: session.body.$id,
      current: true,
    });
  });

  test('is refused with the parameter and the reason', async () => {
    const problems: [object, string][] = [
      [{ email: 'nobody' }, 'Invalid `email` param: Value must be a valid email address'],
      [{ password: 'short' }, 'Invalid `password` param: Password must be between 8 and 256 characters long.'],
      [{ userId: '_x' }, 'Invalid `userId` param: Parameter must contain at most 36 chars.'],
      [{ userId: 'oidc.abc' }, 'Invalid `userId` param: ids that begin with "oidc."'],
      [{ name: 'x'.repeat(129) }, 'Invalid `name` param: Value must be a valid string and no longer than 128 chars'],
    ];
    for (const [change, message] of problems) {
      const { status, body } = await signUp('x@example.com', change);
      expect([status, body.message]).toEqual([400, expect.stringContaining(message)]);
    }
    await signUp('twice@example.com');
    expect((await signUp('TWICE@example.com')).body).toMatchObject({ code: 409, type: 'user_already_exists' });
  });

  test('says the same of a wrong password and of an address that nobody has', async () => {
    const wrong = await signIn('ann@example.com', 'wrong password');
    const unknown = await signIn('nobody@example.com', 'wrong password');
    expect(wrong.body).toMatchObject({ code: 401, type: 'user_invalid_credentials' });
    expect(unknown.body).toEqual(wrong.body);
  });

  test('changes its password with the old one only, and every session ends', async () => {
    await signUp('change@example.com');
    const session = await signIn('change@example.com');
    const change = (json: object) => guest('/v1/account/password', { method: 'PATCH', json, headers: asUser(session) });
    expect((await change({ password: 'the new one', oldPassword: 'wrong' })).body.type).toBe('user_invalid_credentials');
    expect((await change({ password: 'the new one' })).body.type).toBe('user_invalid_credentials');
    expect((await change({ password: 'the new one', oldPassword: 'long enough' })).status).toBe(200);
    expect((await guest('/v1/account', { headers: asUser(session) })).status).toBe(401);
    expect((await signIn('change@example.com')).body.type).toBe('user_invalid_credentials');
    expect((await signIn('change@example.com', 'the new one')).status).toBe(201);
  });

  test('keeps a name and preferences', async () => {
    const session = await guest('/v1/account/sessions/anonymous', { method: 'POST' });
    const headers = asUser(session);
    expect((await guest('/v1/account/name', { method: 'PATCH', json: { name: 'New' }, headers })).body.name).toBe('New');
    expect((await guest('/v1/account/prefs', { method: 'PATCH', json: { prefs: { dark: true } }, headers })).body.prefs).toEqual({
      dark: true,
    });
    expect((await guest('/v1/account/prefs', { headers })).body).toEqual({ dark: true });
  });
});

describe('a session', () => {
  test('cannot be made by who has one, ends when it is deleted, and takes its tokens along', async () => {
    const session = await guest('/v1/account/sessions/anonymous', { method: 'POST' });
    const headers = asUser(session);
    expect((await guest('/v1/account/sessions/anonymous', { method: 'POST', headers })).body.type).toBe('user_session_already_exists');
    const { body } = await guest('/v1/account/jwts', { json: {}, headers });
    const token = { 'x-appwrite-jwt': body.jwt };
    expect((await guest('/v1/account', { headers: token })).status).toBe(200);
    expect((await guest('/v1/account/jwts', { json: {}, headers: token })).body).toMatchObject({
      code: 403,
      type: 'user_jwt_creation_denied',
    });
    expect((await guest('/v1/account', { headers: { ...headers, ...token } })).body.type).toBe('user_jwt_and_cookie_set');
    const removed = await guest('/v1/account/sessions/current', { method: 'DELETE', headers });
    expect([
      removed.status,
      removed.headers.getSetCookie().every((cookie) => cookie.includes('=; path=/; expires=Thu, 01 Jan 1970')),
    ]).toEqual([204, true]);
    for (const shown of [headers, token])
      expect((await guest('/v1/account', { headers: shown })).body.type).toBe('general_unauthorized_scope');
  });

  test('is one of few: the oldest ones end', async () => {
    await signUp('many@example.com');
    const all = [];
    for (let n = 0; n < 4; n += 1) all.push(await signIn('many@example.com'));
    const statuses = await Promise.all(all.map(async (session) => (await guest('/v1/account', { headers: asUser(session) })).status));
    expect(statuses).toEqual([401, 200, 200, 200]);
    expect((await guest('/v1/account/sessions', { headers: asUser(all[3] as Answer) })).body).toMatchObject({
      total: 3,
      sessions: [{ current: false }, { current: false }, { current: true }],
    });
  });

  test('expires', async () => {
    const own = await openApi({ limits: { sessionDays: 1 } });
    const session = await own.call('/v1/account/sessions/anonymous', { method: 'POST', key: null });
    const get = () => own.call('/v1/account', { key: null, headers: asUser(session) });
    expect((await get()).status).toBe(200);
    own.advance(86_400_000 - 5000);
    expect((await get()).status).toBe(200);
    own.advance(5001);
    expect((await get()).status).toBe(401);
    await own.close();
  });

  test('in a cookie counts for pages of known origins only; in a header for all', async () => {
    const session = await signIn('ann@example.com', 'long enough', { origin: 'https://app.example.com' });
    const kept = session.headers.get('x-fallback-cookies') ?? '';
    expect(Object.keys(JSON.parse(kept))).toEqual(['a_session_default']);
    const open = await openApi({ origins: ['*'] });
    const made = await open.call('/v1/account/sessions/anonymous', { method: 'POST', key: null });
    const from = (headers: Record<string, string>) => open.call('/v1/account', { key: null, headers }).then(({ status }) => status);
    expect(await from({ ...asUser(made), origin: 'https://evil.example' })).toBe(401);
    expect(await from({ ...asUser(made), 'sec-fetch-site': 'cross-site' })).toBe(401);
    expect(await from({ ...asUser(made), origin: 'http://localhost:5173' })).toBe(200);
    const fallback = JSON.stringify({ a_session_default: cookieOf(made).slice('a_session_default='.length) });
    expect(await from({ 'x-fallback-cookies': fallback, origin: 'https://app.example' })).toBe(200);
    await open.close();
  });
});

describe('keys', () => {
  test('manage users', async () => {
    const created = await bed.call('/v1/users', {
      json: { userId: 'bob', email: 'bob@example.com', password: 'long enough', name: 'Bob' },
    });
    expect([created.status, created.body.$id]).toEqual([201, 'bob']);
    expect((await bed.call('/v1/users', { json: { userId: 'bob' } })).body.type).toBe('user_already_exists');
    expect((await bed.call('/v1/users/bob/labels', { method: 'PUT', json: { labels: ['vip', 'vip'] } })).body.labels).toEqual(['vip']);
    expect((await bed.call('/v1/users/bob/labels', { method: 'PUT', json: { labels: ['not a label'] } })).status).toBe(400);
    expect(
      (await bed.call('/v1/users/bob/verification', { method: 'PATCH', json: { emailVerification: true } })).body.emailVerification,
    ).toBe(true);
    expect((await bed.call('/v1/users/bob/email', { method: 'PATCH', json: { email: 'rob@example.com' } })).body).toMatchObject({
      email: 'rob@example.com',
      emailVerification: false,
    });
    const query = encodeURIComponent(JSON.stringify({ method: 'equal', attribute: 'email', values: ['rob@example.com'] }));
    expect((await bed.call(`/v1/users?queries[0]=${query}`)).body).toMatchObject({ total: 1, users: [{ $id: 'bob' }] });
    expect((await bed.call('/v1/users?search=ROB')).body.total).toBe(1);
    expect(JSON.stringify((await bed.call('/v1/users')).body)).not.toMatch(/argon2|password_hash|hash/);
  });

  test('block a user at once, in every session and with every token', async () => {
    const session = await bed.call('/v1/users/bob/sessions', { method: 'POST' });
    expect(session.body.secret).not.toBe('');
    const headers = { 'x-appwrite-session': session.body.secret };
    const token = { 'x-appwrite-jwt': (await bed.call('/v1/users/bob/jwts', { json: {} })).body.jwt };
    for (const shown of [headers, token]) expect((await guest('/v1/account', { headers: shown })).status).toBe(200);
    await bed.call('/v1/users/bob/status', { method: 'PATCH', json: { status: false } });
    expect((await guest('/v1/account', { headers })).status).toBe(401);
    expect((await guest('/v1/account', { headers: token })).body.type).toBe('user_blocked');
    expect((await signIn('rob@example.com')).body.type).toBe('user_blocked');
    await bed.call('/v1/users/bob/status', { method: 'PATCH', json: { status: true } });
    expect((await guest('/v1/account', { headers: token })).status).toBe(200);
    expect((await bed.call('/v1/users/bob', { method: 'DELETE' })).status).toBe(204);
    expect((await guest('/v1/account', { headers: token })).body.type).toBe('user_jwt_invalid');
    expect((await bed.call('/v1/users/bob')).body).toMatchObject({ code: 404, type: 'user_not_found' });
  });

  test('manage teams, whose roles reach their members at once', async () => {
    await bed.call('/v1/users', { json: { userId: 'tim' } });
    const jwt = (await bed.call('/v1/users/tim/jwts', { json: {} })).body.jwt;
    const roles = async () => {
      const found = await bed.principals.identify({ token: jwt });
      return found.kind === 'user' ? found.roles : [];
    };
    expect(await roles()).not.toContain('team:crew');
    expect(teamResource.strict().parse((await bed.call('/v1/teams', { json: { teamId: 'crew', name: 'Crew' } })).body).total).toBe(0);
    const member = await bed.call('/v1/teams/crew/memberships', { json: { userId: 'tim', roles: ['owner'] } });
    expect(membershipResource.strict().parse(member.body)).toMatchObject({ teamName: 'Crew', roles: ['owner'], confirm: true });
    expect(await roles()).toEqual(expect.arrayContaining(['team:crew', 'team:crew/owner', `member:${member.body.$id}`]));
    expect((await bed.call('/v1/teams/crew/memberships', { json: { userId: 'tim', roles: [] } })).body.type).toBe(
      'membership_already_exists',
    );
    expect((await bed.call('/v1/teams/crew/memberships', { json: { userId: 'nobody', roles: [] } })).body.type).toBe('user_not_found');
    expect((await bed.call('/v1/teams/crew/memberships', { json: { userId: 'tim', roles: ['a/b'] } })).status).toBe(400);
    expect((await bed.call('/v1/teams/crew')).body.total).toBe(1);
    expect((await bed.call('/v1/users/tim/memberships')).body).toMatchObject({ total: 1, memberships: [{ teamId: 'crew' }] });
    expect((await bed.call(`/v1/teams/crew/memberships/${member.body.$id}`, { method: 'DELETE' })).status).toBe(204);
    expect(await roles()).not.toContain('team:crew');
    await bed.call('/v1/teams/crew/memberships', { json: { userId: 'tim', roles: [] } });
    expect((await bed.call('/v1/teams/crew', { method: 'DELETE' })).status).toBe(204);
    expect(await roles()).not.toContain('team:crew');
    expect((await bed.call('/v1/teams/crew')).body.type).toBe('team_not_found');
  });

  test('act for a user who is shown beside them', async () => {
    const session = await bed.call('/v1/users/tim/sessions', { method: 'POST' });
    const found = await bed.principals.identify({ apiKey: bed.secret, session: session.body.secret });
    expect(found).toMatchObject({ kind: 'key', user: { userId: 'tim' } });
  });
});

describe('rate limits', () => {
  test('count by caller, and say so in every answer', async () => {
    const own = await openApi({ limits: { apiRequestsPerMinute: 3 } });
    const get = (key: string | null) => own.call('/v1/users', { key });
    const { secret } = await own.keys.create('default', { name: 'other', scopes: [], expiresAt: null });
    const first = await get(own.secret);
    expect([
      first.headers.get('ratelimit-limit'),
      first.headers.get('ratelimit-remaining'),
      first.headers.get('x-ratelimit-remaining'),
    ]).toEqual(['3', '2', '2']);
    expect(Number(first.headers.get('x-ratelimit-reset'))).toBeGreaterThan(own.clock.now() / 1000);
    await get(own.secret);
    await get(own.secret);
    const refused = await get(own.secret);
    expect([refused.status, refused.body.type, refused.headers.get('retry-after')]).toEqual([429, 'general_rate_limit_exceeded', '20']);
    expect((await get(secret)).status).toBe(401);
    for (let n = 0; n < 3; n += 1) expect((await get(null)).status).toBe(401);
    expect((await get(null)).status).toBe(429);
    own.advance(20_001);
    expect((await get(own.secret)).status).toBe(200);
    await own.close();
  });

  test('bound failed sign-ins; one that succeeds starts anew', async () => {
    const own = await openApi({ limits: { signInsPerHour: 3 } });
    await own.call('/v1/users', { json: { userId: 'eve', email: 'eve@example.com', password: 'long enough' } });
    const attempt = (password: string, email = 'eve@example.com') =>
      own.call('/v1/account/sessions/email', { key: null, json: { email, password } }).then(({ status }) => status);
    expect([await attempt('wrong'), await attempt('wrong'), await attempt('long enough')]).toEqual([401, 401, 201]);
    expect([await attempt('wrong'), await attempt('wrong'), await attempt('wrong'), await attempt('long enough')]).toEqual([
      401, 401, 401, 429,
    ]);
    expect(await attempt('wrong', 'other@example.com')).toBe(401);
    own.advance(20 * 60_000 + 1);
    expect(await attempt('long enough')).toBe(201);
    await own.close();
  });
});

test('no secret of a user is in the log or in an answer that does not make it', async () => {
  const secrets = ['canary-password-1', 'canary-password-2'];
  await signUp('canary@example.com', { password: secrets[0] });
  const session = await signIn('canary@example.com', secrets[0]);
  const cookie = decodeURIComponent(cookieOf(session).slice('a_session_default='.length));
  const { secret } = JSON.parse(Buffer.from(cookie, 'base64').toString()) as { secret: string };
  const { jwt } = (await guest('/v1/account/jwts', { json: {}, headers: asUser(session) })).body;
  secrets.push(secret, cookie, jwt, jwt.split('.')[2]);
  const answers: Answer[] = [];
  const shown = [
    { 'x-appwrite-session': cookie },
    { 'x-appwrite-jwt': jwt },
    { authorization: `Bearer ${secret}` },
    { 'x-appwrite-jwt': `${jwt}x` },
    { 'x-appwrite-jwt': cookie },
  ];
  for (const headers of shown)
    for (const path of ['/v1/account', '/v1/account/sessions', '/v1/users', '/v1/nothing', '/v1/account/sessions/x'])
      answers.push(await guest(path, { headers }));
  answers.push(await signIn('canary@example.com', secrets[1]), await signUp('canary@example.com', { password: secrets[1] }));
  answers.push(await guest('/v1/account/sessions/email', { json: { email: secrets[0], password: { [secrets[0] ?? '']: 1 } } }));
  const seen = JSON.stringify([answers.map(({ body, headers }) => [body, [...headers]]), bed.logged]);
  for (const text of secrets) expect(seen).not.toContain(text);
});
