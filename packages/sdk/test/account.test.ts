/** Signing in and out, against a server that answers in the shapes of the contract. */
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { createClient, type MartletClient, type SessionStorage } from '../src/index.ts';
import { json, startLocalServer, type LocalServer } from './local-server.ts';

let server: LocalServer;
let client: MartletClient;
/** How the server shows the secret of a session. */
let shows: (secret: string) => { secret?: string; headers?: Record<string, string | string[]> };
let minted = 0;

beforeAll(async () => {
  server = await startLocalServer();
});
beforeEach(() => {
  server.received.length = 0;
  minted = 0;
  shows = (secret) => ({ secret });
  client = createClient({ url: server.url, project: 'shop' });
  server.answer((request, response) => {
    const path = `${request.method} ${request.url}`;
    if (path.startsWith('POST /v1/account/sessions/')) {
      const { secret = '', headers = {} } = shows(`secret-of-${request.url.split('/').at(-1)}`);
      json(response, 201, { $id: 's1', userId: 'u1', secret }, headers);
    } else if (path === 'POST /v1/account/jwts') {
      minted += 1;
      json(response, 201, { jwt: `jwt-${minted}` });
    } else if (path.startsWith('DELETE')) response.writeHead(204).end();
    else json(response, 200, { $id: 'u1' });
  });
});
afterAll(() => server.close());
const calls = (): (string | undefined)[][] =>
  server.received.map(({ method, url, headers }) => [
    `${method} ${url}`,
    headers.authorization ?? (headers['x-appwrite-session'] as string | undefined),
  ]);

describe('a session', () => {
  test('makes the user the caller of functions, with one token for all of them', async () => {
    expect(await client.account.createAnonymousSession()).toMatchObject({ $id: 's1', userId: 'u1' });
    await Promise.all([client.functions.invoke('a'), client.functions.invoke('b')]);
    await client.functions.fetch('c');
    expect(await client.account.get()).toEqual({ $id: 'u1' });
    expect(calls().toSorted()).toEqual(
      [
        ['POST /v1/account/sessions/anonymous', undefined],
        ['POST /v1/account/jwts', 'secret-of-anonymous'],
        ['POST /api/apps/shop/functions/a', 'Bearer jwt-1'],
        ['POST /api/apps/shop/functions/b', 'Bearer jwt-1'],
        ['GET /api/apps/shop/functions/c', 'Bearer jwt-1'],
        ['GET /v1/account', 'secret-of-anonymous'],
      ].toSorted(),
    );
  });

  test('takes e-mail and password in both forms', async () => {
    await client.account.createEmailPasswordSession({ email: 'a@b.c', password: 'long enough' });
    const { body } = server.last();
    await client.account.createEmailPasswordSession('a@b.c', 'long enough');
    expect(server.last()).toMatchObject({ url: '/v1/account/sessions/email', body });
    expect(JSON.parse(body)).toEqual({ email: 'a@b.c', password: 'long enough' });
  });

  test.each<[string, typeof shows]>([
    ['in its resource', (secret) => ({ secret })],
    ['in the fallback header', (secret) => ({ headers: { 'x-fallback-cookies': JSON.stringify({ a_session_shop: secret }) } })],
    [
      'in cookies',
      (secret) => ({
        headers: { 'set-cookie': ['other=1', `a_session_shop_legacy=${secret}; path=/`, `a_session_shop=${secret}; path=/; httponly`] },
      }),
    ],
  ])('is found %s', async (_where, how) => {
    shows = how;
    await client.account.createAnonymousSession();
    await client.account.get();
    expect(server.last().headers['x-appwrite-session']).toBe('secret-of-anonymous');
  });

  test('gets a new token before the old one is over', async () => {
    const now = vi.spyOn(performance, 'now');
    try {
      now.mockReturnValue(0);
      await client.account.createAnonymousSession();
      await client.functions.invoke('a');
      now.mockReturnValue(700_000);
      await client.functions.invoke('a');
      now.mockReturnValue(730_000);
      await client.functions.invoke('a');
      expect(calls().flatMap(([call, by]) => (call?.includes('functions') === true ? [by] : []))).toEqual([
        'Bearer jwt-1',
        'Bearer jwt-1',
        'Bearer jwt-2',
      ]);
    } finally {
      now.mockRestore();
    }
  });

  test('tries anew when a token was refused', async () => {
    await client.account.createAnonymousSession();
    const before = server.received.length;
    server.answer((_request, response) => json(response, 401, { message: 'No session.', code: 401, type: 'user_session_not_found' }));
    await expect(client.functions.invoke('a')).rejects.toMatchObject({ name: 'ApiError', code: 'user_session_not_found' });
    await expect(client.functions.invoke('a')).rejects.toMatchObject({ name: 'ApiError' });
    expect(server.received.length - before).toBe(2);
  });

  test('ends, and with it the user', async () => {
    await client.account.createAnonymousSession();
    await client.account.deleteSession({ sessionId: 'current' });
    expect(calls().at(-1)).toEqual(['DELETE /v1/account/sessions/current', 'secret-of-anonymous']);
    await client.functions.invoke('a');
    expect(calls().at(-1)?.[1]).toBeUndefined();
  });

  test('of another device ends without signing out here', async () => {
    await client.account.createAnonymousSession();
    await client.account.deleteSession('s9');
    await client.functions.invoke('a');
    expect(calls().at(-1)?.[1]).toBe('Bearer jwt-1');
  });

  test('stays in a storage, and leaves it at the end', async () => {
    const kept = new Map<string, string>();
    const storage: SessionStorage = {
      getItem: (key) => kept.get(key) ?? null,
      setItem: (key, value) => void kept.set(key, value),
      removeItem: (key) => void kept.delete(key),
    };
    await createClient({ url: server.url, project: 'shop', storage }).account.createAnonymousSession();
    const later = createClient({ url: server.url, project: 'shop', storage });
    await later.functions.invoke('a');
    expect(calls().at(-1)?.[1]).toBe('Bearer jwt-1');
    await later.account.deleteSession();
    expect(kept.size).toBe(0);
  });
});

test('an account is made, with an id of the server where none is given', async () => {
  await client.account.create({ email: 'a@b.c', password: 'long enough', name: 'A' });
  expect([server.last().url, JSON.parse(server.last().body)]).toEqual([
    '/v1/account',
    { userId: 'unique()', email: 'a@b.c', password: 'long enough', name: 'A' },
  ]);
  await client.account.create('me', 'a@b.c', 'long enough');
  expect(JSON.parse(server.last().body)).toEqual({ userId: 'me', email: 'a@b.c', password: 'long enough' });
});

test('a token for elsewhere may have a time of its own', async () => {
  await client.account.createAnonymousSession();
  expect(await client.account.createJWT({ duration: 60 })).toEqual({ jwt: 'jwt-1' });
  expect(JSON.parse(server.last().body)).toEqual({ duration: 60 });
});
