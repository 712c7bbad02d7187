/** What once went wrong with a whole server; each test names what must hold instead. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startPlatform, type TestPlatform } from './start-platform.ts';

let martlet: TestPlatform;
const folder = mkdtempSync(join(tmpdir(), 'martlet-code-'));
beforeAll(async () => {
  martlet = await startPlatform();
  await martlet.deploy('echo');
});
afterAll(async () => {
  await martlet.close();
  rmSync(folder, { recursive: true, force: true });
});

async function deployCode(name: string, code: string, settings: object = {}): Promise<string> {
  const entrypoint = `functions/${name}.ts`;
  mkdirSync(join(folder, 'functions'), { recursive: true });
  writeFileSync(join(folder, entrypoint), code);
  const { body, status } = await martlet.api('POST', '/v1/functions', {
    functionId: 'unique()',
    name,
    runtime: 'node-24',
    execute: ['any'],
    entrypoint,
    ...settings,
  });
  if (status !== 201) throw new Error(JSON.stringify(body));
  const { $id } = body as { $id: string };
  const fn = await martlet.platform.services.functions.row(martlet.platform.project, $id);
  const { deployment, problems } = await martlet.platform.services.deployments.createFromFolder({ fn, folder, entrypoint });
  if (deployment.status !== 'ready') throw new Error(JSON.stringify(problems));
  return $id;
}

/** Sends bytes as they are and gives back what came until the end or for `ms`. */
function raw(text: string, ms = 3000): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(martlet.platform.port, '127.0.0.1', () => socket.write(text));
    let all = '';
    const timer = setTimeout(() => socket.destroy(), ms);
    socket.setEncoding('latin1');
    socket.on('data', (part) => (all += part));
    socket.on('error', () => undefined);
    socket.on('close', () => {
      clearTimeout(timer);
      resolve(all);
    });
  });
}

describe('log', () => {
  test('lines that are empty count towards the limit', async () => {
    await deployCode(
      'empty-lines',
      `export default async () => {
      for (let i = 0; i < 60; i += 1) { for (let j = 0; j < 5000; j += 1) console.log(''); await new Promise((r) => setImmediate(r)); }
      return new Response('ok'); };`,
    );
    globalThis.gc?.();
    const before = process.memoryUsage().rss;
    const response = await martlet.call('empty-lines');
    expect(response.status).toBe(200);
    console.log('rss grew MB', (process.memoryUsage().rss - before) / 1e6);
    const record = await martlet.recordOf(response);
    console.log(record.logs.length, record.logsDropped, (record as { logLines?: unknown[] }).logLines?.length);
    expect((record as { logLines?: unknown[] }).logLines?.length).toBeLessThan(120_000);
  }, 120_000);
});

describe('an honest function keeps its worker', () => {
  test.each([
    [
      'many-headers',
      `export default () => { const h = new Headers(); for (let i = 0; i < 1500; i += 1) h.append('x-' + i, 'a'); return new Response('ok', { headers: h }); };`,
    ],
    ['cjk-error', `export default () => { throw new Error('漢'.repeat(120000)); };`],
    ['control-error', `export default () => { throw new Error('\\u0001'.repeat(60000)); };`],
  ])('%s', async (name, code) => {
    await deployCode(name, code);
    const response = await martlet.call(name);
    const text = await response.text();
    console.log(name, response.status, text.slice(0, 200));
    const { errorCode } = await martlet.recordOf(response);
    expect(errorCode).not.toBe('execution_crashed');
  });
});

describe('hang or fail', () => {
  test.each([
    ['no-immediate', `export default () => { globalThis.setImmediate = (() => undefined) as never; return new Response('ok'); };`],
    ['closes-wall', `import fs from 'node:fs'; export default () => { fs.closeSync(3); return new Response('ok'); };`],
    [
      'ends-wall',
      `import net from 'node:net'; export default () => { for (const h of (process as any)._getActiveHandles()) h.destroy?.(); return new Response('ok'); };`,
    ],
    [
      'array-proto',
      `export default () => { (Array.prototype as any).push = () => { throw new Error('no'); }; return new Response('ok'); };`,
    ],
  ])(
    '%s',
    async (name, code) => {
      await deployCode(name, code, { timeout: 8 });
      const startedAt = performance.now();
      const response = await martlet.call(name);
      const ms = performance.now() - startedAt;
      const second = await martlet.call(name);
      console.log(name, response.status, (await response.text()).slice(0, 100), ms, second.status, performance.now() - startedAt - ms);
      expect(ms).toBeLessThan(7000);
      expect(second.status).not.toBe(504);
    },
    40_000,
  );
});

