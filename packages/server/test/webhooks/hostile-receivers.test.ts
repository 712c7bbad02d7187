/** Receivers that answer as no server should: whatever they do, what was sent to them ends. */
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { createWebReader } from '../../src/drivers/policy-egress/web/web-reader.ts';
import { createWebSender } from '../../src/drivers/policy-egress/web/web-sender.ts';

const options = { privateHosts: ['127.0.0.1'], extraDenied: [] };
const SWITCHES = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\n';
/** Far beyond what any of it may take. */
const NEVER_MS = 9000;

const open: Server[] = [];
const sockets = new Set<Socket>();
afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  await Promise.all(open.splice(0).map((server) => new Promise((resolve) => server.close(resolve))));
});

/** A server of bare bytes: says them to whoever comes, and keeps the connection. */
async function says(speak: (socket: Socket) => void): Promise<string> {
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    socket.once('data', () => speak(socket));
  });
  open.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

const post = (url: string, { timeoutMs = 1000, signal = new AbortController().signal } = {}) =>
  createWebSender(options).post({ url, headers: {}, body: Buffer.from('{}'), timeoutMs, signal });

const within = <Value>(work: Promise<Value>): Promise<Value | 'never'> =>
  Promise.race([work, new Promise<'never'>((resolve) => setTimeout(resolve, NEVER_MS, 'never').unref())]);

it('that change the protocol are no answer, to who posts and to who reads', async () => {
  const url = await says((socket) => socket.write(SWITCHES));
  await expect(within(post(url))).rejects.toThrow('status 101');
  await expect(within(createWebReader(options).readJson(url))).rejects.toThrow('status 101');
  await expect.poll(() => sockets.size).toBe(0);
});

it('that hang up without an answer, or never come to it, are told as such', async () => {
  await expect(within(post(await says((socket) => socket.end())))).rejects.toThrow('socket hang up');
  const silent = await says(() => {});
  await expect(within(post(silent, { timeoutMs: 50 }))).rejects.toThrow('no answer within 50 ms');
  const endless = await says((socket) => {
    const timer = setInterval(() => socket.write('HTTP/1.1 100 Continue\r\n\r\n'), 5);
    socket.on('close', () => clearInterval(timer));
  });
  await expect(within(post(endless, { timeoutMs: 200 }))).rejects.toThrow('no answer within 200 ms');
  const closing = new AbortController();
  setTimeout(() => closing.abort(new Error('the server stops')), 50);
  await expect(within(post(silent, { signal: closing.signal, timeoutMs: 60_000 }))).rejects.toThrow('the server stops');
});

it('that go on answering keep their place until they are cut off, a moment later', async () => {
  const head = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n';
  const slow = await says((socket) => {
    socket.write(head);
    const timer = setInterval(() => socket.write('1\r\nx\r\n'), 20);
    socket.on('close', () => clearInterval(timer));
  });
  const flood = await says((socket) => {
    socket.write(head);
    const piece = `10000\r\n${'x'.repeat(65_536)}\r\n`;
    const timer = setInterval(() => socket.write(piece), 1);
    socket.on('close', () => clearInterval(timer));
  });
  for (const url of [slow, flood]) {
    await expect(within(post(url, { timeoutMs: 60_000 }))).resolves.toBe(200);
    // Whoever has the answer knows that its socket is gone.
    await expect.poll(() => sockets.size, { timeout: 500 }).toBe(0);
  }
  // What was answered in time was answered, also where the time ends in the middle of the rest.
  await expect(within(post(slow, { timeoutMs: 300 }))).resolves.toBe(200);
  const closing = new AbortController();
  setTimeout(() => closing.abort(new Error('the server stops')), 200);
  await expect(within(post(slow, { timeoutMs: 60_000, signal: closing.signal }))).resolves.toBe(200);
});

it('that answer in a whole are taken at their word at once', async () => {
  const url = await says((socket) => socket.end('HTTP/1.1 204 No Content\r\n\r\n'));
  const begun = performance.now();
  for (let count = 0; count < 5; count += 1) await expect(post(url)).resolves.toBe(204);
  // None of them waited out the moment that is given to those that go on.
  expect(performance.now() - begun).toBeLessThan(4000);
});
