/** Who a client is: its options, its tokens, the request it was made from, the service role. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createClient, createClientFromRequest } from '../src/index.ts';
import { json, startLocalServer, type LocalServer } from './local-server.ts';

let server: LocalServer;
beforeAll(async () => {
  server = await startLocalServer();
});
beforeEach(() => {
  server.received.length = 0;
  server.answer((_request, response) => json(response, 200, {}));
});
afterAll(() => server.close());

const seen = (): [string, string | undefined] => [server.last().url, server.last().headers.authorization];

describe('createClient', () => {
  test.each(['', 'localhost:8787', 'ftp://x', 'http://', 'http://a b', 'http://x?y', 'http://x#y', 'javascript:alert(1)'])(
    'refuses the address %j',
    (url) => {
      expect(() => createClient({ url })).toThrow(/^Cannot create a client: `url`/);
    },
  );

  test.each(['../x', 'a/b', '-a', 'x'.repeat(37), 'é'])('refuses the project %j', (project) => {
    expect(() => createClient({ url: server.url, project })).toThrow(/`project` is no id/);
  });

  test('needs an address where there is no page', () => {
    expect(() => createClient()).toThrow(/`url` is missing\. Give the address of the server/);
  });

  test('takes the origin of the page where there is one', async () => {
    const asked: string[] = [];
    const own: typeof fetch = async (input) => {
      asked.push(String(input));
      return new Response();
    };
    Reflect.set(globalThis, 'location', { origin: 'http://page' });
    try {
      await createClient({ fetch: own }).functions.invoke('hello');
    } finally {
      Reflect.deleteProperty(globalThis, 'location');
    }
    expect(asked).toEqual(['/functions/hello']);
  });

  test('works below a path, with or without a slash at the end', async () => {
    for (const url of [`${server.url}/martlet`, `${server.url}/martlet//`]) {
      const client = createClient({ url });
      await client.functions.invoke('hello');
      await client.api('GET', '/functions');
    }
    expect(server.received.map(({ url }) => url)).toEqual([
      '/martlet/functions/hello',
      '/martlet/v1/functions',
      '/martlet/functions/hello',
      '/martlet/v1/functions',
    ]);
  });

  test('uses the fetch it is given', async () => {
    const asked: string[] = [];
    const own: typeof fetch = async (input) => {
      asked.push(String(input));
      return Response.json({ own: true });
    };
    expect((await createClient({ url: 'https://nowhere.invalid', fetch: own }).functions.invoke('hello')).data).toEqual({ own: true });
    expect(asked).toEqual(['https://nowhere.invalid/functions/hello']);
  });
});

describe('the caller', () => {
  test('is nobody, the key, or the user whose token is set', async () => {
    const nobody = createClient({ url: server.url });
    await nobody.functions.invoke('hello');
    expect(seen()[1]).toBeUndefined();

    const client = createClient({ url: server.url, apiKey: 'mk_key' });
    const callers: (string | undefined)[] = [];
    for (const token of [undefined, 'user.one', 'user.two', null]) {
      client.setToken(token);
      await client.functions.fetch('/hello?x=1');
      callers.push(seen()[1]);
    }
    expect(callers).toEqual(['Bearer mk_key', 'Bearer user.one', 'Bearer user.two', 'Bearer mk_key']);
  });

  test('of fetch is whoever the caller says', async () => {
    await createClient({ url: server.url, token: 't' }).functions.fetch('hello', { headers: { Authorization: 'Bearer other' } });
    expect(seen()[1]).toBe('Bearer other');
  });
});

describe('functions.fetch', () => {
  test('passes path, query, method, body and headers on as they are', async () => {
    const client = createClient({ url: server.url, project: 'shop' });
    await client.functions.fetch('orders/process/7%2F8/x%20y?a=1&b=%20', {
      method: 'PUT',
      body: 'raw',
      headers: { 'content-type': 'text/x' },
    });
    const { method, url, body, headers } = server.last();
    expect([method, url, body, headers['content-type']]).toEqual([
      'PUT',
      '/api/apps/shop/functions/orders/process/7%2F8/x%20y?a=1&b=%20',
      'raw',
      'text/x',
    ]);
  });

  test('gives the response whatever its status', async () => {
    server.answer((_request, response) => response.writeHead(418, { 'x-own': '1' }).end('short and stout'));
    const response = await createClient({ url: server.url }).functions.fetch('teapot');
    expect([response instanceof Response, response.status, response.headers.get('x-own'), await response.text()]).toEqual([
      true,
      418,
      '1',
      'short and stout',
    ]);
  });

  test('sends a stream while it is written', async () => {
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    const writer = writable.getWriter();
    const answered = createClient({ url: server.url }).functions.fetch('upload', { method: 'POST', body: readable });
    for (const part of ['one ', 'two ', 'three']) await writer.write(new TextEncoder().encode(part));
    await writer.close();
    expect((await answered).status).toBe(200);
    expect([server.last().body, server.last().headers['transfer-encoding']]).toEqual(['one two three', 'chunked']);
  });

  test.each(['', '/', '?x=1', '../v1/keys', 'a/%2e%2e/%2E%2e/v1', 'a/..\\..\\v1', 'a/.\n./b', './a'])(
    'refuses the path %j',
    async (path) => {
      await expect(createClient({ url: server.url }).functions.fetch(path)).rejects.toThrow(/^Cannot call a function: `path`/);
      expect(server.received).toEqual([]);
    },
  );

  test('keeps dots that only a query or a fragment has', async () => {
    await createClient({ url: server.url }).functions.fetch('hello?next=/../x');
    expect(seen()[0]).toBe('/functions/hello?next=/../x');
  });
});

describe('createClientFromRequest', () => {
  const platform = (more: Record<string, string> = {}): Record<string, string> => ({
    'base44-api-url': server.url,
    'base44-app-id': 'shop',
    'base44-service-authorization': 'Bearer service-token',
    ...more,
  });

  test('acts for the caller, and as the service role where it is asked to', async () => {
    const client = createClientFromRequest(new Request('http://x', { headers: platform({ authorization: 'Bearer user-token' }) }));
    await client.functions.invoke('hello');
    expect(seen()).toEqual(['/api/apps/shop/functions/hello', 'Bearer user-token']);
    await client.asServiceRole.functions.invoke('hello');
    expect(seen()).toEqual(['/api/apps/shop/functions/hello', 'Bearer service-token']);
    await client.asServiceRole.executions.get('e1');
    expect([seen(), server.last().headers['x-martlet-project']]).toEqual([['/v1/executions/e1', 'Bearer service-token'], 'shop']);
  });

  test.each<[string, Record<string, string>, string | undefined]>([
    ['nobody', {}, undefined],
    ['nobody, where the header is for the function', { authorization: 'Basic eDp5' }, undefined],
    ['the user of a session', { 'x-appwrite-user-jwt': 'jwt' }, 'Bearer jwt'],
    ['nobody, where the platform knows none', { 'x-appwrite-user-jwt': '' }, undefined],
  ])('acts for %s', async (_who, headers, expected) => {
    await createClientFromRequest(new Request('http://x', { headers: platform(headers) })).functions.invoke('hello');
    expect(seen()[1]).toBe(expected);
  });

  test('takes what Appwrite handlers are given', async () => {
    const client = createClientFromRequest({
      headers: { ...platform({ 'x-appwrite-key': 'key' }), 'base44-service-authorization': undefined },
    });
    await client.asServiceRole.functions.invoke('hello');
    expect(seen()[1]).toBe('Bearer key');
  });

  test('refuses a request that did not come through the platform', () => {
    expect(() => createClientFromRequest(new Request('http://x'))).toThrow(/it has no headers of the platform/);
  });
});

describe('the service role', () => {
  test('is refused without a token, and the way out is told', () => {
    expect(() => createClient({ url: server.url, token: 't' }).asServiceRole).toThrow(/no service token.*createClientFromRequest/);
  });

  test('is the key of a server, whatever user is set', async () => {
    const client = createClient({ url: server.url, apiKey: 'mk_key', token: 'user' });
    await client.asServiceRole.functions.invoke('hello');
    expect(seen()[1]).toBe('Bearer mk_key');
    expect(client.asServiceRole).toBe(client.asServiceRole);
  });
});
