import { spawnSync } from 'node:child_process';
import dns from 'node:dns';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import net, { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { installEgress } from '../src/egress/egress-shim.ts';
import { openConnectProxy, type ConnectProxy } from './support/connect-proxy.ts';

const HOST = 'allowed.test';
const folder = mkdtempSync(join(tmpdir(), 'martlet-egress-'));
const certificate = makeCertificate();
const refusal = (status: string, ...headers: string[]): string =>
  `HTTP/1.1 ${status}\r\n${headers.map((line) => `${line}\r\n`).join('')}\r\n`;

const web = http.createServer((request, response) => response.end(`hello ${request.url}`));
const secure =
  certificate &&
  http2.createSecureServer({ ...certificate, allowHTTP1: true }, (request, response) => response.end(`secure ${request.httpVersion}`));
/** Speaks first, then echoes, and says when the other side has ended. */
const talker = net.createServer({ allowHalfOpen: true }, (socket) => {
  socket.on('error', () => undefined);
  socket.write('220 hello\r\n');
  socket.on('data', (chunk) => socket.write(chunk));
  socket.on('end', () => socket.end('bye'));
});
let proxy: ConnectProxy;
let uninstall: () => void;
const ownCertificates = tls.getCACertificates('default');

beforeAll(async () => {
  for (const server of [web, secure, talker])
    if (server) await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  proxy = await openConnectProxy(join(folder, 'egress.sock'), {
    glued: ['glued.test'],
    answers: {
      'denied.test': refusal('403 Forbidden', 'X-Martlet-Reason: Cannot reach denied.test:80: private addresses are closed'),
      '169.254.169.254': refusal('403 Forbidden', 'x-martlet-reason: private addresses are closed'),
      '::1': refusal('403 Forbidden', 'x-martlet-reason: private addresses are closed'),
      'slow.test': refusal('504 Gateway Timeout', 'x-martlet-reason: no answer in 10 s'),
      'token.test': refusal('407 Proxy Authentication Required', 'x-martlet-reason: the token is not valid'),
      'gone.test': refusal('502 Bad Gateway', 'x-martlet-code: ENOTFOUND', 'x-martlet-reason: no such name'),
      'garbage.test': 'SSH-2.0-OpenSSH\r\n\r\n',
      'flood.test': 'x'.repeat(20_000),
      'closed.test': '',
    },
  });
  uninstall = installEgress({ socketPath: join(folder, 'egress.sock'), token: 'secret-token' });
  if (certificate) tls.setDefaultCACertificates([...ownCertificates, certificate.cert]);
});

afterAll(async () => {
  uninstall();
  tls.setDefaultCACertificates(ownCertificates);
  await proxy.close();
  for (const server of [web, secure, talker]) server?.close();
  web.closeAllConnections();
  rmSync(folder, { recursive: true, force: true });
});

beforeEach(() => {
  proxy.heads.length = 0;
});

const portOf = (server: net.Server | http2.Http2SecureServer): number => (server.address() as AddressInfo).port;
const connectionError = (host: string): Promise<NodeJS.ErrnoException> =>
  new Promise((resolve, reject) => net.connect({ host, port: 80 }, () => reject(new Error('connected'))).on('error', resolve));

async function textOf(request: http.ClientRequest): Promise<string> {
  const response = await new Promise<http.IncomingMessage>((resolve, reject) => request.on('response', resolve).on('error', reject));
  return (await response.toArray()).join('');
}

describe('a connection through the proxy', () => {
  it('serves fetch, and shows the token and the name, not an address', async () => {
    const response = await fetch(`http://${HOST}:${portOf(web)}/a?b`);
    expect(await response.text()).toBe('hello /a?b');
    expect(proxy.heads[0]).toBe(
      `CONNECT ${HOST}:${portOf(web)} HTTP/1.1\r\nHost: ${HOST}:${portOf(web)}\r\nProxy-Authorization: Bearer secret-token`,
    );
  });

  it('is kept alive by an http agent', async () => {
    const agent = new http.Agent({ keepAlive: true });
    for (const path of ['/1', '/2', '/3'])
      expect(await textOf(http.get({ host: HOST, port: portOf(web), path, agent }))).toBe(`hello ${path}`);
    expect(proxy.heads.length).toBe(1);
    agent.destroy();
  });

  it('is made without asking for an address first', async () => {
    const lookup = (): never => {
      throw new Error('asked');
    };
    const options = { host: HOST, port: portOf(web), autoSelectFamily: true, lookup };
    expect(await textOf(http.get(options))).toBe('hello /');
  });

  it('keeps what was written and ended before it was open, in order', async () => {
    const socket = net.connect(portOf(talker), HOST);
    expect([socket.connecting, socket.pending]).toEqual([true, true]);
    socket.write('one ');
    socket.write('two ');
    socket.end('three');
    expect((await socket.toArray()).join('')).toBe('220 hello\r\none two threebye');
  });

  it('gives on what the server said together with the answer of the proxy', async () => {
    const socket = net.connect({ host: 'glued.test', port: portOf(talker) });
    const chunks = socket.toArray();
    socket.end('x');
    expect((await chunks).join('')).toBe('220 hello\r\nxbye');
  });

  it.each([HOST, 'glued.test'])('fills a buffer of the caller with what %s says first', async (host) => {
    const buffer = Buffer.alloc(100);
    const bytes = await new Promise<number>((resolve, reject) => {
      net.connect({ host, port: portOf(talker), onread: { buffer, callback: (count) => (resolve(count), false) } }).on('error', reject);
    });
    expect(buffer.toString('latin1', 0, bytes)).toBe('220 hello\r\n');
  });

  it('can be made anew on a socket that was closed', async () => {
    const socket = new net.Socket();
    for (let round = 0; round < 2; round += 1) {
      socket.connect(portOf(talker), HOST);
      const first = await new Promise<Buffer>((resolve, reject) => socket.once('data', resolve).once('error', reject));
      expect(first.toString()).toBe('220 hello\r\n');
      const closed = new Promise((resolve) => socket.once('close', resolve));
      socket.destroy();
      await closed;
    }
  });

  it('can be given up while it is being made, and a socket can time out', async () => {
    const socket = net.connect(portOf(talker), HOST);
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.destroy();
    await closed;
    const request = http.get({ host: HOST, port: portOf(web), signal: AbortSignal.abort() });
    await expect(textOf(request)).rejects.toMatchObject({ code: 'ABORT_ERR' });
    const idle = net.connect({ host: HOST, port: portOf(talker), timeout: 50 });
    await new Promise((resolve) => idle.once('timeout', resolve));
    idle.destroy();
  });

  it('leaves sockets with a path alone', async () => {
    const path = join(folder, 'local.sock');
    const server = net.createServer((socket) => socket.end('local')).listen(path);
    expect((await net.connect({ path }).toArray()).join('')).toBe('local');
    expect((await net.connect(path).toArray()).join('')).toBe('local');
    server.close();
    expect(proxy.heads).toEqual([]);
  });
});

const noTls = certificate === undefined ? ' (skipped: openssl cannot make a certificate here)' : '';

describe.skipIf(noTls !== '')(`TLS through the proxy${noTls}`, () => {
  const port = (): number => portOf(secure as http2.Http2SecureServer);

  it('serves fetch, https and http2, with certificates checked against the name', async () => {
    expect(await (await fetch(`https://${HOST}:${port()}/`)).text()).toBe('secure 1.1');
    expect(await textOf(https.get({ host: HOST, port: port(), agent: false }))).toBe('secure 1.1');
    const session = http2.connect(`https://${HOST}:${port()}`);
    expect((await session.request({ ':path': '/' }).setEncoding('utf8').toArray()).join('')).toBe('secure 2.0');
    session.close();
    await expect(fetch(`https://other.test:${port()}/`)).rejects.toMatchObject({ cause: { code: 'ERR_TLS_CERT_ALTNAME_INVALID' } });
  });

  it('negotiates a protocol, resumes a session, and knows the name', async () => {
    const connect = (options: tls.ConnectionOptions): Promise<tls.TLSSocket> =>
      new Promise((resolve, reject) => {
        const socket = tls
          .connect({ host: HOST, port: port(), servername: HOST, ALPNProtocols: ['h2'], ...options }, () => resolve(socket))
          .on('error', reject);
      });
    const first = await connect({});
    expect([first.alpnProtocol, first.authorized, first.encrypted]).toEqual(['h2', true, true]);
    const session = await new Promise<Buffer>((resolve) => first.once('session', resolve));
    first.destroy();
    const second = await connect({ session });
    expect(second.isSessionReused()).toBe(true);
    second.destroy();
  });

  it('begins over a socket that is still connecting, or is connected', async () => {
    const early = net.connect(port(), HOST);
    const connected = net.connect(port(), HOST);
    await new Promise((resolve) => connected.once('connect', resolve));
    for (const socket of [early, connected]) {
      const secured = tls.connect({ socket, servername: HOST });
      await new Promise((resolve, reject) => secured.once('secureConnect', resolve).once('error', reject));
      expect(secured.authorized).toBe(true);
      secured.destroy();
    }
  });

  it('fails as usual where the server does not speak it', async () => {
    const error = await new Promise<NodeJS.ErrnoException>((resolve) =>
      tls.connect({ host: 'glued.test', port: portOf(talker) }).on('error', resolve),
    );
    expect(error.code).toBe('ERR_SSL_WRONG_VERSION_NUMBER');
  });
});

describe('a connection that is refused', () => {
  it.each([
    ['denied.test', 'EGRESS_DENIED', 'Cannot connect to denied.test:80: private addresses are closed'],
    ['::1', 'EGRESS_DENIED', 'Cannot connect to ::1:80: private addresses are closed'],
    ['slow.test', 'ETIMEDOUT', 'Cannot connect to slow.test:80: no answer in 10 s'],
    ['token.test', 'EGRESS_DENIED', 'Cannot connect to token.test:80: the token is not valid'],
    ['gone.test', 'ENOTFOUND', 'Cannot connect to gone.test:80: no such name'],
    ['garbage.test', 'EPROTO', 'Cannot connect to garbage.test:80: the egress proxy gave an answer that is not understood'],
    ['flood.test', 'EPROTO', 'Cannot connect to flood.test:80: the egress proxy gave an answer that is not understood'],
    ['closed.test', 'ECONNRESET', 'Cannot connect to closed.test:80: the egress proxy closed the connection'],
  ])('to %s fails with %s', async (host, code, message) => {
    expect(await connectionError(host)).toMatchObject({ code, message, syscall: 'connect', host, port: 80 });
  });

  it('shows its reason as the cause of a failed fetch', async () => {
    await expect(fetch('http://169.254.169.254/latest/meta-data')).rejects.toMatchObject({ cause: { code: 'EGRESS_DENIED' } });
  });

  it('cannot smuggle lines into the head by its host, and checks the port', async () => {
    expect(await connectionError('a\r\nProxy-Authorization: Bearer other\r\n')).toMatchObject({ code: 'ENOTFOUND' });
    expect(proxy.heads).toEqual([]);
    expect(() => net.connect({ host: HOST, port: 70_000 })).toThrow(RangeError);
    expect(() => new net.Socket().connect(JSON.parse('{}'))).toThrow(/port/);
  });

  it('fails at once when there is no proxy', async () => {
    const undo = installEgress({ socketPath: join(folder, 'missing.sock'), token: '' });
    const error = await connectionError(HOST);
    undo();
    uninstall = installEgress({ socketPath: join(folder, 'egress.sock'), token: 'secret-token' });
    expect(error).toMatchObject({ code: 'EGRESS_UNREACHABLE' });
  });
});

describe('looking up names', () => {
  it('fails with a sentence that says what to do, and still knows addresses', async () => {
    await expect(dns.promises.lookup('example.com')).rejects.toMatchObject({
      code: 'ENOTFOUND',
      message: expect.stringContaining('Connect to the name itself'),
    });
    const error = await new Promise<NodeJS.ErrnoException | null>((resolve) => dns.lookup('example.com', { all: true }, resolve));
    expect(error).toMatchObject({ code: 'ENOTFOUND', hostname: 'example.com' });
    expect(await dns.promises.lookup('192.0.2.1')).toEqual({ address: '192.0.2.1', family: 4 });
  });
});

function makeCertificate(): { key: Buffer; cert: string } | undefined {
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const made = spawnSync('openssl', [
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-days',
    '2',
    '-keyout',
    key,
    '-out',
    cert,
    '-subj',
    `/CN=${HOST}`,
    '-addext',
    `subjectAltName=DNS:${HOST}`,
  ]);
  if (made.status === 0) return { key: readFileSync(key), cert: readFileSync(cert, 'utf8') };
  console.warn(`TLS tests are skipped: openssl cannot make a certificate here (${made.error?.message ?? String(made.stderr)})`);
  return undefined;
}
