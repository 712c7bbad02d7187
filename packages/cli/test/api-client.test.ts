/** The client of the control API against a real server: what it sends, and how failures read. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import * as fc from 'fast-check';
import { afterEach, expect, test } from 'vitest';
import { createApiClient } from '../src/api/api-client.ts';
import { readServerSentEvents, type ServerSentEvent } from '../src/api/server-sent-events.ts';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

async function serve(handler: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
  const server = createServer(handler);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
const client = (url: string, key: string | undefined = 'k') => createApiClient({ url, project: 'p', key });

test('sends project, key, queries and a JSON body', async () => {
  const seen: unknown[] = [];
  const url = await serve((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      seen.push([request.method, request.url, request.headers['x-martlet-project'], request.headers['x-martlet-key'], body]);
      response.end(request.method === 'DELETE' ? '' : '{"ok":true}');
    });
  });
  expect(await client(url).get('/functions', { queries: ['a b', 'c'], path: 'x/y', none: undefined })).toEqual({ ok: true });
  await client(url).send('POST', '/keys', { name: 'n' });
  expect(await client(url).send('DELETE', '/keys/1')).toBeUndefined();
  expect(seen).toEqual([
    ['GET', '/v1/functions?queries%5B0%5D=a+b&queries%5B1%5D=c&path=x%2Fy', 'p', 'k', ''],
    ['POST', '/v1/keys', 'p', 'k', '{"name":"n"}'],
    ['DELETE', '/v1/keys/1', 'p', 'k', ''],
  ]);
});

test('sends the key to functions only when it is asked to', async () => {
  const keys: unknown[] = [];
  const url = await serve((request, response) => {
    keys.push(request.headers['x-martlet-key']);
    response.end();
  });
  await client(url).fetch('/functions/a', {}, 'without-key');
  await client(url).fetch('/functions/a', {}, 'with-key');
  expect(keys).toEqual([undefined, 'k']);
});

test('turns an error of the platform into its message, its code and what to do', async () => {
  const url = await serve((_, response) =>
    response.writeHead(404).end('{"message":"Cannot find it.","code":404,"type":"function_not_found","version":"1"}'),
  );
  await expect(client(url).get('/functions/x')).rejects.toMatchObject({
    message: 'Cannot find it.',
    code: 'function_not_found',
    next: expect.stringContaining('martlet functions list'),
    exitCode: 1,
  });
});

test('says that no key was given when the answer is 401', async () => {
  const url = await serve((_, response) =>
    response.writeHead(401).end('{"message":"no","code":401,"type":"general_unauthorized_scope","version":"1"}'),
  );
  await expect(createApiClient({ url, project: 'p', key: undefined }).get('/functions')).rejects.toMatchObject({
    next: expect.stringContaining('No API key was given'),
  });
});

test.each([
  [200, '<html>'],
  [502, '<html>'],
  [302, ''],
])('says that an answer of %s with %j is not of our server', async (status, body) => {
  const url = await serve((_, response) => response.writeHead(status).end(body));
  if (status === 302) await expect(client(url).get('/functions')).rejects.toThrow(/answered 302/);
  else await expect(client(url).get('/functions')).rejects.toThrow(/not JSON|not Martlet's/);
});

test('explains a refused connection with the command that starts a server', async () => {
  const url = await serve(() => undefined);
  servers.splice(0).forEach((server) => server.close());
  await expect(client(url).get('/functions')).rejects.toMatchObject({
    message: `Cannot reach ${url}: connection refused.`,
    next: expect.stringContaining('martlet dev'),
  });
});

test('explains a name that does not exist and an answer that breaks off', async () => {
  await expect(client('http://martlet.invalid').get('/functions')).rejects.toThrow(
    /Cannot reach http:\/\/martlet\.invalid: (no machine has this name|the name cannot be looked up now)/,
  );
  const url = await serve((_, response) => {
    response.writeHead(200, { 'content-length': '100' });
    response.write('{');
    setTimeout(() => response.destroy(), 20);
  });
  await expect(client(url).get('/functions')).rejects.toThrow(/the server closed the connection/);
});

test('follows events until the signal, without an error', async () => {
  const url = await serve((_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(': hello\n\ndata: {"a":1}\n\nevent: end\ndata: x\ndata: y\n\n');
  });
  const stop = new AbortController();
  const events: ServerSentEvent[] = [];
  for await (const event of client(url).events('/logs', {}, stop.signal)) {
    events.push(event);
    if (events.length === 2) stop.abort();
  }
  expect(events).toEqual([
    { event: 'message', data: '{"a":1}' },
    { event: 'end', data: 'x\ny' },
  ]);
});

test('reads the same events however the bytes were cut', async () => {
  const eventOf = fc.record({ event: fc.constantFrom('message', 'log', 'end'), data: fc.stringMatching(/^[a-zäß✓ :{}"]{0,12}$/u) });
  await fc.assert(
    fc.asyncProperty(
      fc.array(eventOf, { maxLength: 5 }),
      fc.array(fc.nat(200), { maxLength: 8 }),
      fc.constantFrom('\n', '\r\n'),
      async (events, cuts, newline) => {
        const text = events
          .map(({ event, data }) => `event: ${event}${newline}data: ${data}${newline}${newline}`)
          .join(`: ping${newline}${newline}`);
        const bytes = Buffer.from(text);
        const at = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length];
        const chunks = at.slice(1).map((end, index) => bytes.subarray(at[index], end));
        const read: ServerSentEvent[] = [];
        for await (const event of readServerSentEvents(Readable.from(chunks))) read.push(event);
        expect(read).toEqual(events);
      },
    ),
  );
});
