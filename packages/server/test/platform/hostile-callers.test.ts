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
function raw(text: string, ms = 3000): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(martlet.platform.port, '127.0.0.1', () => socket.write(text, 'latin1'));
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

describe('a worker that writes its own frames', () => {
  test('cannot state the framing of the HTTP response', async () => {
    const code = `import fs from 'node:fs';
      export default () => {
        const headers = ['Content-Length', '3', 'Transfer-Encoding', 'chunked', 'Connection', 'close', 'X-Appwrite-Execution-Id', 'mine', 'x-martlet-execution-id', 'forged'].join('\\0');
        const body = 'hello HTTP/1.1 200 OK';
        const p = Buffer.alloc(15 + headers.length + body.length);
        p[0] = 3; p.writeUInt16LE(200, 1); p.writeUInt32LE(headers.length, 11); p.write(headers, 15, 'latin1'); p.write(body, 15 + headers.length);
        const f = Buffer.alloc(9); f.writeUInt32LE(p.length, 0); f.writeUInt32LE(1, 4); f[8] = 19;
        fs.writeSync(3, Buffer.concat([f, p])); return new Promise(() => undefined); };`;
    await deployCode('forges-frame', code);
    const answer = await raw('GET /functions/forges-frame HTTP/1.1\r\nHost: x\r\n\r\n', 2000);
    console.log(answer);
    expect(answer.match(/content-length/gi)?.length ?? 0).toBe(1);
    expect(answer).not.toMatch(/transfer-encoding/i);
    expect(answer).not.toContain('forged');
  });
});

describe('caller', () => {
  test('that leaves while its key is looked up does not hold an execution', async () => {
    await deployCode(
      'waits-body',
      `export default async (req: Request) => { console.log('begun'); await req.text(); return new Response('ok'); };`,
      { timeout: 10 },
    );
    await martlet.call('waits-body');
    const before = martlet.platform.services.invoke.inFlight;
    for (let i = 0; i < 20; i += 1) {
      await new Promise<void>((resolve) => {
        const socket = connect(martlet.platform.port, '127.0.0.1', () => {
          socket.write(
            `POST /functions/waits-body HTTP/1.1\r\nHost: x\r\nx-martlet-key: mk_${'a'.repeat(20 + i)}.x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n`,
            () => {
              socket.resetAndDestroy();
            },
          );
        });
        socket.on('error', () => undefined);
        socket.on('close', () => resolve());
      });
    }
    await new Promise((r) => setTimeout(r, 1500));
    console.log('in flight', martlet.platform.services.invoke.inFlight, before);
    expect(martlet.platform.services.invoke.inFlight).toBe(0);
  });
});

