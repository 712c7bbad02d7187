/** Calls that get no answer, and what errors must never say. */
import { inspect } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { AbortError, createClient, MartletError, NetworkError, TimeoutError, type MartletClient } from '../src/index.ts';
import { json, startLocalServer, type LocalServer } from './local-server.ts';

const SECRET = 'eyJhbGciOi.very-secret.token';

let server: LocalServer;
let client: MartletClient;
beforeAll(async () => {
  server = await startLocalServer();
});
beforeEach(() => {
  server.received.length = 0;
  client = createClient({ url: server.url, token: SECRET });
});
afterAll(() => server.close());

type Call = (client: MartletClient, options: { signal?: AbortSignal; timeout?: number }) => Promise<unknown>;
const calls: [string, Call][] = [
  ['invoke', (one, options) => one.functions.invoke('hello', {}, options)],
  ['fetch', (one, options) => one.functions.fetch('hello', options)],
  ['stream', (one, options) => one.functions.stream('hello', {}, options).next()],
  ['api', (one, options) => one.api('GET', '/functions', options)],
  ['executions.wait', (one, options) => one.executions.wait('e1', options)],
];
const failing = (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    () => new Error('It did not fail.'),
    (error: unknown) => error,
  );

describe.each(calls)('%s', (_name, call) => {
  test('rejects with a NetworkError where no server is', async () => {
    const closed = await startLocalServer();
    await closed.close();
    const error = await failing(call(createClient({ url: closed.url, token: SECRET }), {}));
    expect(error).toBeInstanceOf(NetworkError);
    expect(error).toMatchObject({ name: 'NetworkError', code: 'network', message: expect.stringMatching(/^Cannot .*ECONNREFUSED/) });
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain(SECRET);
  });

  test('rejects with a NetworkError where the connection breaks', async () => {
    server.answer((_request, response) => response.destroy());
    expect(await failing(call(client, {}))).toBeInstanceOf(NetworkError);
  });

  test('rejects with a TimeoutError when its time is over', async () => {
    server.answer(() => undefined);
    const error = await failing(call(client, { timeout: 40 }));
    expect(error).toBeInstanceOf(TimeoutError);
    expect(error).toMatchObject({ name: 'TimeoutError', message: expect.stringContaining('took longer than 40 ms') });
  });

  test('takes the end of a signal with a time for what it is', async () => {
    server.answer(() => undefined);
    expect(await failing(call(client, { signal: AbortSignal.timeout(40) }))).toBeInstanceOf(TimeoutError);
  });

  test('rejects with an AbortError, with the reason, when the signal aborts', async () => {
    const stop = new AbortController();
    server.answer(() => stop.abort(new Error('enough')));
    const error = await failing(call(client, { signal: stop.signal, timeout: 60_000 }));
    expect(error).toBeInstanceOf(AbortError);
    expect(error).toMatchObject({ name: 'AbortError', cause: { message: 'enough' } });
  });

  test('sends nothing when the signal has aborted before', async () => {
    expect(await failing(call(client, { signal: AbortSignal.abort() }))).toBeInstanceOf(AbortError);
    expect(server.received).toEqual([]);
  });
});

describe('a body that stops half-way', () => {
  test('is a NetworkError for invoke', async () => {
    server.answer((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': '100' });
      response.write('{"a":');
      setTimeout(() => response.destroy(), 30);
    });
    expect(await failing(client.functions.invoke('hello'))).toBeInstanceOf(NetworkError);
  });

  test('is bounded by the timeout of invoke', async () => {
    server.answer((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.write('{"a":');
    });
    expect(await failing(client.functions.invoke('hello', {}, { timeout: 60 }))).toBeInstanceOf(TimeoutError);
  });

  test('of fetch is not bounded by its timeout, but by its signal', async () => {
    server.answer((_request, response) => {
      response.writeHead(200);
      response.write('first');
      setTimeout(() => response.end('second'), 150);
    });
    expect(await (await client.functions.fetch('hello', { timeout: 60 })).text()).toBe('firstsecond');
    const stop = new AbortController();
    const response = await client.functions.fetch('hello', { signal: stop.signal });
    stop.abort();
    await expect(response.text()).rejects.toThrow();
  });
});

describe('a credential', () => {
  test('is nowhere in the client or its errors', async () => {
    const secrets = createClient({ url: server.url, apiKey: 'mk_a-key', serviceToken: 'mx_a-token' });
    expect(inspect([client, secrets, secrets.asServiceRole], { depth: 9, showHidden: true })).not.toMatch(/very-secret|a-key|a-token/);
    expect(JSON.stringify([client, secrets])).not.toMatch(/very-secret|a-key|a-token/);
    server.answer((_request, response) => json(response, 401, { message: 'No.', type: 'user_unauthorized', code: 401 }));
    for (const call of [client.functions.invoke('hello'), client.api('GET', '/functions')]) {
      const error = await failing(call);
      expect(error).toBeInstanceOf(MartletError);
      expect(inspect(error, { depth: 9, showHidden: true })).not.toContain(SECRET);
    }
  });

  test.each(['token', 'apiKey', 'serviceToken'])('that no header can hold is refused without being repeated: %s', (option) => {
    for (const value of [`${SECRET}\nx`, `Bearer ${SECRET}`, `${SECRET}é`]) {
      expect(() => createClient({ url: server.url, [option]: value })).toThrow(/it has characters that no header can hold/);
      expect(() => createClient({ url: server.url, [option]: value })).not.toThrow(/very-secret/);
    }
  });

  test('is not repeated from an address that holds a password', () => {
    expect(() => createClient({ url: 'http://me:very-secret@127.0.0.1' })).toThrow(/without user, query and fragment/);
    expect(() => createClient({ url: 'http://me:very-secret@127.0.0.1' })).not.toThrow(/very-secret/);
  });

  test('does not follow a redirect to another origin', async () => {
    const other = await startLocalServer();
    server.answer((_request, response) => response.writeHead(307, { location: `${other.url}/stolen` }).end());
    for (const one of [client, createClient({ url: server.url, apiKey: 'mk_a-key' })]) await one.functions.invoke('hello', { a: 1 });
    expect(other.received.map(({ url, body, headers }) => [url, body, headers.authorization])).toEqual([
      ['/stolen', '{"a":1}', undefined],
      ['/stolen', '{"a":1}', undefined],
    ]);
    expect(JSON.stringify(other.received)).not.toMatch(/very-secret|a-key/);
    await other.close();
  });
});
