/** The egress proxy over real sockets: its thread, its wire and its limits. What it may dial is in `egress-rebinding.test.ts`. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, connect, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { setTimeout as wait } from 'node:timers/promises';
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createPolicyEgress, type PolicyEgress, type PolicyEgressOptions } from '../../src/drivers/policy-egress/policy-egress.ts';
import type { Log } from '../../src/ports/system/log.ts';

const lines: { readonly facts: object; readonly message: string }[] = [];
const record = (facts: object, message: string) => void lines.push({ facts, message });
const log: Log = { debug: record, info: record, warn: record, error: record };

let folder: string;
let open: PolicyEgress[] = [];
let servers: Server[] = [];
let clients: Socket[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'martlet-egress-'));
  lines.length = 0;
});
afterEach(async () => {
  for (const client of clients) client.destroy();
  await Promise.all(open.map((egress) => egress.close()));
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
  rmSync(folder, { recursive: true, force: true });
  [open, servers, clients] = [[], [], []];
});

async function start(options: Partial<PolicyEgressOptions> = {}): Promise<PolicyEgress> {
  const egress = await createPolicyEgress({ socketPath: join(folder, 'egress.sock'), log, ...options });
  open.push(egress);
  return egress;
}

async function serve(handle: (socket: Socket) => void): Promise<{ host: string; port: number }> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    clients.push(socket);
    socket.on('error', () => socket.destroy());
    handle(socket);
  });
  servers.push(server);
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The server has no port');
  return { host: '127.0.0.1', port: address.port };
}

function dial(egress: PolicyEgress): Socket {
  const socket = connect({ path: egress.socketPath });
  socket.on('error', () => socket.destroy());
  clients.push(socket);
  return socket;
}

const head = (target: string, token: string) =>
  `CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\nProxy-Authorization: Bearer ${token}\r\n\r\n`;

/** What came back up to the end of the head, or all of it when the connection ended before. */
function answer(socket: Socket): Promise<string> {
  return new Promise((done) => {
    let text = '';
    const take = (chunk: Buffer) => {
      text += chunk.toString('latin1');
      if (text.includes('\r\n\r\n')) finish();
    };
    const finish = () => {
      socket.off('data', take);
      done(text);
    };
    socket.on('data', take);
    socket.once('close', finish);
  });
}

async function ask(egress: PolicyEgress, target: string, token: string): Promise<string> {
  const socket = dial(egress);
  socket.write(head(target, token));
  return answer(socket);
}

const closed = (socket: Socket) => new Promise<void>((done) => (socket.destroyed ? done() : socket.resume().once('close', () => done())));
const grant = { policy: 'public', projectId: 'p1', functionId: 'f1' } as const;

