import { keyScopes } from '@martlet/protocol';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openApi, type OpenApi } from './open-api.ts';

let bed: OpenApi;
beforeAll(async () => {
  bed = await openApi({ origins: ['https://app.example.com'] });
  await bed.call('/v1/functions', { json: { functionId: 'f1', name: 'one', runtime: 'node-24' } });
});
afterAll(() => bed.close());

interface Operation {
  readonly security?: readonly { readonly apiKey?: readonly string[] }[];
}

/** Every route of the API, from its own description. */
async function allRoutes(): Promise<{ method: string; path: string; scopes: string[] }[]> {
  const { body } = await bed.call('/v1/openapi.json', { key: null });
  return Object.entries<Record<string, Operation>>(body.paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, { security = [] }]) => ({
      method: method.toUpperCase(),
      path: path.replaceAll(/\{\w+\}/g, 'f1'),
      scopes: security.flatMap(({ apiKey = [] }) => apiKey),
    })),
  );
}

/** Requests that are well formed for nobody and must not harm anybody. */
const bodies = (method: string): { body?: BodyInit; headers?: Record<string, string> }[] =>
  method === 'GET' || method === 'DELETE'
    ? [{}]
    : [
        {},
        ...['{}', '[]', '{', '"x"', 'null', '{"deploymentId":{}}', '{"key":1}'].map((body) => ({
          body,
          headers: { 'content-type': 'application/json' },
        })),
        { body: 'x', headers: { 'content-type': 'multipart/form-data' } },
        { body: 'x', headers: { 'content-type': 'text/plain' } },
      ];

describe('every route', () => {
  test('is closed to callers without a key, except those that are open to everybody', async () => {
    const open = ['GET /v1/health/version', 'GET /v1/functions/runtimes'];
    const routes = await allRoutes();
    expect(routes.length).toBeGreaterThan(30);
    for (const { method, path, scopes } of routes) {
      const { status, body } = await bed.call(path, { method, key: null });
      // A webhook shows its signature and nothing else; here it has none.
      if (path.startsWith('/v1/hooks/')) expect([path, scopes, status, body.type]).toEqual([path, [], 401, 'webhook_signature_invalid']);
      // A terminal has no key yet; without a body it is told what is missing.
      else if (path.startsWith('/v1/login/device'))
        expect([method, path, scopes, status, body.type]).toEqual(['POST', path, [], 400, 'general_argument_invalid']);
      else if (open.includes(`${method} ${path}`)) expect([method, path, scopes, status]).toEqual([method, path, [], 200]);
      // Anybody may try to execute; what decides is the function. Here there is no deployment yet, or no record to see.
      else if (scopes.includes('sessions.write')) expect([method, path, body.type]).not.toContain('general_unauthorized_scope');
      else if (scopes.includes('executions.write'))
        expect([method, path, status]).toEqual([method, path, method === 'POST' && !path.endsWith('/cancel') ? 404 : 401]);
      else expect([method, path, status, body.type]).toEqual([method, path, 401, 'general_unauthorized_scope']);
    }
  });

  test('is closed to a key that has every scope but the one it asks for', async () => {
    for (const { method, path, scopes } of await allRoutes()) {
      if (scopes.length === 0) continue;
      const without = await bed.keys.create('default', {
        name: 'almost',
        scopes: keyScopes.filter((scope) => !scopes.includes(scope)),
        expiresAt: null,
      });
      const { status, body } = await bed.call(path, { method, key: without.secret });
      expect([method, path, status, body.type]).toEqual([method, path, 401, 'general_unauthorized_scope']);
      expect(body.message).toContain(`app.default@service.localhost (role: applications) missing scopes (["${scopes[0]}"`);
    }
  });

  test('answers hostile requests with an envelope and never with 500', async () => {
    // Deletes go last: what the others ask about is there until then.
    const routes = (await allRoutes()).toSorted((a, b) => Number(a.method === 'DELETE') - Number(b.method === 'DELETE'));
    for (const { method, path } of routes) {
      for (const { body, headers } of bodies(method)) {
        for (const suffix of ['', '?queries[0]={', '?queries=1&total=maybe&type=%00&follow=perhaps&live=x']) {
          const answer = await bed.call(path + suffix, {
            method,
            ...(body === undefined ? {} : { body }),
            ...(headers === undefined ? {} : { headers }),
          });
          expect([method, path, suffix, body, answer.status < 500]).toEqual([method, path, suffix, body, true]);
          if (answer.status >= 400) expect(Object.keys(answer.body).toSorted()).toEqual(['code', 'message', 'type', 'version']);
        }
      }
    }
    expect(bed.logged.filter(({ level }) => level === 'error')).toEqual([]);
    await bed.call('/v1/functions', { json: { functionId: 'f1', name: 'one', runtime: 'node-24' } });
  });

  test('carries a request id and forbids sniffing, errors also forbid caching', async () => {
    const { headers } = await bed.call('/v1/functions/nobody');
    expect(headers.get('x-martlet-request-id')).toMatch(/^[0-9a-f]{20}$/);
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('cache-control')).toBe('no-cache, no-store, must-revalidate');
  });

  test('shows nothing of an unexpected error but its request id, which is in the log', async () => {
    const broken = await openApi();
    Reflect.set(broken.store.functions, 'list', () => Promise.reject(new TypeError('secret detail')));
    const { status, body, headers } = await broken.call('/v1/functions');
    const requestId = headers.get('x-martlet-request-id');
    expect([status, body]).toEqual([
      500,
      { message: `Server Error: see the server log for request ${requestId}.`, code: 500, type: 'general_server_error', version: '1.2.3' },
    ]);
    expect(broken.logged.at(-1)).toMatchObject({ level: 'error', facts: { requestId, err: { message: 'secret detail' } } });
    await broken.close();
  });

  test('says so when the store does not answer', async () => {
    const broken = await openApi();
    await broken.store.close();
    const { status, body } = await broken.call('/v1/functions', { key: null });
    expect([status, body.type]).toEqual([503, 'store_unavailable']);
    await broken.close();
  });
});

