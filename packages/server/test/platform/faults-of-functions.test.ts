/** What functions do wrong, by fault or on purpose: each is answered for itself, and nothing else pays for it. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startPlatform, type TestPlatform } from './start-platform.ts';

let martlet: TestPlatform;
beforeAll(async () => {
  martlet = await startPlatform();
});
afterAll(() => martlet.close());

const UNSHOWABLE = '[a value that cannot be shown]';

describe('a function that throws', () => {
  test.each([
    [
      'a proxy that throws',
      `throw new Proxy({}, { get() { throw new Error('trap'); }, getPrototypeOf() { throw new Error('x'); } });`,
      UNSHOWABLE,
    ],
    ['a symbol', `throw Symbol('s');`, 'Symbol(s)'],
    ['an object without a prototype', `throw Object.create(null);`, '{}'],
    ['a function that cannot be text', `throw Object.assign(() => 1, { toString() { throw new Error('no'); } });`, UNSHOWABLE],
    [
      'an error whose stack throws',
      `throw Object.defineProperty(new Error('x'), 'stack', { get() { throw new Error('no'); } });`,
      'Error: x',
    ],
    ['a long message in Chinese', `throw new Error('漢'.repeat(120_000));`, '漢漢漢'],
    ['a long message of control characters', `throw new Error('\\u0001'.repeat(60_000));`, '\u0001\u0001'],
  ])('%s has failed by throwing, whether it is async or not', async (what, code, shown) => {
    const name = `throws-${slug(what)}`;
    await martlet.deployCode(
      name,
      `const fail = () => { ${code} };
      export default (request: Request) => (request.url.endsWith('?async') ? Promise.resolve().then(fail) : fail());`,
    );
    for (const path of [name, `${name}?async`]) {
      const response = await martlet.call(path);
      expect(response.status).toBe(500);
      const record = await martlet.recordOf(response);
      expect(record).toMatchObject({ status: 'failed', errorCode: 'execution_threw' });
      expect(record.errors).toContain(shown);
    }
  });
});

describe('a function that answers with', () => {
  test.each([
    [
      'a proxy that throws',
      `return new Proxy({}, { get() { throw new Error('trap'); }, has() { throw new Error('h'); } });`,
      'execution_threw',
      'Error: trap',
    ],
    ['an object whose then() throws', `return { then() { throw new Error('then'); } };`, 'execution_threw', 'Error: then'],
    [
      'more headers than HTTP takes',
      `const headers = new Headers(); for (let i = 0; i < 1500; i += 1) headers.append('x-' + i, 'a'); return new Response('ok', { headers });`,
      'execution_response_invalid',
      'header',
    ],
  ])('%s has failed and keeps its worker', async (what, code, errorCode, said) => {
    const name = `answers-${slug(what)}`;
    await martlet.deployCode(name, `export default async () => { ${code} };`);
    const before = martlet.platform.services.pool.readings().coldStarts;
    const [first, second] = [await martlet.call(name), await martlet.call(name)];
    expect([first.status, second.status]).toEqual([500, 500]);
    const record = await martlet.recordOf(first);
    expect(record).toMatchObject({ status: 'failed', errorCode });
    expect(record.errors).toContain(said);
    expect(martlet.platform.services.pool.readings().coldStarts - before).toBe(1);
  });

  test.each([
    ['a stream that breaks', `pull(c) { c.error(new Error('mid')); }`, 'execution_threw'],
    ['a stream of text', `pull(c) { c.enqueue('text'); }`, 'execution_response_invalid'],
  ])('%s breaks the connection, and its record says why', async (what, source, errorCode) => {
    const name = `streams-${slug(what)}`;
    await martlet.deployCode(name, `export default () => new Response(new ReadableStream({ ${source} }));`);
    const response = await martlet.call(name);
    await expect(response.text()).rejects.toThrow();
    expect(await martlet.recordOf(response)).toMatchObject({ status: 'failed', errorCode });
  });

  test('an object of the older form is understood', async () => {
    await martlet.deployCode(
      'answers-object',
      `export default () => ({ statusCode: 201, headers: { 'x-a': 'ok' }, body: Buffer.alloc(100_000, 65) });`,
    );
    const response = await martlet.call('answers-object');
    expect([response.status, response.headers.get('x-a'), await response.text()]).toEqual([201, 'ok', 'A'.repeat(100_000)]);
  });
});

describe('a promise given to waitUntil()', () => {
  test.each([
    ['a proxy that throws', `new Proxy({}, { get() { throw new Error('trap'); } })`],
    ['a function that cannot be text', `Object.assign(() => 1, { toString() { throw new Error('no'); } })`],
  ])('that is rejected with %s is noted, and the execution has completed', async (what, reason) => {
    const name = `waits-${slug(what)}`;
    await martlet.deployCode(
      name,
      `export default (_: Request, ctx: any) => { ctx.waitUntil(Promise.reject(${reason})); return new Response('ok'); };`,
    );
    const response = await martlet.call(name);
    expect(await response.text()).toBe('ok');
    const record = await martlet.recordOf(response);
    expect(record.status).toBe('completed');
    expect(record.errors).toContain(`rejected: ${UNSHOWABLE}`);
  });

  test('in which the process exits makes the execution crashed, its response stays', async () => {
    await martlet.deployCode(
      'exits-late',
      `export default (_: Request, ctx: any) => {
        ctx.waitUntil(new Promise(() => setTimeout(() => process.exit(3), 50)));
        return new Response('ok');
      };`,
    );
    const response = await martlet.call('exits-late');
    expect([response.status, await response.text()]).toEqual([200, 'ok']);
    const record = await martlet.recordOf(response);
    expect(record).toMatchObject({ status: 'failed', errorCode: 'execution_crashed' });
    expect(record.errors).toContain('exit code 3');
  });
});

describe('a function that breaks its own process', () => {
  test.each([
    ['by closing its channel', `import fs from 'node:fs'; export default () => { fs.closeSync(3); return new Response('ok'); };`],
    [
      'by destroying every handle',
      `export default () => { for (const h of (process as any)._getActiveHandles()) h.destroy?.(); return new Response('ok'); };`,
    ],
  ])('%s has crashed at once, and the next call gets a process of its own', async (how, code) => {
    const name = `breaks-${slug(how)}`;
    await martlet.deployCode(name, code, { timeout: 8 });
    for (const response of [await martlet.call(name), await martlet.call(name)]) {
      // A process that hung instead would answer 504 after its eight seconds.
      expect(response.status).toBe(502);
      expect(await martlet.recordOf(response)).toMatchObject({ status: 'failed', errorCode: 'execution_crashed' });
    }
  });

  test.each(['Array.prototype.push', 'Map.prototype.get', 'Promise.prototype.then', 'Buffer.prototype.write'])(
    'by replacing %s is answered at once, one way or the other',
    async (what) => {
      const name = `replaces-${slug(what)}`;
      await martlet.deployCode(
        name,
        `export default () => { (${what} as any) = () => { throw new Error('no'); }; return new Response('ok'); };`,
        { timeout: 8 },
      );
      for (const response of [await martlet.call(name), await martlet.call(name)]) expect([200, 500, 502]).toContain(response.status);
    },
  );

  test('only for itself, by replacing setImmediate(), answers all the same', async () => {
    await martlet.deployCode(
      'no-immediate',
      `export default () => { globalThis.setImmediate = (() => undefined) as never; return new Response('ok'); };`,
    );
    for (const response of [await martlet.call('no-immediate'), await martlet.call('no-immediate')])
      expect(await response.text()).toBe('ok');
  });
});

describe('a function that writes its own frames', () => {
  test('cannot state the framing of the HTTP response', async () => {
    await martlet.deploy('echo');
    await martlet.deployCode(
      'forges-frame',
      `import fs from 'node:fs';
      export default () => {
        const headers = ['Content-Length', '3', 'Transfer-Encoding', 'chunked', 'Connection', 'close', 'x-appwrite-execution-id', 'forged', 'x-martlet-execution-id', 'forged'].join('\\0');
        const body = 'hello HTTP/1.1 200 OK';
        const payload = Buffer.alloc(15 + headers.length + body.length);
        payload[0] = 3;
        payload.writeUInt16LE(200, 1);
        payload.writeUInt32LE(headers.length, 11);
        payload.write(headers, 15, 'latin1');
        payload.write(body, 15 + headers.length);
        const head = Buffer.alloc(9);
        head.writeUInt32LE(payload.length, 0);
        head.writeUInt32LE(1, 4);
        head[8] = 19;
        fs.writeSync(3, Buffer.concat([head, payload]));
        return new Promise(() => undefined);
      };`,
    );
    const answer = await martlet.send(
      'GET /functions/forges-frame HTTP/1.1\r\nHost: x\r\n\r\nGET /functions/echo/next HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
    );
    const [head = '', ...rest] = answer.split('\r\n\r\n');
    expect(head.match(/^content-length: .*$/gim)).toEqual(['content-length: 21']);
    expect(head).not.toMatch(/transfer-encoding|forged/i);
    // The next response on the connection begins where the forged one ends.
    expect(rest.join('\r\n\r\n')).toMatch(/^hello HTTP\/1\.1 200 OKHTTP\/1\.1 200 OK\r\n/);
    expect(answer).toContain('"path":"/next"');
  });
});

describe('the token of an execution', () => {
  test('opens nothing beyond the scopes of the function', async () => {
    // A token lives as long as its execution, so the function asks for itself.
    await martlet.deployCode(
      'asks',
      `export default async (request: Request) => {
        const headers = { 'x-appwrite-key': request.headers.get('x-appwrite-key')!, 'content-type': 'application/json' };
        const { asks } = await request.json();
        return Response.json(await Promise.all(asks.map(async ([method, path]: [string, string]) => {
          const body = method === 'POST' ? '{}' : undefined;
          const response = await fetch(process.env.MARTLET_URL + path, { method, headers, body });
          return [method, path, response.status];
        })));
      };`,
    );
    const asks = [
      ['GET', '/v1/functions'],
      ['POST', '/v1/functions'],
      ['GET', '/v1/keys'],
      ['POST', '/v1/keys'],
      ['GET', '/v1/executions'],
      ['GET', '/v1/executions?live=true'],
      ['GET', '/v1/logs'],
      ['GET', '/metrics'],
    ];
    const response = await martlet.call('asks', { method: 'POST', body: JSON.stringify({ asks }) });
    expect(await response.json()).toEqual(asks.map(([method, path]) => [method, path, 401]));
  });
});

describe('the log of an execution', () => {
  test('takes a bounded number of lines even when they are empty', async () => {
    await martlet.deployCode(
      'empty-lines',
      `export default async () => {
        for (let i = 0; i < 60; i += 1) {
          for (let j = 0; j < 5000; j += 1) console.log('');
          await new Promise((resolve) => setImmediate(resolve));
        }
        return new Response('ok');
      };`,
    );
    const response = await martlet.call('empty-lines');
    expect(await response.text()).toBe('ok');
    const { logs } = await martlet.recordOf(response);
    const lines = logs.split('\n').length;
    expect(lines).toBeGreaterThan(1000);
    expect(lines).toBeLessThan(120_000);
  });
});

describe('an execution leaves its neighbours in the same worker alone', () => {
  test.each([
    ['a promise is rejected and nobody looks', `setTimeout(() => void Promise.reject(new Error('mine')), 50);`],
    [
      'a stream has an error that nobody hears',
      `new Readable({ read() { setTimeout(() => this.destroy(new Error('stream')), 20); } }).resume();`,
    ],
  ])('when in it %s', async (what, code) => {
    const name = `neighbour-${slug(what)}`;
    await martlet.deployCode(
      name,
      `import { Readable } from 'node:stream';
      export default async (request: Request) => {
        if (request.url.endsWith('?bad')) { ${code} }
        await new Promise((resolve) => setTimeout(resolve, 300));
        return new Response('ok');
      };`,
    );
    await martlet.call(name);
    const before = martlet.platform.services.pool.readings().coldStarts;
    const paths = Array.from({ length: 20 }, (_, index) => (index % 2 === 0 ? `${name}?bad` : name));
    const responses = await Promise.all(paths.map((path) => martlet.call(path)));
    expect(responses.map(({ status }) => status)).toEqual(paths.map((path) => (path === name ? 200 : 500)));
    expect(martlet.platform.services.pool.readings().coldStarts).toBe(before);
  });

  test('when it times out and stops by itself', async () => {
    await martlet.deployCode(
      'stops-itself',
      `export default async (request: Request, ctx: any) => {
        await new Promise((resolve) => {
          setTimeout(resolve, Number(new URL(request.url).searchParams.get('ms')));
          ctx.signal.addEventListener('abort', resolve);
        });
        return new Response('ok');
      };`,
      { timeout: 2 },
    );
    await martlet.call('stops-itself?ms=0');
    const late = martlet.call('stops-itself?ms=60000');
    await sleep(1500);
    const innocent = martlet.call('stops-itself?ms=1000');
    expect([(await late).status, (await innocent).status]).toEqual([504, 200]);
  });
});

function slug(sentence: string): string {
  return sentence.toLowerCase().replaceAll(/[^a-z]+/g, '-');
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