describe('the way to the platform', () => {
  test('a connection carries bytes both ways, early ones included, and ends half by half', async () => {
    const egress = await start();
    const address = await serve((socket) =>
      socket.on('data', (chunk) => socket.write(`<${chunk.toString()}>`)).on('end', () => socket.end('bye')),
    );
    egress.setPlatform([{ host: 'martlet.example', port: 443 }], address);
    const socket = dial(egress);
    socket.write(`${head('martlet.example:443', egress.grant({ ...grant, policy: 'none' }))}early`);
    let text = '';
    socket.on('data', (chunk) => (text += chunk.toString()));
    await expect.poll(() => text).toBe('HTTP/1.1 200 Connection Established\r\n\r\n<early>');
    socket.end('late');
    await closed(socket);
    expect(text).toMatch(/<early><late>bye$/);
    await expect.poll(() => egress.stats()).toEqual({ opened: 1, active: 0, refused: 0, bytesOut: 9, bytesIn: 16 });
  });

  test('nothing else on the host of the platform is open', async () => {
    const egress = await start();
    egress.setPlatform([{ host: 'Martlet.example.', port: 443 }], await serve((socket) => socket.end()));
    const reply = await ask(egress, 'martlet.EXAMPLE:80', egress.grant(grant));
    expect(reply).toMatch(/^HTTP\/1.1 403 /);
    expect(reply).toContain("only the platform's own port is open");
  });

  test('400 MB pass in both directions while the proxy holds a bounded part of them', async () => {
    const egress = await start();
    const size = 400 * 1024 * 1024;
    const address = await serve((socket) => socket.pipe(socket));
    egress.setPlatform([{ host: 'martlet.example', port: 443 }], address);
    const socket = dial(egress);
    socket.write(head('martlet.example:443', egress.grant(grant)));
    await answer(socket);
    const before = process.memoryUsage().rss;
    let received = 0;
    let peak = 0;
    socket.on('data', (chunk: Buffer) => {
      received += chunk.length;
      peak = Math.max(peak, process.memoryUsage().rss);
    });
    const chunk = Buffer.alloc(1024 * 1024, 7);
    for (let sent = 0; sent < size; sent += chunk.length) {
      if (!socket.write(chunk)) await new Promise((done) => socket.once('drain', done));
    }
    socket.end();
    await closed(socket);
    expect(received).toBe(size);
    // Of both ends and the proxy, garbage that waits for collection included: what piled up would be most of what passed.
    expect(peak - before).toBeLessThan(size * 0.75);
  });

  test('a reader that stops makes the sender stop, with nothing piling up between them', async () => {
    const egress = await start();
    let sent = 0;
    const address = await serve((socket) => {
      const chunk = Buffer.alloc(256 * 1024);
      const send = () => {
        while (!socket.destroyed && socket.write(chunk)) sent += chunk.length;
      };
      socket.on('drain', send);
      send();
    });
    egress.setPlatform([{ host: 'martlet.example', port: 443 }], address);
    const socket = dial(egress);
    socket.write(head('martlet.example:443', egress.grant(grant)));
    await answer(socket);
    socket.pause();
    let stalled = -1;
    for (let turn = 0; turn < 20 && sent !== stalled; turn += 1) {
      stalled = sent;
      await wait(300);
    }
    expect(sent).toBe(stalled);
    expect(stalled).toBeLessThan(32 * 1024 * 1024);
  });
});

describe('grants', () => {
  test('a grant holds for the very next connection, a revocation too', async () => {
    const egress = await start();
    egress.setPlatform([{ host: 'martlet.example', port: 443 }], await serve((socket) => socket.end()));
    for (let round = 0; round < 50; round += 1) {
      const token = egress.grant(grant);
      expect(await ask(egress, 'martlet.example:443', token)).toMatch(/^HTTP\/1.1 200 /);
      egress.revoke(token);
      expect(await ask(egress, 'martlet.example:443', token)).toMatch(/^HTTP\/1.1 407 /);
    }
  });

  test('revoking a token cuts its connections and those of no other', async () => {
    const egress = await start();
    const upstream: Socket[] = [];
    egress.setPlatform([{ host: 'martlet.example', port: 443 }], await serve((socket) => void upstream.push(socket.resume())));
    const [mine, other] = [egress.grant(grant), egress.grant(grant)];
    const [first, second] = [dial(egress), dial(egress)];
    first.write(head('martlet.example:443', mine));
    await answer(first);
    second.write(head('martlet.example:443', other));
    await answer(second);
    egress.revoke(mine);
    await closed(first);
    await expect.poll(() => upstream.filter((socket) => socket.readableEnded || socket.destroyed).length).toBe(1);
    await expect.poll(() => egress.stats().active).toBe(1);
    expect(second.destroyed).toBe(false);
  });

  test('a client that goes away closes the way behind it at once', async () => {
    const egress = await start();
    const gone = Promise.withResolvers<void>();
    // Never ends its side by itself, as a server that streams for hours.
    egress.setPlatform(
      [{ host: 'martlet.example', port: 443 }],
      await serve((socket) => socket.resume().on('close', () => gone.resolve())),
    );
    const socket = dial(egress);
    socket.write(head('martlet.example:443', egress.grant(grant)));
    await answer(socket);
    socket.destroy();
    await expect.poll(() => egress.stats().active).toBe(0);
    for (const client of clients) client.end();
    await gone.promise;
  });

  test('one grant has a limit of connections, and gets a place back when one ends', async () => {
    const egress = await start({ maxConnectionsPerGrant: 2 });
    egress.setPlatform([{ host: 'martlet.example', port: 443 }], await serve((socket) => socket.resume()));
    const token = egress.grant(grant);
    const sockets = [dial(egress), dial(egress)];
    for (const socket of sockets) {
      socket.write(head('martlet.example:443', token));
      expect(await answer(socket)).toMatch(/^HTTP\/1.1 200 /);
    }
    expect(await ask(egress, 'martlet.example:443', token)).toMatch(/^HTTP\/1.1 429 /);
    expect(await ask(egress, 'martlet.example:443', egress.grant(grant))).toMatch(/^HTTP\/1.1 200 /);
    sockets[0]?.destroy();
    await expect.poll(() => ask(egress, 'martlet.example:443', token)).toMatch(/^HTTP\/1.1 200 /);
  });

  test('a refusal is logged with its function, and a loop of refusals does not fill the log', async () => {
    const egress = await start();
    const token = egress.grant({ policy: 'none', projectId: 'p1', functionId: 'f1' });
    for (let round = 0; round < 20; round += 1) await ask(egress, 'example.com:443', token);
    await expect.poll(() => lines.length).toBeGreaterThan(0);
    expect(lines.length).toBeLessThan(5);
    expect(lines[0]?.facts).toMatchObject({ projectId: 'p1', functionId: 'f1', status: 403 });
    expect(egress.stats().refused).toBe(20);
  });
});

