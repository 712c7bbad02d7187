/** Bodies both ways: streamed, large, binary, broken off, with backpressure. */
import { createHash } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startPlatform, type TestPlatform } from './start-platform.ts';

let martlet: TestPlatform;
beforeAll(async () => {
  martlet = await startPlatform();
  await Promise.all(
    ['streams', 'swallows', 'pipes', 'binary', 'big', 'echo', 'cookies', 'empty', 'ignores-body'].map((name) => martlet.deploy(name)),
  );
});
afterAll(() => martlet.close());

describe('a response', () => {
  test('that is streamed arrives chunk by chunk', async () => {
    const response = await martlet.call('streams?chunks=4&delay=100');
    const times: number[] = [];
    for await (const chunk of response.body ?? []) if (chunk.length > 0) times.push(performance.now());
    expect(times.length).toBe(4);
    expect((times[3] ?? 0) - (times[0] ?? 0)).toBeGreaterThan(200);
  });

  test('far larger than a window comes whole', async () => {
    const response = await martlet.call('streams?chunks=400&delay=0&size=50000');
    expect((await response.arrayBuffer()).byteLength).toBe(20_000_000);
  });

  test('is not produced faster than a slow reader takes it', async () => {
    const response = await martlet.call('streams?chunks=100000&delay=0&size=60000');
    const reader = response.body?.getReader();
    await reader?.read();
    await new Promise((resolve) => setTimeout(resolve, 500));
    const memory = martlet.platform.services.pool.readings().memoryBytes;
    await reader?.cancel();
    // Six gigabytes were asked for.
    expect(memory).toBeLessThan(400_000_000);
    const record = await martlet.recordOf(response);
    expect(record.logs).toMatch(/canceled after \d{1,4} chunks/);
  });

  test('of bytes arrives as it was made', async () => {
    const response = await martlet.call('binary');
    const bytes = new Uint8Array(await response.arrayBuffer());
    expect(bytes.length).toBeGreaterThan(255);
    expect(Array.from(bytes.subarray(0, 256))).toEqual(Array.from({ length: 256 }, (_, index) => index));
  });

  test('keeps repeated set-cookie headers apart', async () => {
    expect((await martlet.call('cookies')).headers.getSetCookie().length).toBeGreaterThan(1);
  });

  test('without content has none', async () => {
    const response = await martlet.call('empty');
    expect(response.status).toBe(204);
    expect(response.headers.has('content-length')).toBe(false);
    expect(await response.text()).toBe('');
  });

  test('to HEAD has the headers and no body', async () => {
    const response = await martlet.call('echo', { method: 'HEAD' });
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toContain('application/json');
    expect(await response.text()).toBe('');
  });
});

describe('a request body', () => {
  test('of any size is streamed through the function and back unchanged', async () => {
    const hash = createHash('sha256');
    const chunk = new Uint8Array(1_000_000);
    let sent = 0;
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (sent === 60) return controller.close();
        chunk.fill(sent);
        sent += 1;
        hash.update(chunk);
        return controller.enqueue(chunk.slice());
      },
    });
    const response = await martlet.call('pipes', { method: 'POST', body, duplex: 'half' } as RequestInit);
    const back = createHash('sha256');
    let length = 0;
    for await (const part of response.body ?? []) {
      back.update(part);
      length += part.length;
    }
    expect(length).toBe(60_000_000);
    expect(back.digest('hex')).toBe(hash.digest('hex'));
  });

  test('read slowly is not buffered by the server', async () => {
    const before = process.memoryUsage().rss;
    const response = await martlet.call('swallows?delay=1', { method: 'POST', body: new Uint8Array(30_000_000) });
    expect(await response.json()).toMatchObject({ bytes: 30_000_000 });
    expect(process.memoryUsage().rss - before).toBeLessThan(250_000_000);
  });

  test('that is taken in as a whole is refused beyond the limit', async () => {
    const small = await startPlatform({ limits: { ...martlet.platform.limits, requestBodyBytes: 100_000 } });
    try {
      await small.deploy('echo');
      const response = await small.call('echo', { method: 'POST', body: 'x'.repeat(200_000) });
      expect(response.status).toBe(413);
      expect(await response.text()).toContain('REQUEST_TOO_LARGE');
      expect((await small.call('echo', { method: 'POST', body: 'x'.repeat(90_000) })).status).toBe(200);
    } finally {
      await small.close();
    }
  });

  test('that nobody reads does not hold up the answer', async () => {
    const response = await martlet.call('ignores-body', { method: 'POST', body: 'x'.repeat(5_000_000) });
    expect(response.status).toBe(200);
  });

  test('that breaks off half-way aborts the execution and harms nobody', async () => {
    await new Promise<void>((resolve) => {
      const request = httpRequest(`${martlet.url}/functions/swallows`, { method: 'POST', headers: { 'content-length': '1000000' } });
      request.on('error', () => resolve());
      request.write('x'.repeat(100_000), () => setTimeout(() => request.destroy(), 100));
    });
    expect((await martlet.call('swallows', { method: 'POST', body: 'abc' })).status).toBe(200);
  });
});

describe('routes', () => {
  test.each(['/functions/echo/sub/path?a=1', '/api/functions/echo/sub/path?a=1', '/api/apps/default/functions/echo/sub/path?a=1'])(
    '%s reaches the function with its sub-path',
    async (path) => {
      const body = (await (await fetch(martlet.url + path)).json()) as { path: string; query: object };
      expect(body).toMatchObject({ path: '/sub/path', query: { a: '1' } });
    },
  );

  test('give the longest deployed name', async () => {
    await martlet.deploy('echo/inner', { entrypoint: 'functions/empty.ts' });
    expect((await martlet.call('echo/inner/x')).status).toBe(204);
    expect((await martlet.call('echo/innerx')).status).toBe(200);
  });

  test.each(['..%2f..%2fetc', 'echo/..%5c', 'a%00b', '.hidden', '%2e%2e/x'])(
    'refuse the path %s with 400 or 404, never with 500',
    async (path) => {
      const response = await fetch(`${martlet.url}/functions/${path}`);
      expect([400, 404]).toContain(response.status);
    },
  );

  test('answer 404 for a function that is not there', async () => {
    const response = await martlet.call('missing');
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({ code: 'FUNCTION_NOT_FOUND' });
  });

  test('never hand on what only the platform may say', async () => {
    const spoofed = {
      'X-Appwrite-User-Id': 'admin',
      x_appwrite_trigger: 'event',
      'Base44-Service-Authorization': 'Bearer forged',
      'X-MARTLET-EXECUTION-ID': 'mine',
      'X-Data-Env': 'dev',
    };
    const response = await martlet.call('echo', { headers: spoofed });
    const { headers } = (await response.json()) as { headers: Record<string, string> };
    expect(headers['x-appwrite-user-id']).toBe('');
    expect(headers['x_appwrite_trigger']).toBeUndefined();
    expect(headers['base44-service-authorization']).toMatch(/^Bearer mx_/);
    expect(headers['x-martlet-execution-id']).toBe(response.headers.get('x-martlet-execution-id'));
    expect(headers['x-data-env']).toBeUndefined();
  });
});
