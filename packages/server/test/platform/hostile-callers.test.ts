/** Callers that send what HTTP does not allow, leave at the worst moment, or send keys to functions that must not see them. */
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { startPlatform, type TestPlatform } from './start-platform.ts';

let martlet: TestPlatform;
beforeAll(async () => {
  martlet = await startPlatform();
  await martlet.deploy('echo');
});
afterAll(() => martlet.close());

const CLOSE = 'Host: x\r\nConnection: close\r\n';

describe('a request', () => {
  test.each(['a:99999', '256.1.1.1', '1.2.3.4.5', 'xn--a', '..', '-'])('for the odd host "%s" reaches the function', async (host) => {
    const answer = await martlet.send(`GET /functions/echo/here HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
    expect(statusesOf(answer)).toEqual([200]);
    expect(answer).toContain('"path":"/here"');
  });

  test.each([
    ['with an absolute address', `GET http://x/functions/echo HTTP/1.1\r\n${CLOSE}\r\n`],
    ['of HTTP/1.0 without a host', 'GET /functions/echo HTTP/1.0\r\n\r\n'],
    ['with a fragment', `GET /functions/echo/a#b HTTP/1.1\r\n${CLOSE}\r\n`],
    ['with a method of its own', `PROPFIND /functions/echo HTTP/1.1\r\n${CLOSE}\r\n`],
    ['of the method QUERY', `QUERY /functions/echo HTTP/1.1\r\n${CLOSE}Content-Length: 3\r\n\r\nabc`],
    ['of the method GET with a body', `GET /functions/echo HTTP/1.1\r\n${CLOSE}Content-Length: 3\r\n\r\nabc`],
    [
      'to switch to WebSocket, which is not offered,',
      'GET /functions/echo HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\n\r\n',
    ],
    [
      'to switch to HTTP/2, which is not offered,',
      'POST /functions/echo HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\nContent-Length: 3\r\n\r\nabc',
    ],
  ])('%s is answered by the function', async (_what, bytes) => {
    const answer = await martlet.send(bytes);
    expect(statusesOf(answer)).toEqual([200]);
    expect(answer).toContain('"method":');
  });

  test('that asks first whether to go on is told to, then answered', async () => {
    const answer = await martlet.send(`POST /functions/echo HTTP/1.1\r\n${CLOSE}Expect: 100-continue\r\nContent-Length: 3\r\n\r\nabc`);
    expect(statusesOf(answer)).toEqual([100, 200]);
    expect(answer).toContain('"body":"abc"');
  });

  test.each([
    [
      'with a length and chunks',
      'POST /functions/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /functions/echo?smuggled HTTP/1.1\r\nHost: x\r\n\r\n',
      [400],
    ],
    [
      'with two transfer encodings',
      'POST /functions/echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n',
      [400],
    ],
    ['with two hosts', 'GET /functions/echo HTTP/1.1\r\nHost: x\r\nHost: y\r\nConnection: close\r\n\r\n', [400]],
    ['with two lengths', 'POST /functions/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd', [400]],
    ['with bytes in its address that are not ASCII', 'GET /functions/echo/\xe9?q=\xe9 HTTP/1.1\r\nHost: x\r\nx-a: \xe9\r\n\r\n', [400]],
    ['of the method TRACE', `TRACE /functions/echo HTTP/1.1\r\n${CLOSE}\r\n`, [400]],
    ['for the whole server', `OPTIONS * HTTP/1.1\r\n${CLOSE}\r\n`, [400]],
    ['that expects what is not known', `POST /functions/echo HTTP/1.1\r\n${CLOSE}Expect: foo\r\nContent-Length: 3\r\n\r\nabc`, [417]],
    ['to the API with a host that cannot be one', 'GET /v1/functions HTTP/1.1\r\nHost: a b\r\nConnection: close\r\n\r\n', [400]],
    ['to the API with an absolute address and no key', `GET http://x/v1/functions HTTP/1.1\r\n${CLOSE}\r\n`, [401]],
    ['for a tunnel to a host', 'CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n', []],
    ['for a tunnel to a function', 'CONNECT /functions/echo HTTP/1.1\r\nHost: x\r\n\r\n', []],
  ])('%s is refused, and nothing behind it is taken for another request', async (_what, bytes, statuses) => {
    const answer = await martlet.send(bytes);
    expect(statusesOf(answer)).toEqual(statuses);
    expect(answer).not.toContain('"method":');
  });
});

describe('a key', () => {
  test.each(['bearer mk_secret', 'BEARER mk_secret', 'Bearer  mk_secret'])(
    'sent as "%s" does not reach the function',
    async (authorization) => {
      const text = await (await martlet.call('echo', { headers: { authorization } })).text();
      expect(text).toContain('"method":"GET"');
      expect(text).not.toContain('mk_secret');
    },
  );
});

describe('a body', () => {
  test.each([10, 200_000])('of %i bytes that the function clones is whole in both copies', async (size) => {
    const name = `clones-${size}`;
    await martlet.deployCode(
      name,
      `export default async (request: Request) => {
        const copy = request.clone();
        const [a, b] = await Promise.all([copy.text(), request.text()]);
        return Response.json([a.length, b.length]);
      };`,
    );
    const response = await martlet.call(name, { method: 'POST', body: 'x'.repeat(size) });
    expect(await response.json()).toEqual([size, size]);
  });
});

describe('a caller that leaves', () => {
  test('while its key is looked up holds no execution', async () => {
    const { invoke } = martlet.platform.services;
    await martlet.deployCode('waits-for-body', `export default async (request: Request) => new Response(await request.text());`, {
      timeout: 15,
    });
    expect((await martlet.call('waits-for-body')).status).toBe(200);
    for (let index = 0; index < 20; index += 1) {
      await leaveAfter(
        `POST /functions/waits-for-body HTTP/1.1\r\nHost: x\r\nx-martlet-key: mk_${'a'.repeat(20 + index)}.x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n`,
      );
    }
    // The last of them may not have been read yet; one that was admitted stays until its time-out, far later than this wait.
    await sleep(500);
    await vi.waitFor(() => expect(invoke.inFlight).toBe(0), { timeout: 5000 });
  });

  test('gives up its place in the queue at once', async () => {
    await martlet.deployCode(
      'one-at-a-time',
      `export default async (request: Request) => {
        await new Promise((resolve) => setTimeout(resolve, Number(new URL(request.url).searchParams.get('ms'))));
        return new Response('ok');
      };`,
      { concurrency: 1 },
    );
    await martlet.call('one-at-a-time?ms=0');
    const running = martlet.call('one-at-a-time?ms=2500').then(({ status }) => ({ status, at: performance.now() }));
    await vi.waitFor(() => expect(martlet.platform.services.invoke.inFlight).toBe(1));
    const leaving = new AbortController();
    const waiting = martlet.call('one-at-a-time?ms=0', { signal: leaving.signal });
    await vi.waitFor(async () => expect(await queued()).toBe(1), { timeout: 2000 });
    leaving.abort();
    await expect(waiting).rejects.toThrow('aborted');
    await vi.waitFor(async () => expect(await queued()).toBe(0), { timeout: 5000 });
    const freedAt = performance.now();
    const ended = await running;
    expect(ended.status).toBe(200);
    expect(freedAt).toBeLessThan(ended.at);
  });
});

describe('an execution that is canceled', () => {
  test('while its worker starts never reaches the function', async () => {
    const { invoke } = martlet.platform.services;
    // More memory than a blank has: its worker boots for it, which gives the time to cancel.
    await martlet.deployCode(
      'boots-slowly',
      `export default async () => {
        console.log('begun');
        await new Promise((resolve) => setTimeout(resolve, 3000));
        return new Response('ok');
      };`,
      { memory: 300 },
    );
    const calling = martlet.call('boots-slowly');
    const id = await vi.waitUntil(() => invoke.live(martlet.platform.project)[0]?.id, { interval: 1, timeout: 5000 });
    expect(invoke.cancel(martlet.platform.project, id)).toBe(true);
    expect((await calling).status).toBe(499);
    // Long enough for the worker to be ready, and for the function to begin if it still could.
    await sleep(700);
    expect(await martlet.recordOf(id)).toMatchObject({ status: 'failed', errorCode: 'execution_canceled', logs: '' });
    expect(invoke.inFlight).toBe(0);
  });
});

/** The status of each response, in order. */
function statusesOf(answer: string): number[] {
  return [...answer.matchAll(/^HTTP\/1\.1 (\d{3}) /gm)].map(([, status]) => Number(status));
}

/** Sends bytes and resets the connection as soon as they are on their way. */
function leaveAfter(bytes: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(martlet.platform.port, '127.0.0.1', () => {
      socket.write(bytes, () => socket.resetAndDestroy());
    });
    socket.on('error', reject);
    socket.on('close', () => resolve());
  });
}

async function queued(): Promise<number> {
  const metrics = await (await fetch(`${martlet.url}/metrics`, { headers: martlet.headers })).text();
  return Number(/^martlet_executions_queued (\d+)$/m.exec(metrics)?.[1]);
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