describe('requests that are wrong', () => {
  test.each([
    ['a token that nobody got', head('1.1.1.1:443', 'x'.repeat(43)), 407],
    ['no token', 'CONNECT 1.1.1.1:443 HTTP/1.1\r\nHost: a\r\n\r\n', 407],
    ['no port', 'CONNECT example.com HTTP/1.1\r\nHost: a\r\n\r\n', 400],
    ['a port beyond 65535', 'CONNECT example.com:65536 HTTP/1.1\r\nHost: a\r\n\r\n', 400],
    ['another method', 'GET http://169.254.169.254/ HTTP/1.1\r\nHost: a\r\n\r\n', 400],
    ['no HTTP at all', '\u0016\u0003\u0001\r\n\r\n', 400],
    ['a head over 8 KiB', `CONNECT a:80 HTTP/1.1\r\nHost: a\r\nx: ${'y'.repeat(9000)}\r\n\r\n`, 400],
  ])('%s is refused', async (_name, text, status) => {
    const egress = await start();
    const socket = dial(egress);
    socket.write(text);
    const reply = await answer(socket);
    expect(reply).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(reply).toMatch(/x-martlet-reason: Cannot [ -~]+\r\n/);
    await closed(socket);
  });

  test('whatever bytes come as a head, the answer is a refusal on lines of its own, and the proxy lives on', async () => {
    const egress = await start();
    egress.setPlatform([{ host: 'martlet.example', port: 443 }], await serve((socket) => socket.end()));
    const token = egress.grant({ ...grant, policy: 'none' });
    const part = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 40 }),
      fc.constantFrom('CONNECT ', ' HTTP/1.1', '\r\n', '\n', '\r', 'Proxy-Authorization: Bearer ', token, 'a:1', '\r\nx-injected: 1'),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(part, { maxLength: 12 }), async (parts) => {
        const socket = dial(egress);
        socket.end(`${parts.join('')}\r\n\r\n`);
        const reply = await answer(socket);
        expect(reply === '' || /^HTTP\/1\.1 4\d\d [\w ]+\r\n/.test(reply)).toBe(true);
        expect(reply).not.toMatch(/^x-injected/m);
      }),
      { numRuns: 300 },
    );
    expect(await ask(egress, 'martlet.example:443', token)).toMatch(/^HTTP\/1.1 200 /);
  });

  test('a client that sends its head byte by byte, or never, is cut', async () => {
    const egress = await start({ headTimeoutMs: 300 });
    const [silent, slow] = [dial(egress), dial(egress)];
    const drip = setInterval(() => slow.write('C'), 50);
    await Promise.all([closed(silent), answer(slow)]);
    clearInterval(drip);
    expect(egress.stats().opened).toBe(0);
  });

  test('a crowd of silent clients does not keep an honest one out', async () => {
    const egress = await start({ headTimeoutMs: 60_000 });
    egress.setPlatform([{ host: 'martlet.example', port: 443 }], await serve((socket) => socket.end()));
    const crowd = Array.from({ length: 600 }, () => dial(egress));
    await expect.poll(() => crowd.filter((socket) => socket.destroyed || socket.readableEnded).length).toBeGreaterThanOrEqual(80);
    expect(await ask(egress, 'martlet.example:443', egress.grant(grant))).toMatch(/^HTTP\/1.1 200 /);
  });
});

