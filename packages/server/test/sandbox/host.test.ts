/** What the host sees of sandboxes: the traps of cgroups, inherited descriptors, other users and a server that is killed. */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  accessSync,
  chmodSync,
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createBubblewrapSandbox } from '../../src/drivers/bubblewrap-sandbox/bubblewrap-sandbox.ts';
import { seccompProgram } from '../../src/drivers/bubblewrap-sandbox/seccomp/seccomp-program.ts';
import { architectures, deniedCalls } from '../../src/drivers/bubblewrap-sandbox/seccomp/seccomp-syscalls.ts';
import { childrenOf } from '../../src/drivers/worker-process/process-memory.ts';
import { isAlive, LAUNCH, strictLog } from '../conformance/sandbox.ts';
import { talkTo, testWorkerSource } from '../conformance/sandbox-worker.ts';
import { suiteName } from '../support/suite-name.ts';
import { hostTier } from './host-tier.ts';
import type { Report } from './supervisor.ts';

const { tier, reason } = await hostTier();
const belowA = tier === 'A' ? undefined : `this host reaches only tier ${tier}: ${reason}`;
const withoutWall = tier === 'C' ? belowA : undefined;
const run = promisify(execFile);

const SUPERVISOR = join(import.meta.dirname, 'supervisor.ts');
const OTHER_UID = 1500;

let folder: string;
let workerBundlePath: string;
const children: ChildProcess[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'martlet-host-'));
  chmodSync(folder, 0o777);
  workerBundlePath = join(folder, 'worker.cjs');
  await writeFile(workerBundlePath, testWorkerSource);
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await rm(folder, { recursive: true, force: true });
});

interface Supervised {
  readonly count: number;
  readonly code?: string;
  readonly uid?: number;
  /** A descriptor that leaks into the supervisor as its 20. */
  readonly leak?: number;
}

async function supervise({ count, code = 'return 1', uid, leak }: Supervised): Promise<{ child: ChildProcess; report: Report }> {
  const order = JSON.stringify({ stateDir: join(folder, 'state'), workerBundlePath, count, code });
  const stdio = [
    ...Array.from({ length: 20 }, (_, index) => (index < 2 ? 'pipe' : index === 2 ? 'inherit' : 'ignore')),
    leak ?? 'ignore',
  ] as ('pipe' | number)[];
  const child = spawn(process.execPath, [SUPERVISOR, order], { stdio, cwd: '/', ...(uid === undefined ? {} : { uid, gid: uid }) });
  children.push(child);
  if (child.stdout === null) throw new Error('the supervisor has no stdout');
  for await (const line of createInterface({ input: child.stdout })) return { child, report: JSON.parse(line) as Report };
  throw new Error('the supervisor said nothing');
}

const gone = (pids: readonly number[]): boolean => pids.every((pid) => !isAlive(pid) || /^State:\s+Z/m.test(statusOf(pid)));

function statusOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/status`, 'utf8');
  } catch {
    return 'State: Z';
  }
}

describe.skipIf(withoutWall !== undefined)(suiteName('sandboxes and the server that started them', withoutWall), () => {
  it('die with it, and its successor removes what it left', async () => {
    const { child, report } = await supervise({ count: 5 });
    expect(report.pids.length).toBe(15);
    expect(gone(report.pids)).toBe(false);
    child.kill('SIGKILL');
    await once(child, 'exit');
    await expect.poll(() => gone(report.pids), { timeout: 5000 }).toBe(true);

    const left = readdirSync(join(folder, 'state/sandboxes'));
    expect(left.length).toBe(1);
    const successor = createBubblewrapSandbox({
      nodePath: process.execPath,
      workerBundlePath,
      stateDir: join(folder, 'state'),
      log: strictLog([]),
    });
    try {
      await successor.sweep();
      expect(readdirSync(join(folder, 'state/sandboxes'))).not.toContain(left[0]);
      for (const parent of cgroupParents(process.pid)) expect(readdirSync(parent)).not.toContain(left[0]);
    } finally {
      await successor.close();
    }
  });

  it('end without a trace when it closes them', async () => {
    const { child, report } = await supervise({ count: 2 });
    child.stdin?.end();
    expect(await once(child, 'exit')).toEqual([0, null]);
    expect(gone(report.pids)).toBe(true);
    expect(readdirSync(join(folder, 'state/sandboxes'))).toEqual([]);
  });

  it('do not get descriptors that leaked into it', async () => {
    const secret = join(folder, 'secret.txt');
    writeFileSync(secret, 'secret');
    const leak = openSync(secret, 'r');
    const code = `const fs = require('fs'); return fs.readdirSync('/proc/self/fd').filter((name) => { try { return fs.fstatSync(Number(name)).isFile() } catch { return false } })`;
    try {
      const { report } = await supervise({ count: 1, code, leak });
      expect(report.answers).toEqual([{ ok: true, value: [] }]);
    } finally {
      closeSync(leak);
    }
  });

  it('keep their wall when it runs as an ordinary user', async ({ skip }) => {
    if (process.getuid?.() !== 0) skip('only root can start a server as another user');
    try {
      await run(process.execPath, ['-e', `require('fs').accessSync(${JSON.stringify(SUPERVISOR)})`], { uid: OTHER_UID, gid: OTHER_UID });
    } catch {
      skip(`the repository is not readable for uid ${OTHER_UID}`);
    }
    const code = `const fs = require('fs'); const status = fs.readFileSync('/proc/self/status', 'utf8'); return { uid: process.getuid(), caps: /CapEff:\\s*(\\S+)/.exec(status)[1], first: fs.readFileSync('/proc/1/environ', 'utf8'), etc: fs.existsSync('/etc'), spawn: require('child_process').spawnSync('/rt/node').error.code }`;
    const { report } = await supervise({ count: 1, code, uid: OTHER_UID });
    expect(report.answers).toEqual([{ ok: true, value: { uid: 65534, caps: '0000000000000000', first: '', etc: false, spawn: 'EPERM' } }]);
    expect(['A', 'A-']).toContain(report.tier);
  });
});

describe.skipIf(belowA !== undefined)(suiteName('cgroups of sandboxes', belowA), () => {
  it('are removed after a crash also where the server had been started in another session', async () => {
    const { child } = await supervise({ count: 1 });
    child.kill('SIGKILL');
    await once(child, 'exit');
    const [dead = ''] = readdirSync(join(folder, 'state/sandboxes'));
    const record = join(folder, 'state/sandboxes', dead, 'cgroups.json');
    const parents = JSON.parse(readFileSync(record, 'utf8')) as string[];
    const elsewhere = `${parents[0]}-of-another-session`;
    mkdirSync(`${elsewhere}/${dead}/1`, { recursive: true });
    writeFileSync(record, JSON.stringify([...parents, elsewhere]));
    const successor = createBubblewrapSandbox({
      nodePath: process.execPath,
      workerBundlePath,
      stateDir: join(folder, 'state'),
      log: strictLog([]),
    });
    try {
      await successor.sweep();
      for (const parent of [...parents, elsewhere]) expect(existsSync(`${parent}/${dead}`)).toBe(false);
    } finally {
      await successor.close();
    }
  });

  it('hold every process of every sandbox from its first moment', async () => {
    const sandbox = createBubblewrapSandbox({
      nodePath: process.execPath,
      workerBundlePath,
      stateDir: join(folder, 'state'),
      log: strictLog([]),
    });
    try {
      for (let round = 0; round < 20; round += 1) {
        const worker = await talkTo(await sandbox.launch(LAUNCH));
        const tree = (pid: number): number[] => [pid, ...childrenOf(pid).flatMap(tree)];
        const pids = tree(worker.sandbox.pid);
        expect(pids.length).toBe(3);
        for (const pid of pids)
          expect(readFileSync(`/proc/${pid}/cgroup`, 'utf8')).toMatch(/(memory|^0:):.*\/martlet\/\d+-\d+-\d+-[0-9a-f]{6}\/\d+$/m);
        worker.sandbox.kill();
        await worker.sandbox.exited;
      }
    } finally {
      await sandbox.close();
    }
  }, 30_000);

  it('keep the bomb of one sandbox from its neighbours', async () => {
    const sandbox = createBubblewrapSandbox({
      nodePath: process.execPath,
      workerBundlePath,
      stateDir: join(folder, 'state'),
      log: strictLog([]),
    });
    try {
      const [bomber, neighbour] = [
        await talkTo(await sandbox.launch({ ...LAUNCH, memoryMb: 96 })),
        await talkTo(await sandbox.launch(LAUNCH)),
      ];
      bomber.send('const kept = []; for (;;) kept.push(Buffer.alloc(8 << 20, 1))');
      expect((await bomber.sandbox.exited).outOfMemory).toBe(true);
      expect(await neighbour.run('return 1 + 1')).toEqual({ ok: true, value: 2 });
      neighbour.sandbox.kill();
      expect((await neighbour.sandbox.exited).outOfMemory).toBe(false);
    } finally {
      await sandbox.close();
    }
  });
});

const perl = '/usr/bin/perl';
const architecture = architectures.find((known) => known === process.arch);
const canCall = tier !== 'C' && existsSync(perl) && architecture !== undefined;
const cannotCall = canCall ? undefined : 'needs bubblewrap and perl';

describe.skipIf(!canCall)(suiteName('the seccomp filter on this kernel', cannotCall), () => {
  it('denies each call of its table', async () => {
    if (architecture === undefined) return;
    accessSync(perl, constants.X_OK);
    const file = join(folder, 'filter.bpf');
    await writeFile(file, seccompProgram(architecture));
    const numbers = Object.values(deniedCalls).flatMap((call) => call[architecture] ?? []);
    // Arguments of zero do no harm even where a call is let through.
    const program = 'for my $number (@ARGV) { $! = 0; syscall($number, 0, 0, 0, 0, 0, 0); print "$number ", $! + 0, "\\n" }';
    const script = 'exec 4<"$1"; shift; exec "$@"';
    const bwrap = ['bwrap', '--seccomp', '4', '--unshare-all', '--die-with-parent', '--ro-bind', '/', '/', '--dev', '/dev', '--'];
    const { stdout } = await run('/bin/sh', ['-c', script, 'sh', file, ...bwrap, perl, '-e', program, ...numbers.map(String)]);
    expect(stdout.trim().split('\n')).toEqual(numbers.map((number) => `${number} 1`));
  });
});

/** The folders of all instances in the hierarchies that a process is in. */
function cgroupParents(pid: number): string[] {
  const memberships = readFileSync(`/proc/${pid}/cgroup`, 'utf8').trim().split('\n');
  return memberships.flatMap((line) => {
    const [, name = '', path = ''] = line.split(':');
    const candidates = [`/sys/fs/cgroup/${name}${path}/martlet`, `/sys/fs/cgroup${path}/martlet`];
    return candidates.filter((candidate) => existsSync(candidate));
  });
}
