/** Stored servers: who may read them, which one is meant, and that a key never leaves for another server. */
import { chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { resolveConnection, writeConnectionFile } from '../src/api/connection.ts';
import { contextsFile, readContexts, writeContexts } from '../src/contexts/contexts.ts';

let home = '';
let env: NodeJS.ProcessEnv = {};
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'martlet-contexts-'));
  env = { XDG_CONFIG_HOME: join(home, 'config') };
});
afterEach(() => rm(home, { recursive: true, force: true }));

const TWO = {
  current: 'work',
  contexts: {
    work: { url: 'https://work.example', project: 'shop', apiKey: 'work-key' },
    home: { url: 'https://home.example', project: 'default', apiKey: 'home-key' },
  },
};
const resolveWith = (flags = {}, more = {}) => resolveConnection({ flags, env: { ...env, ...more }, folder: home });

test('lie in a file for their owner only', async () => {
  await writeContexts(env, TWO);
  expect((await stat(contextsFile(env))).mode & 0o777).toBe(0o600);
  expect((await stat(dirname(contextsFile(env)))).mode & 0o777).toBe(0o700);
  expect(await readContexts(env)).toEqual(TWO);
});

test('are not read when others could read or write them', async () => {
  await writeContexts(env, TWO);
  await chmod(contextsFile(env), 0o640);
  await expect(readContexts(env)).rejects.toMatchObject({
    message: expect.stringContaining('others than you'),
    next: expect.stringContaining('chmod 600'),
  });
});

test('are refused without a word of their content when they are damaged', async () => {
  await mkdir(dirname(contextsFile(env)), { recursive: true });
  await writeFile(contextsFile(env), '{"contexts":{"a":{"apiKey":"secret-1"', { mode: 0o600 });
  const error = await readContexts(env).catch((one: unknown) => one);
  expect(error).toMatchObject({ message: expect.stringContaining('not what martlet context writes'), cause: undefined });
  expect(String((error as Error).stack)).not.toContain('secret-1');
  expect(await readFile(contextsFile(env), 'utf8')).toContain('secret-1');
});

test('stand behind options, environment and the folder, and before the default', async () => {
  await writeContexts(env, TWO);
  expect(await resolveWith()).toEqual({ url: 'https://work.example', project: 'shop', key: 'work-key' });
  expect(await resolveWith({ project: 'other', key: 'flag' })).toEqual({ url: 'https://work.example', project: 'other', key: 'flag' });
  await writeConnectionFile(home, { url: 'http://127.0.0.1:4000', project: 'dev', apiKey: 'dev-key' });
  expect(await resolveWith()).toEqual({ url: 'http://127.0.0.1:4000', project: 'dev', key: 'dev-key' });
});

test('come before the folder when one is named', async () => {
  await writeContexts(env, TWO);
  await writeConnectionFile(home, { url: 'http://127.0.0.1:4000', project: 'dev', apiKey: 'dev-key' });
  const chosen = { url: 'https://home.example', project: 'default', key: 'home-key' };
  expect(await resolveWith({ context: 'home' })).toEqual(chosen);
  expect(await resolveWith({}, { MARTLET_CONTEXT: 'home' })).toEqual(chosen);
  await expect(resolveWith({ context: 'nowhere' })).rejects.toMatchObject({ exitCode: 2, message: expect.stringContaining('work, home') });
  await expect(resolveWith({ context: 'constructor' })).rejects.toMatchObject({ exitCode: 2 });
});

test('give their key to their own server only', async () => {
  await writeContexts(env, TWO);
  expect((await resolveWith({ url: 'https://elsewhere.example' })).key).toBeUndefined();
  expect((await resolveWith({ context: 'home', url: 'https://work.example' })).key).toBeUndefined();
  expect((await resolveWith({ url: 'https://work.example/' })).key).toBe('work-key');
});
