/** Which server is meant, and that keys do not get to another one. */
import { chmod, mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { DEFAULT_PROJECT, DEFAULT_URL, removeConnectionFile, resolveConnection, writeConnectionFile } from '../src/api/connection.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'martlet-connection-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const FILE = { url: 'http://127.0.0.1:4000', project: 'shop', apiKey: 'file-key', pid: 1 };
const resolveWith = (flags = {}, env = {}, at = folder) =>
  resolveConnection({ flags, env: { XDG_CONFIG_HOME: join(folder, 'no-config'), ...env }, folder: at });

test('falls back to the default server and project', async () => {
  expect(await resolveWith()).toEqual({ url: DEFAULT_URL, project: DEFAULT_PROJECT, key: undefined });
});

test('prefers flags to the environment and the environment to the file', async () => {
  await writeConnectionFile(folder, FILE);
  const env = { MARTLET_URL: 'http://127.0.0.1:4000/', MARTLET_PROJECT: 'env', MARTLET_API_KEY: 'env-key' };
  expect(await resolveWith()).toEqual({ url: FILE.url, project: 'shop', key: 'file-key' });
  expect(await resolveWith({}, env)).toEqual({ url: FILE.url, project: 'env', key: 'env-key' });
  expect(await resolveWith({ project: 'flag', key: 'flag-key' }, env)).toEqual({ url: FILE.url, project: 'flag', key: 'flag-key' });
});

test('finds the file in a folder above', async () => {
  await writeConnectionFile(folder, FILE);
  await mkdir(join(folder, 'a/b'), { recursive: true });
  expect((await resolveWith({}, {}, join(folder, 'a/b'))).key).toBe('file-key');
});

test('does not send the key of the file to another server', async () => {
  await writeConnectionFile(folder, FILE);
  expect(await resolveWith({ url: 'https://elsewhere.example' })).toEqual({
    url: 'https://elsewhere.example',
    project: DEFAULT_PROJECT,
    key: undefined,
  });
  expect((await resolveWith({}, { MARTLET_URL: 'http://127.0.0.1:4001' })).key).toBeUndefined();
});

test('writes the file for its owner only, even over one that was open', async () => {
  await mkdir(join(folder, '.martlet'));
  const path = join(folder, '.martlet/connection.json');
  await writeFile(path, '{}', { mode: 0o644 });
  await writeConnectionFile(folder, FILE);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
});

test('ignores a file that others can write', async () => {
  await writeConnectionFile(folder, FILE);
  await chmod(join(folder, '.martlet/connection.json'), 0o666);
  expect((await resolveWith()).url).toBe(DEFAULT_URL);
});

test('removes only the file of its own process', async () => {
  await writeConnectionFile(folder, FILE);
  await removeConnectionFile(folder, 2);
  expect((await resolveWith()).key).toBe('file-key');
  await removeConnectionFile(folder, 1);
  expect((await resolveWith()).key).toBeUndefined();
});

test.each(['ftp://x', 'nonsense', 'http://'])('refuses %s as an address, as wrong usage', async (url) => {
  await expect(resolveWith({ url })).rejects.toMatchObject({ exitCode: 2, message: expect.stringContaining('not an http or https URL') });
});

test('says what to do about a file that is damaged', async () => {
  await mkdir(join(folder, '.martlet'));
  await writeFile(join(folder, '.martlet/connection.json'), '{', { mode: 0o600 });
  await expect(resolveWith()).rejects.toMatchObject({ next: expect.stringContaining('rm ') });
});