describe('the caller', () => {
  test.each([
    ['x-martlet-key', (key: string) => key],
    ['x-appwrite-key', (key: string) => key],
    ['authorization', (key: string) => `Bearer ${key}`],
  ])('may show the key in %s', async (name, value) => {
    expect((await bed.call('/v1/functions', { key: null, headers: { [name]: value(bed.secret) } })).status).toBe(200);
  });

  test('is a guest with a key that is not known', async () => {
    const { body } = await bed.call('/v1/functions', { key: 'mk_unknown' });
    expect([body.type, body.message]).toEqual(['general_unauthorized_scope', 'User (role: guests) missing scopes (["functions.read"])']);
  });

  test('is refused with a key that has expired', async () => {
    const { secret } = await bed.keys.create('default', { name: 'short', scopes: keyScopes, expiresAt: bed.clock.now() + 60_000 });
    expect((await bed.call('/v1/functions', { key: secret })).status).toBe(200);
    bed.advance(60_001);
    const { status, body } = await bed.call('/v1/functions', { key: secret });
    expect([status, body.type]).toEqual([401, 'project_key_expired']);
  });

  test('works in the project of the key, and in no other', async () => {
    const other = await bed.keys.create('elsewhere', { name: 'other', scopes: keyScopes, expiresAt: null });
    expect((await bed.call('/v1/functions', { key: other.secret })).body.total).toBe(0);
    for (const name of ['x-appwrite-project', 'x-martlet-project']) {
      expect((await bed.call('/v1/functions', { headers: { [name]: 'elsewhere' } })).status).toBe(401);
      expect((await bed.call('/v1/functions', { headers: { [name]: 'default' } })).status).toBe(200);
    }
    expect((await bed.call('/v1/functions?project=elsewhere')).status).toBe(401);
    expect((await bed.call('/v1/functions/f1', { key: other.secret })).body.type).toBe('function_not_found');
  });

  test('is told when the project is not known', async () => {
    const { status, body } = await bed.call('/v1/functions/runtimes', { key: null, headers: { 'x-appwrite-project': 'nowhere' } });
    expect([status, body.type]).toEqual([404, 'project_not_found']);
  });

  test('may be a running execution, with the scopes of its function', async () => {
    bed.tokens.set('token-1', { kind: 'execution', projectId: 'default', executionId: 'e', scopes: new Set(['functions.read']), hops: 0 });
    expect((await bed.call('/v1/functions', { key: 'token-1' })).status).toBe(200);
    expect((await bed.call('/v1/keys', { key: 'token-1' })).status).toBe(401);
    bed.tokens.delete('token-1');
    expect((await bed.call('/v1/functions', { key: 'token-1' })).status).toBe(401);
  });
});

