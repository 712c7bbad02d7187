/** What stands on the connection: short bodies go past Node's streams, and nobody on the other end may tell. */
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { startPlatform, type TestPlatform } from './start-platform.ts';

const SOURCE = `
export default async function wire(request: Request): Promise<Response> {
  const url = new URL(request.url);
  const wait = Number(url.searchParams.get('wait') ?? 0);
  if (wait > 0) await new Promise((done) => setTimeout(done, wait));
  const status = Number(url.searchParams.get('status') ?? 200);
  const headers = new Headers({ 'x-tag': url.searchParams.get('tag') ?? '' });
  const long = url.searchParams.get('header');
  if (long !== null) headers.set('x-long', 'h'.repeat(Number(long)));
  if ([204, 205, 304].includes(status)) return new Response(null, { status, headers });
  const body = await request.text();
  const size = Number(url.searchParams.get('size') ?? 0);
  return new Response(size > 0 ? 'é'.repeat(size) : JSON.stringify({ tag: url.searchParams.get('tag'), body }), { status, headers });
}
`;

let martlet: TestPlatform;
beforeAll(async () => {
  martlet = await startPlatform();
  await martlet.deployCode('wire', SOURCE);
});
afterAll(() => martlet.close());

const get = (query: string, more = ''): string => `GET /functions/wire?${query} HTTP/1.1\r\nHost: x\r\n${more}\r\n`;
const post = (query: string, body: string, more = ''): string =>
  `POST /functions/wire?${query} HTTP/1.1\r\nHost: x\r\nContent-Length: ${Buffer.byteLength(body)}\r\n${more}\r\n${body}`;
const CLOSE = 'Connection: close\r\n';
const count = (text: string, part: string): number => text.split(part).length - 1;
const tagsOf = (text: string): string[] => [...text.matchAll(/"tag":"(\w+)"/g)].map(([, tag]) => tag as string);

describe('one connection', () => {
  test('serves request after request, and says how long it stays', async () => {
    await using line = await openLine();
    for (const tag of ['a', 'b', 'c']) {
      line.write(get(`tag=${tag}`));
      const answer = await line.until(`"tag":"${tag}","body":""}`);
      expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
      expect(answer).toMatch(/\r\nDate: \w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT\r\n/);
      expect(answer).toContain('\r\nConnection: keep-alive\r\nKeep-Alive: timeout=75\r\n');
      expect(count(answer.toLowerCase(), 'content-length:')).toBe(1);
      expect(answer).not.toContain('Transfer-Encoding');
    }
  });

  test('answers requests that came at once in their order, the slow first one first', async () => {
    await using line = await openLine();
    line.write(get('tag=a&wait=150') + post('tag=b', 'B') + get('tag=c') + post('tag=d&wait=50', 'D') + get('tag=e'));
    const answer = await line.until('"tag":"e","body":""}');
    expect(tagsOf(answer)).toEqual(['a', 'b', 'c', 'd', 'e']);
    expect(answer).toContain('"tag":"b","body":"B"');
    expect(answer).toContain('"tag":"d","body":"D"');
  });

  test('takes hundreds of requests in one write', async () => {
    await using line = await openLine();
    const tags = Array.from({ length: 300 }, (_, index) => `t${index}`);
    line.write(tags.map((tag, index) => (index % 2 === 0 ? get(`tag=${tag}`) : post(`tag=${tag}`, tag))).join(''));
    expect(tagsOf(await line.until('"tag":"t299","body":"t299"}'))).toEqual(tags);
  });

  test('ends after an answer where the caller wants it to, with all bytes of it', async () => {
    const answer = await martlet.send(get('tag=a') + get('tag=b&size=3000', CLOSE));
    expect(count(answer, 'HTTP/1.1 200 OK')).toBe(2);
    expect(answer).toContain('\r\nConnection: close\r\n');
    expect(answer.endsWith(Buffer.from('é'.repeat(3000)).toString('latin1'))).toBe(true);
  });

  test('of HTTP/1.0 ends, unless the caller asks to keep it', async () => {
    const answer = await martlet.send('GET /functions/wire?tag=old HTTP/1.0\r\n\r\n');
    expect(answer).toContain('\r\nConnection: close\r\n');
    expect(answer).toContain('"tag":"old"');
    await using line = await openLine();
    for (const tag of ['k', 'l']) {
      line.write(`GET /functions/wire?tag=${tag} HTTP/1.0\r\nConnection: keep-alive\r\n\r\n`);
      const kept = await line.until(`"tag":"${tag}"`);
      expect(kept).toMatch(/\r\nConnection: (keep-alive|close)\r\n/);
      if (kept.includes('Connection: close')) break;
    }
  });

  test.each([204, 304, 205])('has no body after a %d, and the next answer right behind it', async (status) => {
    const answer = await martlet.send(get(`status=${status}`) + get('tag=next', CLOSE));
    expect(answer.slice(answer.indexOf('\r\n\r\n') + 4)).toMatch(/^(0\r\n\r\n)?HTTP\/1\.1 200 OK/);
    expect(tagsOf(answer)).toEqual(['next']);
  });

  test('has no body after HEAD', async () => {
    const answer = await martlet.send(`HEAD /functions/wire?tag=a HTTP/1.1\r\nHost: x\r\n\r\n${get('tag=next', CLOSE)}`);
    expect(answer.slice(answer.indexOf('\r\n\r\n') + 4)).toMatch(/^HTTP\/1\.1 200 OK/);
    expect(tagsOf(answer)).toEqual(['next']);
  });

  test('keeps its place after a refusal and after a failure', async () => {
    const answer = await martlet.send(`GET /functions/no-such HTTP/1.1\r\nHost: x\r\n\r\n${get('status=199')}${get('tag=next', CLOSE)}`);
    expect([...answer.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => Number(status))).toEqual([404, 500, 200]);
  });
});