describe('failures on the way', () => {
  test('a port where nobody listens is told with the code of the system call', async () => {
    const egress = await start();
    const address = await serve((socket) => socket.end());
    await new Promise((done) => servers.pop()?.close(done));
    egress.setPlatform([{ host: 'martlet.example', port: 443 }], address);
    const reply = await ask(egress, 'martlet.example:443', egress.grant(grant));
    expect(reply).toMatch(/^HTTP\/1.1 502 /);
    expect(reply).toContain('x-martlet-code: ECONNREFUSED\r\n');
  });

  test('a resolver that never answers ends in 504', async () => {
    const egress = await start({ connectTimeoutMs: 100, resolve: () => new Promise(() => {}) });
    expect(await ask(egress, 'slow.example:443', egress.grant(grant))).toMatch(/^HTTP\/1.1 504 /);
  });

  test('a connection without traffic is cut', async () => {
    const egress = await start({ idleTimeoutMs: 200 });
    egress.setPlatform([{ host: 'martlet.example', port: 443 }], await serve((socket) => socket.resume()));
    const socket = dial(egress);
    socket.write(head('martlet.example:443', egress.grant(grant)));
    await answer(socket);
    await closed(socket);
    await expect.poll(() => egress.stats().active).toBe(0);
  });
});

describe('starting and stopping', () => {
  test('a socket that a killed server left is replaced, and closing removes it', async () => {
    const path = join(folder, 'egress.sock');
    const first = await start();
    // Two servers never share a path in earnest; here it leaves a socket file with nobody behind it.
    const second = await start();
    await first.close();
    await second.close();
    open = [];
    expect(existsSync(path)).toBe(false);
    const third = await start();
    expect(await ask(third, '10.0.0.1:80', third.grant(grant))).toMatch(/^HTTP\/1.1 403 /);
  });

  test('a thread that fails is started again with the grants and the platform that it had', async () => {
    const flag = join(folder, 'failed-once');
    const serveUrl = new URL('../../src/drivers/policy-egress/serve-egress.ts', import.meta.url);
    writeFileSync(
      join(folder, 'thread.mjs'),
      `import { existsSync, writeFileSync } from 'node:fs';
       import { workerData } from 'node:worker_threads';
       import { serveEgress } from ${JSON.stringify(serveUrl.href)};
       serveEgress(workerData);
       if (!existsSync(${JSON.stringify(flag)})) setTimeout(() => { writeFileSync(${JSON.stringify(flag)}, ''); throw new Error('boom'); }, 100);`,
    );
    const egress = await start({ threadUrl: pathToFileURL(join(folder, 'thread.mjs')) });
    egress.setPlatform([{ host: 'martlet.example', port: 443 }], await serve((socket) => socket.end()));
    const token = egress.grant(grant);
    await expect.poll(() => existsSync(flag), { timeout: 5000 }).toBe(true);
    await expect.poll(() => ask(egress, 'martlet.example:443', token), { timeout: 10_000 }).toMatch(/^HTTP\/1.1 200 /);
    expect(lines.map(({ message }) => message).join()).toContain('The egress thread failed.');
  });

  test('a path that is too long and a range that is not one are errors that name them', async () => {
    await expect(start({ socketPath: join(folder, 'x'.repeat(120)) })).rejects.toThrow(/Cannot listen on .*103 bytes/);
    await expect(start({ extraDenied: ['10.0.0.0/99'] })).rejects.toThrow(/"10.0.0.0\/99"/);
    await expect(start({ socketPath: join(folder, 'missing', 'e.sock') })).rejects.toThrow(/Cannot listen on/);
  });
});

describe('a private server that the operator has opened', () => {
  test('is reached at its port only, and not by a function that may go nowhere', async () => {
    const { host, port } = await serve((socket) => socket.end('hello'));
    const other = await serve((socket) => socket.end('other'));
    const egress = await start({ opened: [`${host}:${port}`] });
    const open = egress.grant(grant);
    expect(await ask(egress, `${host}:${port}`, open)).toContain(' 200 ');
    expect(await ask(egress, `${host}:${other.port}`, open)).toContain(' 403 ');
    expect(await ask(egress, `${host}:${port}`, egress.grant({ ...grant, policy: 'none' }))).toContain(' 403 ');
  });

  test('must have a host and a port', async () => {
    await expect(start({ opened: ['10.0.0.5'] })).rejects.toMatchObject({ code: 'config_invalid' });
  });
});