describe('pages of browsers', () => {
  test.each(['http://localhost:5173', 'https://127.0.0.1', 'https://app.example.com'])('may call from %s', async (origin) => {
    const { status, headers } = await bed.call('/v1/functions/runtimes', { key: null, headers: { origin } });
    expect([
      status,
      headers.get('access-control-allow-origin'),
      headers.get('access-control-allow-credentials'),
      headers.get('vary'),
    ]).toEqual([200, origin, 'true', 'Origin']);
  });

  test.each(['https://evil.example', 'http://localhost.evil.example', 'null', 'nonsense'])(
    'may not call from %s without a key',
    async (origin) => {
      const { status, headers, body } = await bed.call('/v1/functions/runtimes', { key: null, headers: { origin } });
      expect([status, body.type, headers.get('access-control-allow-origin')]).toEqual([403, 'general_unknown_origin', null]);
    },
  );

  test('ask before they send, and hear which headers they may use', async () => {
    const { status, headers } = await bed.call('/v1/functions', {
      method: 'OPTIONS',
      key: null,
      headers: { origin: 'https://app.example.com' },
    });
    expect(status).toBe(204);
    expect(headers.get('access-control-allow-headers')).toContain('X-Appwrite-Project');
    expect(
      (await bed.call('/v1/functions', { method: 'OPTIONS', key: null, headers: { origin: 'https://evil.example' } })).headers.get(
        'access-control-allow-origin',
      ),
    ).toBeNull();
  });
});

describe('what the server says about itself', () => {
  test('has a version', async () => {
    expect((await bed.call('/v1/health/version', { key: null })).body).toEqual({ version: '1.2.3' });
  });

  test('describes its resources by name', async () => {
    const { body } = await bed.call('/v1/openapi.json', { key: null });
    expect(body.openapi).toBe('3.1.0');
    expect(Object.keys(body.components.schemas)).toEqual(
      expect.arrayContaining(['Function', 'Deployment', 'Variable', 'Execution', 'Key', 'Error', 'NewExecution', 'NewDeployment']),
    );
    expect(body.paths['/v1/functions/{functionId}'].get.responses[200].content['application/json'].schema).toEqual({
      $ref: '#/components/schemas/Function',
    });
  });

  test('has docs for people, with every route, without a script and without foreign resources', async () => {
    const { body, headers } = await bed.call('/v1/docs', { key: null });
    for (const { path, method } of await allRoutes())
      if (!path.includes('f1')) expect(body).toContain(`<b>${method}</b><code>${path}</code>`);
    expect(headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(body).not.toMatch(/<script|https?:\/\/|undefined|\[object/);
    expect((await bed.call('/v1/docs/style.css', { key: null })).headers.get('content-type')).toContain('text/css');
  });

  test('knows no other routes', async () => {
    for (const path of ['/v1', '/v1/nothing', '/v1/functions/f1/nothing', '/v1/../etc/passwd']) {
      const { status, body } = await bed.call(path);
      expect([status, body.type, body.message]).toEqual([404, 'general_route_not_found', 'Not Found']);
    }
  });
});