describe('a short body', () => {
  test('may come in pieces', async () => {
    await using line = await openLine();
    const whole = post('tag=p', 'abcdef');
    for (const piece of [whole.slice(0, -4), whole.slice(-4, -3), whole.slice(-3)]) {
      line.write(piece);
      await new Promise((done) => setTimeout(done, 40));
    }
    expect(await line.until('"tag":"p"')).toContain('"body":"abcdef"');
    line.write(post('tag=q', 'again'));
    expect(await line.until('"tag":"q"')).toContain('"body":"again"');
  });

  test('may be asked for by Expect: 100-continue', async () => {
    await using line = await openLine();
    line.write('POST /functions/wire?tag=e HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n');
    await line.until('HTTP/1.1 100 Continue\r\n\r\n');
    line.write('abc');
    const answer = await line.until('"tag":"e"');
    expect(answer).toContain('"body":"abc"');
    expect(answer).toContain('Connection: keep-alive');
  });

  test('of a GET reaches the wire, and the next request is not read from it', async () => {
    const answer = await martlet.send(
      `GET /functions/wire?tag=g HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc${get('tag=h', CLOSE)}`,
    );
    expect(tagsOf(answer)).toEqual(['g', 'h']);
  });

  test('of any size from nothing to beyond what is joined comes back as it was sent', async () => {
    for (const size of [0, 1, 100, 8191, 8192, 8193, 65_535, 65_536, 65_537, 300_000]) {
      const text = 'ab\u00e9'.repeat(Math.ceil(size / 3)).slice(0, size);
      const response = await martlet.call('wire?tag=s', { method: 'POST', body: text });
      expect(((await response.json()) as { body: string }).body).toBe(text);
    }
  });

  test('whose caller leaves in the middle of it is no execution, and the server goes on', async () => {
    const line = await openLine();
    line.write('POST /functions/wire?tag=gone HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc');
    await new Promise((done) => setTimeout(done, 50));
    line.socket.resetAndDestroy();
    await vi.waitFor(() => expect(martlet.platform.services.invoke.inFlight).toBe(0));
    expect((await martlet.call('wire?tag=on')).status).toBe(200);
  });
});

test('a caller that leaves while its function runs cancels the execution', async () => {
  const line = await openLine();
  line.write(post('tag=left&wait=5000', 'x'));
  await vi.waitFor(() => expect(martlet.platform.services.invoke.inFlight).toBe(1), { timeout: 5000 });
  const [running] = martlet.platform.services.invoke.live(martlet.platform.project);
  line.socket.destroy();
  const record = await martlet.recordOf(running?.id ?? '');
  expect(record).toMatchObject({ status: 'failed', errorCode: 'execution_canceled' });
});

test('a long head and a head that HTTP does not allow', async () => {
  const answer = await martlet.send(get('tag=long&header=12000', CLOSE));
  expect(answer).toContain(`x-long: ${'h'.repeat(12_000)}\r\n`);
  expect(answer).toContain('"tag":"long"');
});

interface Line extends AsyncDisposable {
  readonly socket: Socket;
  write(bytes: string): void;
  /** Everything since the last call, as Latin-1, once it contains `end`. */
  until(end: string): Promise<string>;
}

async function openLine(): Promise<Line> {
  const socket = connect(martlet.platform.port, '127.0.0.1');
  let received = '';
  socket.setEncoding('latin1');
  socket.on('data', (part: string) => {
    received += part;
  });
  socket.on('error', () => undefined);
  await new Promise<void>((done) => socket.once('connect', done));
  return {
    socket,
    write: (bytes) => void socket.write(bytes, 'latin1'),
    async until(end) {
      await vi.waitFor(() => expect(received).toContain(end), { timeout: 10_000, interval: 5 });
      const all = received;
      received = '';
      return all;
    },
    [Symbol.asyncDispose]: async () => void socket.destroy(),
  };
}
