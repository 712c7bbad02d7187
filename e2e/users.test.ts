/** Users on the command line: made, called as, blocked, deleted; against a server of its own. */
import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startMartlet, type Martlet } from './start-martlet.ts';

const MARTLET = fileURLToPath(new URL('../packages/cli/bin/martlet.mjs', import.meta.url));
let folder = '';
let server: Martlet;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'martlet-e2e-users-'));
  await mkdir(join(folder, 'functions'));
  await writeFile(
    join(folder, 'functions/me.ts'),
    `export const config = { execute: ['label:vip', 'user:ann'] };\nexport default (_: Request, ctx: { user?: { id: string } }) => new Response(ctx.user?.id ?? 'nobody');\n`,
  );
  server = await startMartlet(['dev', folder]);
});
afterAll(async () => {
  await server.stop();
  await rm(folder, { recursive: true, force: true });
});

function martlet(args: readonly string[], input = '') {
  const env = { PATH: process.env['PATH'], HOME: folder, MARTLET_URL: server.ready.url, MARTLET_API_KEY: server.ready.apiKey ?? '' };
  return spawnSync(process.execPath, [MARTLET, ...args], { cwd: folder, env, encoding: 'utf8', input });
}
const json = (args: readonly string[], input = ''): Record<string, unknown> => {
  const { stdout, stderr, status } = martlet([...args, '--json'], input);
  expect([stderr, status]).toEqual([expect.any(String), 0]);
  return JSON.parse(stdout) as Record<string, unknown>;
};

test('are made, call functions, and are blocked', async () => {
  await server.call('me');
  expect(json(['users', 'create', 'ann@example.com', '--id', 'ann', '--name', 'Ann', '--password'], 'long enough\n')).toMatchObject({
    $id: 'ann',
    name: 'Ann',
  });
  expect(martlet(['users', 'create', '--id', 'bob']).stdout).toContain('bob');
  expect(martlet(['users', 'list']).stdout).toMatch(/ann@example\.com .*Ann .*active/);
  const signIn = () =>
    fetch(`${server.ready.url}/v1/account/sessions/email`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ email: 'ann@example.com', password: 'long enough' }),
    });
  expect((await signIn()).status).toBe(201);
  expect(json(['users', 'sessions', 'ann'])).toMatchObject({ total: 1, sessions: [{ provider: 'email' }] });

  expect(martlet(['invoke', 'me', '--as', 'user:ann'])).toMatchObject({ status: 0, stdout: 'ann' });
  expect(martlet(['invoke', 'me', '--as', 'user:bob'])).toMatchObject({
    status: 1,
    stdout: expect.stringContaining('as user: only label:vip, user:ann may'),
  });
  expect(martlet(['invoke', 'me', '--as', 'user:bob']).stderr).toContain('call it with --as service or --as user:<id>');
  expect(martlet(['users', 'labels', 'bob', 'vip']).stdout).toContain('bob  has the labels vip');
  expect(martlet(['invoke', 'me', '--as', 'user:bob'])).toMatchObject({ status: 0, stdout: 'bob' });
  expect(martlet(['invoke', 'me'])).toMatchObject({ status: 1 });

  const token = martlet(['users', 'token', 'ann', '--seconds', '60']).stdout.trim();
  expect(martlet(['users', 'block', 'ann']).stdout).toContain('ann  is blocked; every session has ended');
  expect(json(['users', 'sessions', 'ann'])).toMatchObject({ total: 0 });
  expect((await signIn()).status).toBe(403);
  expect((await server.call('me', { headers: { authorization: `Bearer ${token}` } })).status).toBe(403);
  expect(martlet(['invoke', 'me', '--as', 'user:ann'])).toMatchObject({ status: 1, stdout: expect.stringContaining('blocked') });
  expect(martlet(['users', 'unblock', 'ann']).stdout).toContain('ann  may sign in again');
  expect((await signIn()).status).toBe(201);
  expect(martlet(['users', 'sessions', 'ann', '--end']).stdout).toContain('all sessions have ended');
  expect(martlet(['users', 'delete', 'ann']).status).toBe(0);
  expect(martlet(['users', 'get', 'ann'])).toMatchObject({ status: 1, stderr: expect.stringContaining('martlet users list') });
}, 120_000);

test('say what is wrong', () => {
  expect(martlet(['invoke', 'me', '--as', 'user:'])).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('neither anonymous nor service nor user:<id>'),
  });
  expect(martlet(['users', 'create', '--password'])).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('without an e-mail address'),
  });
  expect(martlet(['users', 'token', 'x', '--seconds', '9999'])).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('from 1 to 3600'),
  });
  expect(martlet(['users', 'create', 'nonsense'])).toMatchObject({ status: 1, stderr: expect.stringContaining('Invalid `email` param') });
});

test('keys expire', () => {
  expect(martlet(['keys', 'create', 'old', '--expire', '2020-01-01'])).toMatchObject({
    status: 1,
    stderr: expect.stringContaining('Invalid `expire` param'),
  });
  const { secret, expire } = json(['keys', 'create', 'new', '--scope', 'users.read', '--expire', '2099-01-01']);
  expect(expire).toBe('2099-01-01T00:00:00.000+00:00');
  expect(martlet(['users', 'list', '--key', String(secret)]).status).toBe(0);
  expect(martlet(['users', 'block', 'bob', '--key', String(secret)])).toMatchObject({
    status: 1,
    stderr: expect.stringContaining('users.write'),
  });
  expect(martlet(['keys', 'list']).stdout).toContain('2099-01-01');
});