describe('smuggling', () => {
  test.each([
    [
      'CL+TE',
      'POST /functions/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /functions/echo?smuggled HTTP/1.1\r\nHost: x\r\n\r\n',
    ],
    ['TE x2', 'POST /functions/echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n'],
    ['CL x2', 'POST /functions/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd'],
    ['upgrade', 'GET /functions/echo HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'],
    [
      'upgrade h2c body',
      'POST /functions/echo HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\nContent-Length: 3\r\n\r\nabc',
    ],
    ['connect', 'CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['connect fn', 'CONNECT /functions/echo HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['expect', 'POST /functions/echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc'],
    ['expect other', 'POST /functions/echo HTTP/1.1\r\nHost: x\r\nExpect: foo\r\nContent-Length: 3\r\n\r\nabc'],
    ['no host 1.0', 'GET /functions/echo HTTP/1.0\r\n\r\n'],
    ['two hosts', 'GET /functions/echo HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n'],
    ['options *', 'OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['non ascii', 'GET /functions/echo/\xe9?q=\xe9 HTTP/1.1\r\nHost: x\r\nx-a: \xe9\r\n\r\n'],
    ['fragment', 'GET /functions/echo/a#b HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['TRACE', 'TRACE /functions/echo HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['QUERY', 'QUERY /functions/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc'],
    ['PROPFIND', 'PROPFIND /functions/echo HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['GET with body', 'GET /functions/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc'],
    ['api absolute', 'GET http://x/v1/functions HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['api bad host', 'GET /v1/functions HTTP/1.1\r\nHost: a b\r\n\r\n'],
    ['api no host', 'GET /v1/functions HTTP/1.0\r\n\r\n'],
  ])('%s', async (name, text) => {
    const answer = await raw(text, 700);
    console.log(
      name,
      '=>',
      answer.split('\r\n')[0],
      '| responses',
      answer.match(/HTTP\/1\.1 \d/g)?.length,
      '|',
      answer.split('\r\n\r\n').slice(1).join('||').slice(0, 260),
    );
    expect(answer.split('\r\n')[0]).not.toContain(' 500');
  });
});

describe('the token of an execution', () => {
  test('opens nothing beyond the scopes of the function', async () => {
    await deployCode(
      'gives-token',
      `export default async (req: Request) => { await new Promise((r) => setTimeout(r, Number(new URL(req.url).searchParams.get('ms') ?? 0))); console.log(''); return Response.json({ t: req.headers.get('x-appwrite-key') }); };`,
    );
    // A token lives as long as its execution, so the function asks for itself.
    await deployCode(
      'asks',
      `export default async (req: Request) => { const t = req.headers.get('x-appwrite-key')!; const out: any = {};
      for (const [m, p] of [['GET','/v1/functions'],['GET','/v1/keys'],['POST','/v1/functions'],['GET','/v1/executions'],['GET','/metrics'],['GET','/v1/logs'],['POST', '/v1/keys'], ['GET', '/v1/executions?live=true']] as const) {
        try { const r = await fetch(process.env.MARTLET_URL + p, { method: m, headers: { 'x-appwrite-key': t, 'content-type': 'application/json' }, body: m === 'POST' ? '{}' : undefined, signal: AbortSignal.timeout(2000) }); out[m + ' ' + p] = r.status + ' ' + (await r.text()).slice(0, 80); } catch (e) { out[m + ' ' + p] = String(e); } }
      return Response.json(out); };`,
    );
    const out = (await (await martlet.call('asks')).json()) as Record<string, string>;
    console.log(out);
    for (const [what, status] of Object.entries(out)) expect([what, status.slice(0, 3)]).toEqual([what, '401']);
  });
});
describe('odd things thrown', () => {
  test.each([
    ['proxy', `throw new Proxy({}, { get() { throw new Error('trap'); }, getPrototypeOf() { throw new Error('x'); } });`],
    ['symbol', `throw Symbol('s');`],
    ['null-proto', `throw Object.create(null);`],
    ['fn-tostring', `throw Object.assign(() => 1, { toString() { throw new Error('no'); } });`],
    ['sync-fn-tostring', `SYNC throw Object.assign(() => 1, { toString() { throw new Error('no'); } });`],
    ['sync-proxy', `SYNC throw new Proxy({}, { get() { throw new Error('trap'); }, getPrototypeOf() { throw new Error('x'); } });`],
    ['stack-getter', `throw Object.defineProperty(new Error('x'), 'stack', { get() { throw new Error('no'); } });`],
    ['returns-proxy', `return new Proxy({}, { get() { throw new Error('trap'); }, has() { throw new Error('h'); } });`],
    ['thenable', `return { then() { throw new Error('then'); } };`],
    [
      'wait-until-proxy',
      `ctx.waitUntil(Promise.reject(new Proxy({}, { get() { throw new Error('trap'); } }))); return new Response('ok');`,
    ],
    [
      'wait-until-fn',
      `ctx.waitUntil(Promise.reject(Object.assign(() => 1, { toString() { throw new Error('no'); } }))); return new Response('ok');`,
    ],
    ['cancel-never', `return new Response(new ReadableStream({ pull(c) { c.error(new Error('mid')); } }));`],
    [
      'locked',
      `const s = new ReadableStream({}); s.getReader(); return new Response('x', {}).status ? Object.assign(new Response(new ReadableStream({pull(c){c.close()}})), {}) : null;`,
    ],
    ['chunk-text', `return new Response(new ReadableStream({ pull(c) { c.enqueue('text'); } }));`],
    ['bigappwrite-header', `return { statusCode: 200, headers: { 'x-a': 'ok' }, body: Buffer.alloc(100000, 65) };`],
    ['exit-in-wait-until', `ctx.waitUntil(new Promise((r) => setTimeout(() => process.exit(3), 50))); return new Response('ok');`],
  ])(
    '%s',
    async (name, code) => {
      await deployCode(
        'odd-' + name,
        `export default ${code.startsWith('SYNC') ? '' : 'async'} (req: Request, ctx: any) => { ${code.replace('SYNC', '')} };`,
        { timeout: 6 },
      );
      const startedAt = performance.now();
      const response = await martlet.call('odd-' + name).catch((e) => e);
      const text = response instanceof Response ? await response.text().catch((e: unknown) => String(e)) : String(response);
      const ms = performance.now() - startedAt;
      const record = response instanceof Response ? await martlet.recordOf(response) : undefined;
      console.log(
        name,
        response.status,
        text.slice(0, 60),
        Math.round(ms),
        record?.status,
        record?.errorCode,
        record?.errors.slice(0, 100),
      );
      expect(ms).toBeLessThan(5000);
    },
    20_000,
  );
});