describe('an address', () => {
  test.each(['a:99999', '256.1.1.1', '1.2.3.4.5', 'xn--a', '..', '-'])('with the host %s does not make the function fail', async (host) => {
    const answer = await raw(`GET /functions/echo HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
    expect(answer.split('\r\n')[0]).not.toContain('500');
  });
  test('in absolute form is understood', async () => {
    const answer = await raw(`GET http://x/functions/echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
    expect(answer.split('\r\n')[0]).toContain('200');
  });
});

describe('credentials', () => {
  test.each(['bearer mk_secret', 'BEARER mk_secret', 'Bearer  mk_secret'])(
    'a key as %s does not reach the function',
    async (authorization) => {
      const { headers } = (await (await martlet.call('echo', { headers: { authorization } })).json()) as {
        headers: Record<string, string>;
      };
      expect(headers['authorization'] ?? '').not.toContain('mk_secret');
    },
  );
});

describe('cancel', () => {
  test('while the worker starts keeps the function from running', async () => {
    await deployCode(
      'slow-cold',
      `export default async () => { await new Promise((r) => setTimeout(r, 3000)); return new Response('ok'); };`,
      { memory: 300 },
    );
    // More memory than a blank has: its worker boots for it, which gives the time to cancel.
    const call = martlet.call('slow-cold');
    let running: string[] = [];
    while (running.length === 0) {
      running = martlet.platform.services.invoke.live(martlet.platform.project).map(({ id }) => id);
      if (running.length === 0) await new Promise((r) => setImmediate(r));
    }
    const cancelled = martlet.platform.services.invoke.cancel(martlet.platform.project, running[0] ?? '');
    const response = await call;
    await new Promise((r) => setTimeout(r, 700));
    expect([cancelled, response.status, martlet.platform.services.invoke.inFlight]).toEqual([true, 499, 0]);
  });
});

describe('unhandled rejections', () => {
  test('fail only the execution that caused them', async () => {
    await deployCode(
      'rejects',
      `export default async (req: Request) => { const bad = new URL(req.url).searchParams.has('bad');
      if (bad) { setTimeout(() => { Promise.reject(new Error('mine')); }, 50); }
      await new Promise((r) => setTimeout(r, 300)); return new Response('ok'); };`,
    );
    await martlet.call('rejects');
    const results = await Promise.all(Array.from({ length: 20 }, (_, i) => martlet.call(i % 2 === 0 ? 'rejects?bad=1' : 'rejects')));
    expect(results.map((r) => r.status)).toEqual(results.map((_, i) => (i % 2 === 0 ? 500 : 200)));
  });
  test('of an event emitter listener or stream', async () => {
    await deployCode(
      'throws-in-emitter',
      `import { EventEmitter } from 'node:events'; import { Readable } from 'node:stream';
      const shared = new EventEmitter();
      export default async (req: Request) => { const bad = new URL(req.url).searchParams.has('bad');
      if (bad) { const r = new Readable({ read() { setTimeout(() => this.destroy(new Error('stream')), 20); } }); r.resume(); }
      await new Promise((r) => setTimeout(r, 300)); return new Response('ok'); };`,
    );
    await martlet.call('throws-in-emitter');
    const results = await Promise.all(
      Array.from({ length: 6 }, (_, i) => martlet.call(i % 2 === 0 ? 'throws-in-emitter?bad=1' : 'throws-in-emitter')),
    );
    expect(results.map((r) => r.status)).toEqual(results.map((_, i) => (i % 2 === 0 ? 500 : 200)));
  });
});

describe('a time-out', () => {
  test('whose execution stops by itself leaves its neighbours alone', async () => {
    await deployCode(
      'neighbours',
      `export default async (req: Request, ctx: any) => { const u = new URL(req.url);
      const ms = Number(u.searchParams.get('ms'));
      await new Promise((r) => { const t = setTimeout(r, ms); ctx.signal.addEventListener('abort', () => { clearTimeout(t); r(0); }); });
      return new Response('ok'); };`,
      { timeout: 2 },
    );
    await martlet.call('neighbours?ms=0');
    const late = martlet.call('neighbours?ms=60000');
    await new Promise((r) => setTimeout(r, 1500));
    const innocent = martlet.call('neighbours?ms=1500');
    expect((await late).status).toBe(504);
    expect((await innocent).status).toBe(200);
  });
});

describe('large bodies', () => {
  test('can be cloned and both copies read', async () => {
    await deployCode(
      'clones',
      `export default async (req: Request) => { const copy = req.clone(); const [a, b] = await Promise.all([copy.text(), req.text()]); return Response.json([a.length, b.length]); };`,
    );
    for (const size of [10, 200_000]) {
      const response = await martlet.call('clones', { method: 'POST', body: 'x'.repeat(size) });
      expect(await response.text()).toBe(`[${size},${size}]`);
    }
  });
});

describe('gone callers', () => {
  test('that waited in the queue free their place at once', async () => {
    await deployCode(
      'one',
      `export default async (req: Request) => { await new Promise((r) => setTimeout(r, Number(new URL(req.url).searchParams.get('ms')))); return new Response('ok'); };`,
      { concurrency: 1 },
    );
    await martlet.call('one?ms=0');
    const running = martlet.call('one?ms=2500');
    await new Promise((r) => setTimeout(r, 100));
    const stop = new AbortController();
    const waiting = martlet.call('one?ms=0', { signal: stop.signal }).catch(() => undefined);
    await new Promise((r) => setTimeout(r, 100));
    stop.abort();
    await waiting;
    await new Promise((r) => setTimeout(r, 200));
    const { metrics } = { metrics: await (await fetch(`${martlet.url}/metrics`, { headers: martlet.headers })).text() };
    console.log(
      metrics
        .split('\n')
        .filter((l) => l.includes('queued'))
        .join('\n'),
    );
    expect(metrics).toMatch(/executions_queued(\{[^}]*\})? 0/);
    await running;
  });
});
