/** What a function that wants out tries, from inside a real sandbox: the same for the tier with and without cgroups. */
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createBubblewrapSandbox } from '../../src/drivers/bubblewrap-sandbox/bubblewrap-sandbox.ts';
import type { Sandbox } from '../../src/ports/sandbox.ts';
import { LAUNCH, strictLog } from '../conformance/sandbox.ts';
import { talkTo, testWorkerSource, valueOf, type TestWorker } from '../conformance/sandbox-worker.ts';
import { suiteName } from '../support/suite-name.ts';
import { hostTier } from './host-tier.ts';

const { tier, reason } = await hostTier();
const skipped = tier === 'C' ? `this host reaches only tier C: ${reason}` : undefined;

const SECRET = 'a-secret-of-the-server';

describe.skipIf(skipped !== undefined).each([
  { name: 'with cgroups', useCgroups: true },
  { name: 'without cgroups', useCgroups: false },
])(suiteName('a function in a sandbox $name', skipped), ({ useCgroups }) => {
  let folder: string;
  let sandbox: Sandbox;
  let worker: TestWorker;
  const servers: Server[] = [];
  const listen = async (at: { port: number; host: string } | string): Promise<Server> => {
    const server = createServer((socket) => socket.end());
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(at, resolve));
    return server;
  };
  const codeOf = async (attack: string): Promise<string | undefined> => {
    const answer = await worker.run(attack);
    return answer.ok ? `open: ${JSON.stringify(answer.value)}` : answer.code;
  };
  const connectTo = (target: string): string =>
    `return new Promise((resolve, reject) => require('net').connect(${target}).on('connect', () => resolve('connected')).on('error', reject))`;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'martlet-escape-'));
    const workerBundlePath = join(folder, 'worker.cjs');
    await writeFile(workerBundlePath, testWorkerSource);
    process.env['MARTLET_TEST_SECRET'] = SECRET;
    sandbox = createBubblewrapSandbox({
      nodePath: process.execPath,
      workerBundlePath,
      stateDir: join(folder, 'state'),
      useCgroups,
      log: strictLog([]),
    });
    worker = await talkTo(await sandbox.launch(LAUNCH));
  });
  afterAll(async () => {
    delete process.env['MARTLET_TEST_SECRET'];
    for (const server of servers) server.close();
    await sandbox.close();
    await rm(folder, { recursive: true, force: true });
  });

  it('sees nothing of the host but Node, its libraries and the worker', async () => {
    const visible = (await valueOf(worker, `return require('fs').readdirSync('/')`)) as string[];
    for (const name of visible) expect(['dev', 'lib', 'lib64', 'proc', 'rt', 'tmp', 'usr']).toContain(name);
    expect(await codeOf(`return require('fs').readFileSync('/etc/passwd', 'utf8')`)).toBe('ENOENT');
    expect(await codeOf(`return require('fs').readdirSync(${JSON.stringify(folder)})`)).toBe('ENOENT');
    expect(await valueOf(worker, `return require('fs').readdirSync('/rt').sort()`)).toEqual([
      'enter-sandbox.cjs',
      'lib',
      'node',
      'probe-worker.cjs',
      'worker.cjs',
    ]);
  });

  it('sees no process but its own and the first one of its namespace', async () => {
    expect(
      await valueOf(worker, `return require('fs').readdirSync('/proc').filter((name) => /^[0-9]+$/.test(name)).length`),
    ).toBeLessThanOrEqual(2);
  });

  it('finds no secret of the server in any environment or command line', async () => {
    const code = `const fs = require('fs'); const seen = []; for (const pid of fs.readdirSync('/proc')) for (const file of ['environ', 'cmdline']) { try { seen.push(fs.readFileSync('/proc/' + pid + '/' + file, 'utf8')) } catch {} } return seen.join(' ')`;
    const seen = String(await valueOf(worker, code));
    expect(seen).toContain('bwrap');
    expect(seen).not.toContain(SECRET);
    for (const pid of ['1', 'self']) {
      const environ = await worker.run(`return require('fs').readFileSync('/proc/${pid}/environ', 'utf8')`);
      // Where the server is root the files of a process that gave up being root are closed even to itself.
      expect(environ.ok ? environ.value : environ.code).toMatch(pid === '1' ? /^(EACCES)?$/ : /^(EACCES|PWD=\/tmp\0)?$/);
    }
  });

  it('reaches no network, neither by name nor by address', async () => {
    const { port } = (await listen({ port: 0, host: '127.0.0.1' })).address() as AddressInfo;
    for (const target of [
      `{ host: '127.0.0.1', port: ${port} }`,
      `{ host: '169.254.169.254', port: 80 }`,
      `{ host: '::1', port: ${port} }`,
    ]) {
      expect(await codeOf(connectTo(target))).toBe('EAFNOSUPPORT');
    }
    expect((await worker.run(`return (await fetch('http://127.0.0.1:${port}')).status`)).ok).toBe(false);
    expect((await worker.run(`return require('dns').promises.lookup('example.com')`)).ok).toBe(false);
    expect(
      (
        await worker.run(
          `return new Promise((resolve, reject) => require('dgram').createSocket('udp4').on('error', reject).bind(0, () => resolve('bound')))`,
        )
      ).ok,
    ).toBe(false);
    expect(
      (
        await worker.run(
          `return new Promise((resolve, reject) => require('net').createServer().on('error', reject).listen(0, () => resolve('listening')))`,
        )
      ).ok,
    ).toBe(false);
  });

  it('reaches no unix socket of the host, neither abstract nor by path', async () => {
    await listen(`\0martlet-escape-${process.pid}-${useCgroups}`);
    expect(await codeOf(connectTo(`'\\0martlet-escape-${process.pid}-${useCgroups}'`))).toBe('ECONNREFUSED');
    await listen(join(folder, 'host.sock'));
    expect(await codeOf(connectTo(JSON.stringify(join(folder, 'host.sock'))))).toBe('ENOENT');
  });

  it.each([
    '/x',
    '/rt/x',
    '/rt/worker.cjs',
    '/rt/node',
    '/dev/x',
    '/dev/shm/x',
    '/proc/sys/kernel/hostname',
    '/proc/sysrq-trigger',
    '/lib64/x',
  ])('cannot write to %s', async (path) => {
    expect(await codeOf(`return require('fs').writeFileSync(${JSON.stringify(path)}, 'x')`)).toMatch(
      /^(EROFS|EACCES|EPERM|ETXTBSY|ENOENT)$/,
    );
  });

  it('writes to /tmp up to its size and no further', async () => {
    expect(await valueOf(worker, `require('fs').writeFileSync('/tmp/small', Buffer.alloc(4 << 20)); return 'written'`)).toBe('written');
    expect(await codeOf(`return require('fs').writeFileSync('/tmp/large', Buffer.alloc(20 << 20))`)).toBe('ENOSPC');
    await valueOf(worker, `for (const name of require('fs').readdirSync('/tmp')) require('fs').unlinkSync('/tmp/' + name)`);
    expect(existsSync('/tmp/small')).toBe(false);
  });

  it('starts no process, but threads', async () => {
    for (const attack of [
      `execFileSync('/bin/sh', ['-c', 'id'])`,
      `execFileSync(process.execPath, ['--version'])`,
      `spawnSync('/rt/node').error.stack && (() => { throw require('child_process').spawnSync('/rt/node').error })()`,
    ]) {
      expect(await codeOf(`return String(require('child_process').${attack})`)).toBe('EPERM');
    }
    const thread = `return new Promise((resolve, reject) => { const worker = new (require('worker_threads').Worker)("require('worker_threads').parentPort.postMessage('ran')", { eval: true }); worker.on('message', resolve).on('error', reject) })`;
    expect(await valueOf(worker, thread)).toBe('ran');
  });

  it('has no privilege and cannot get one', async () => {
    const field = async (name: string): Promise<unknown> =>
      valueOf(worker, `return /^${name}:\\s*(.*)$/m.exec(require('fs').readFileSync('/proc/self/status', 'utf8'))[1].trim()`);
    expect(await field('Uid')).toBe('65534\t65534\t65534\t65534');
    expect(await field('Gid')).toBe('65534\t65534\t65534\t65534');
    for (const name of ['CapEff', 'CapPrm', 'CapAmb']) expect(await field(name)).toBe('0000000000000000');
    expect(await field('NoNewPrivs')).toBe('1');
    expect(await field('Seccomp')).toBe('2');
    // EINVAL: below a server that is an ordinary user the namespace has no user 0 at all.
    const denial = expect.stringMatching(/^(?:EPERM|EINVAL)$/);
    expect(await codeOf('return process.setuid(0)')).toEqual(denial);
    expect(await codeOf('return process.setgroups([0])')).toEqual(denial);
    expect(await valueOf(worker, 'return process.getuid()')).toBe(65534);
  });

  it('can signal no process of the host, nor end its own namespace', async () => {
    expect(await codeOf(`return process.kill(${process.pid}, 0)`)).toBe('ESRCH');
    expect(await codeOf(`return process.kill(${worker.sandbox.pid}, 'SIGKILL')`)).toBe('ESRCH');
    await worker.run(`process.kill(1, 'SIGKILL')`);
    expect(await valueOf(worker, `return 'still here'`)).toBe('still here');
  });

  it('has no file open and keeps to its limits', async () => {
    const files = `const fs = require('fs'); return fs.readdirSync('/proc/self/fd').filter((name) => { try { return fs.fstatSync(Number(name)).isFile() } catch { return false } })`;
    expect(await valueOf(worker, files)).toEqual([]);
    const limits = String(await valueOf(worker, `return require('fs').readFileSync('/proc/self/limits', 'utf8')`));
    expect(limits).toMatch(/Max core file size\s+0\s+0/);
    expect(limits).toMatch(/Max open files\s+1024\s+1024/);
  });

  it('gets no more threads than it may have', async () => {
    const bomber = await talkTo(await sandbox.launch({ ...LAUNCH, processes: 24 }));
    const bomb = `const { Worker } = require('worker_threads'); for (let i = 0; i < 60; i++) new Worker('setInterval(() => {}, 1000)', { eval: true }).on('error', () => {}); await new Promise((done) => setTimeout(done, 3000))`;
    // Either starting the threads fails, or the process is ended for them.
    const outcome = await bomber.run(bomb).catch(() => ({ ok: false }));
    expect(outcome.ok).toBe(false);
    bomber.sandbox.kill();
    await bomber.sandbox.exited;
    expect(await valueOf(worker, `return 'the neighbour is well'`)).toBe('the neighbour is well');
  });
});
