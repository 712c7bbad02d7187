import { trustedIssuerResource } from '@martlet/protocol';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createWebReader } from '../../src/drivers/policy-egress/web/web-reader.ts';
import { openApi, type OpenApi } from '../api/open-api.ts';
import { AUDIENCE, startIssuer, type Issuer } from '../support/issuer.ts';

let bed: OpenApi;
let issuer: Issuer;
beforeAll(async () => {
  [bed, issuer] = await Promise.all([openApi(), startIssuer('ES256')]);
});
afterAll(async () => {
  await bed.close();
  await issuer.close();
});

const put = (change: object = {}) =>
  bed.call('/v1/project/oidc', { method: 'PUT', json: { issuer: issuer.url, audience: [AUDIENCE], ...change } });
const account = async (token: string) => bed.call('/v1/account', { key: null, headers: { authorization: `Bearer ${token}` } });

test('is taken with every refusal naming the parameter, and only when its keys can be read', async () => {
  expect((await bed.call('/v1/project/oidc')).body).toMatchObject({ code: 404, type: 'oidc_not_found' });
  const problems: [object, string][] = [
    [{ issuer: 'http://example.com' }, 'Invalid `issuer` param: Value must be an https URL'],
    [{ audience: [] }, 'Invalid `audience` param'],
    [{ algorithms: ['HS256'] }, 'Invalid `algorithms` param: Value must be a valid array of at least one of (RS256,'],
    [{ algorithms: ['none'] }, 'Invalid `algorithms` param'],
    [{ jwksUrl: 'https://127.0.0.2/keys' }, 'Invalid `issuer` param: Cannot read https://127.0.0.2/keys: 127.0.0.2 is a loopback address'],
    [{ issuer: 'https://169.254.169.254' }, '169.254.169.254 is a link-local address'],
    [{ jwksUrl: `${issuer.url}/nothing` }, 'it answered with status 404'],
    [{ jwksUrl: `${issuer.url}/.well-known/openid-configuration` }, 'they are not a JSON Web Key Set'],
  ];
  for (const [change, message] of problems) {
    const { status, body } = await put(change);
    expect([status, body.message]).toEqual([400, expect.stringContaining(message)]);
  }
  issuer.state.discoveredIssuer = 'https://other.example';
  expect((await put()).body.message).toContain('it is the document of another issuer');
  issuer.state.discoveredIssuer = undefined;
  expect(await account(await issuer.token({ sub: 'olga' }))).toMatchObject({ status: 401, body: { type: 'general_unauthorized_scope' } });
  const { status, body } = await put({ labelsClaim: 'roles' });
  expect(status).toBe(200);
  expect(trustedIssuerResource.strict().parse(body)).toMatchObject({
    issuer: issuer.url,
    userClaim: 'sub',
    algorithms: expect.arrayContaining(['ES256']),
  });
  expect((await bed.call('/v1/project/oidc')).body).toEqual(body);
});

test('brings its users, with labels, whatever their subject', async () => {
  const first = await account(await issuer.token({ sub: 'olga', name: 'Olga', roles: ['vip', 'not a label'] }));
  expect(first).toMatchObject({
    status: 200,
    body: { $id: 'olga', name: 'Olga', labels: ['vip'], issuer: issuer.url, subject: 'olga', email: '' },
  });
  const odd = await account(await issuer.token({ sub: 'auth0|7' }));
  expect(odd.body.$id).toMatch(/^oidc\.[0-9a-f]{24}$/);
  expect((await account(await issuer.token({ sub: odd.body.$id }))).body.$id).not.toBe(odd.body.$id);
  expect((await account(await issuer.token({ sub: 'olga', roles: ['other'] }))).body.labels).toEqual(['other']);
  await bed.call('/v1/users/olga/status', { method: 'PATCH', json: { status: false } });
  expect((await account(await issuer.token({ sub: 'olga', roles: ['other'] }))).body.type).toBe('user_blocked');
});

test('keeps guests from choosing the ids of users to come', async () => {
  const create = (userId: string) =>
    bed.call('/v1/account', { key: null, json: { userId, email: `${userId.length}@x.yz`, password: 'long enough' } });
  expect((await create('victim')).body.message).toContain('Invalid `userId` param: Value must be "unique()"');
  expect((await create('unique()')).status).toBe(201);
  expect((await create('0123456789abcdef0123')).status).toBe(201);
});

test('may rotate its keys; unknown ones are looked for at most twice a minute, also while it is down', async () => {
  const asked = () => issuer.asked.filter((path) => path === '/keys').length;
  bed.advance(31_000);
  await issuer.rotate('k2');
  const before = asked();
  expect((await account(await issuer.token({ sub: 'new' }))).status).toBe(200);
  expect(asked()).toBe(before + 1);
  for (let n = 0; n < 20; n += 1)
    expect((await account(await issuer.token({ sub: `x${n}` }, { kid: `wrong${n}` }))).body.type).toBe('user_jwt_invalid');
  expect(asked()).toBe(before + 1);
  issuer.state.status = 500;
  bed.advance(11 * 60_000);
  const late = { expiresIn: 3600 };
  expect((await account(await issuer.token({ sub: 'after' }, late))).status).toBe(200);
  bed.advance(24 * 3_600_000);
  const gone = await account(await issuer.token({ sub: 'later' }, { expiresIn: 30 * 3_600_000 }));
  expect([gone.status, gone.body.type, gone.headers.get('retry-after')]).toEqual([503, 'oidc_unavailable', '30']);
  issuer.state.status = 200;
  bed.advance(31_000);
  expect((await account(await issuer.token({ sub: 'later' }, { expiresIn: 30 * 3_600_000 }))).status).toBe(200);
});

test('is trusted no longer once it is deleted', async () => {
  const token = await issuer.token({ sub: 'new' }, { expiresIn: 30 * 3_600_000 });
  expect((await account(token)).status).toBe(200);
  expect((await bed.call('/v1/project/oidc', { method: 'DELETE' })).status).toBe(204);
  expect((await account(token)).status).toBe(401);
  expect((await bed.call('/v1/project/oidc', { method: 'DELETE' })).status).toBe(404);
});

test('is read from public addresses only, unless the operator has named its host', async () => {
  const web = createWebReader({ privateHosts: [], extraDenied: [] });
  for (const url of [
    `${issuer.url}/keys`,
    'https://localhost/',
    'https://[::1]/',
    'https://[::ffff:127.0.0.1]/',
    'https://10.1.2.3/',
    'https://0x7f.1/',
    'https://2130706433/',
  ])
    await expect(web.readJson(url)).rejects.toThrow(
      /^Cannot read .*: (?:it is not an https URL|.* is an? .*, and only public addresses are dialled|.*ENOTFOUND.*|the name.*)$/,
    );
  expect(issuer.asked.filter((path) => path === '/keys').length).toBeGreaterThan(0);
  await expect(createWebReader({ privateHosts: ['127.0.0.1'], extraDenied: [] }).readJson(`${issuer.url}/keys`)).resolves.toMatchObject({
    keys: expect.any(Array),
  });
});
