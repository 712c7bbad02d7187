/** The launcher: which Node it takes, and that it is a faithful shadow of the process that it starts. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { explainMissingNode, findNode } from '../bin/find-node.mjs';

const BIN = fileURLToPath(new URL('../bin', import.meta.url));
let folder = '';
/** A copy of the launcher with a bundle that tells what becomes of it, so that no server is needed. */
let launcher = '';

const BUNDLE = `
import { appendFileSync } from 'node:fs';
export async function main([command, file]) {
  if (command === 'version') { console.log(process.versions.node); return 0; }
  if (command === 'dev') {
    const tell = (text) => appendFileSync(file, text + '\\n');
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => { tell(signal); process.exit(7); });
    tell('pid ' + process.pid + ' ' + process.versions.node);
    await new Promise((resolve) => setTimeout(resolve, 30_000));
  }
  if (command === 'serve') process.kill(process.pid, 'SIGKILL');
  if (command === 'doctor') return 3;
  return 0;
}`;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'martlet-launcher-'));
  await cp(BIN, join(folder, 'bin'), { recursive: true });
  await mkdir(join(folder, 'dist'));
  await writeFile(join(folder, 'dist/cli.mjs'), BUNDLE);
  await writeFile(join(folder, 'package.json'), '{"type":"module"}');
  launcher = join(folder, 'bin/martlet.mjs');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const old = ['/usr/bin/node', '/usr/local/bin/node', '/opt/node/bin/node'].find(
  (path) => existsSync(path) && /^v(18|20|22)\./.test(spawnSync(path, ['--version'], { encoding: 'utf8' }).stdout),
);
const environment = { ...process.env, PATH: `${join(process.execPath, '..')}:/usr/bin:/bin` };

describe('choosing a Node', () => {
  test('takes the running one when it is new enough', () => {
    expect(findNode(24, import.meta.url, { execPath: '/here/node', version: '24.0.0', env: {} })).toBe('/here/node');
    expect(findNode(24, import.meta.url, { execPath: '/here/node', version: '100.1.0', env: {} })).toBe('/here/node');
  });

  test('asks each candidate for its version and passes over broken ones', async () => {
    const bad = await mkdtemp(join(folder, 'bad-'));
    const good = await mkdtemp(join(folder, 'good-'));
    await writeFile(join(bad, 'node'), '#!/bin/sh\nexit 127\n', { mode: 0o755 });
    await writeFile(join(good, 'node'), '#!/bin/sh\necho v99.1.0\n', { mode: 0o755 });
    expect(
      findNode(99, join(folder, 'x.mjs'), {
        execPath: '/old/node',
        version: '18.0.0',
        env: { PATH: `${bad}::/nowhere:${good}`, HOME: folder },
      }),
    ).toBe(join(good, 'node'));
  });

  test('finds the newest of a version manager', async () => {
    const home = await mkdtemp(join(folder, 'home-'));
    for (const version of ['v98.1.0', 'v99.2.0', 'v99.10.0']) {
      const bin = join(home, '.nvm/versions/node', version, 'bin');
      await mkdir(bin, { recursive: true });
      await writeFile(join(bin, 'node'), `#!/bin/sh\necho ${version}\n`, { mode: 0o755 });
    }
    expect(findNode(98, join(folder, 'x.mjs'), { execPath: '/old/node', version: '18.0.0', env: { PATH: '', HOME: home } })).toBe(
      join(home, '.nvm/versions/node/v99.10.0/bin/node'),
    );
  });

  test('gives nothing when there is none, and the message names three ways to get one', () => {
    expect(
      findNode(1000, join(folder, 'x.mjs'), { execPath: '/old/node', version: '18.0.0', env: { PATH: '', HOME: folder } }),
    ).toBeUndefined();
    expect(explainMissingNode(24, '18.1.0').match(/^ {2}\d\./gm)).toHaveLength(3);
  });
});

async function startDev(node: string, file: string): Promise<{ launched: ChildProcess; pid: number; version: string }> {
  const launched = spawn(node, [launcher, 'dev', file], { env: environment, stdio: 'ignore' });
  for (let tries = 0; tries < 200; tries += 1) {
    const told = existsSync(file) ? /pid (\d+) (\S+)/.exec(await readFile(file, 'utf8')) : null;
    if (told !== null) return { launched, pid: Number(told[1]), version: String(told[2]) };
    await sleep(50);
  }
  launched.kill('SIGKILL');
  throw new Error('the command did not start');
}
const ended = (child: ChildProcess) =>
  new Promise<[number | null, string | null]>((resolve) => child.once('exit', (code, signal) => resolve([code, signal])));

describe.skipIf(old === undefined)(`started by an old Node (${old ?? 'none on this machine, so these are skipped'})`, () => {
  const node = old ?? '';

  test('runs commands that need no server in place, and the others on Node 24', async () => {
    expect(spawnSync(node, [launcher, 'version'], { encoding: 'utf8', env: environment }).stdout).toMatch(/^(18|20|22)\./);
    const { launched, version, pid } = await startDev(node, join(folder, 'version'));
    expect(Number.parseInt(version, 10)).toBeGreaterThanOrEqual(24);
    expect(pid).not.toBe(launched.pid);
    launched.kill('SIGTERM');
    await ended(launched);
  });

  test('gives on the exit code and the signal', () => {
    expect(spawnSync(node, [launcher, 'doctor'], { env: environment }).status).toBe(3);
    expect(spawnSync(node, [launcher, 'version', '--url', 'dev'], { encoding: 'utf8', env: environment }).stdout).toMatch(/^(18|20|22)\./);
    expect(spawnSync(node, [launcher, 'serve'], { env: environment }).signal).toBe('SIGKILL');
  });

  test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('passes %s on', async (signal) => {
    const file = join(folder, signal);
    const { launched } = await startDev(node, file);
    launched.kill(signal);
    expect(await ended(launched)).toEqual([7, null]);
    expect(await readFile(file, 'utf8')).toContain(`\n${signal}\n`);
  });

  test('leaves nothing behind when it is killed: the command is told to end', async () => {
    const file = join(folder, 'killed');
    const { launched, pid } = await startDev(node, file);
    launched.kill('SIGKILL');
    await ended(launched);
    await expect.poll(() => readFile(file, 'utf8'), { timeout: 10_000 }).toContain('SIGTERM');
    await expect.poll(() => isAlive(pid), { timeout: 10_000 }).toBe(false);
  });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
