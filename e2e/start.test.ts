/** `npm start`, as the README promises it. */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { REPOSITORY } from './start-martlet.ts';

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'martlet-start-'));
  await cp(join(REPOSITORY, 'examples/functions/hello.ts'), join(folder, 'functions/hello.ts'));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

test('npm start calls an example and shows its answer, its record, the sandbox and the addresses', async () => {
  const { code, output } = await run(['tools/start.mjs', '--once', '--port', '0', '--dir', folder]);
  expect(output).toContain('200 {"greeting":"Hello, Ada!"}');
  expect(output).toMatch(/[0-9a-f]{20}: completed, answered 200 in [\d.]+ ms \(cold start/);
  expect(output).toMatch(/log {2}greeting Ada in execution [0-9a-f]{20}/);
  expect(output).toMatch(/tier (?:A|A-|C): \w/);
  expect(output).toMatch(/API {8}http:\/\/127\.0\.0\.1:\d+\/v1/);
  expect(output).toContain('curl -N ');
  expect(code).toBe(0);
}, 120_000);

test('npm start says why it cannot, and ends with 1', async () => {
  const { code, output } = await run(['tools/start.mjs', '--once', '--port', '0', '--dir', join(folder, 'nowhere')]);
  expect(output).toContain('Cannot');
  expect(code).toBe(1);
}, 60_000);

// Linux tells a process who started its parent; elsewhere only the first of these is noticed.
test.each(process.platform === 'linux' ? (['SIGTERM', 'SIGKILL'] as const) : (['SIGTERM'] as const))(
  'npm start leaves no server when npm is ended by %s',
  async (signal) => {
    const data = join(folder, signal);
    const npm = spawn('npm', ['start', '--', '--port', '0', '--dir', folder, '--data', data], {
      cwd: REPOSITORY,
      env: { ...process.env, MARTLET_NO_INSTALL: '1' },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const url = await addressOf(npm);
    expect((await fetch(`${url}/health/live`)).status).toBe(200);
    npm.kill(signal);
    const isServing = () =>
      fetch(`${url}/health/live`).then(
        () => true,
        () => false,
      );
    await expect.poll(isServing, { timeout: 10_000, interval: 100 }).toBe(false);
    await expect.poll(() => existsSync(join(data, 'run/server.pid')), { timeout: 10_000 }).toBe(false);
  },
  60_000,
);

/** The address that the tour ends with; resolves when it has been printed whole. */
function addressOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let output = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      const [, url] = /functions {2}(http:\S+)\/functions\/[^]*It stays up/.exec(output) ?? [];
      if (url !== undefined) resolve(url);
    });
    child.once('exit', (code) => reject(new Error(`npm start ended with ${code}:\n${output}`)));
  });
}

function run(args: readonly string[]): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, {
      cwd: REPOSITORY,
      env: { ...process.env, MARTLET_NO_INSTALL: '1' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    const collect = (chunk: Buffer) => {
      output += chunk.toString();
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, output }));
  });
}
