/** Archives: what is in them, that they depend on nothing but the files, and what is said when they are too large. */
import { mkdir, mkdtemp, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { unpackTar } from 'modern-tar';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createIgnoreRules } from '../src/project/ignore-rules.ts';
import { packFolder } from '../src/project/pack.ts';

const LIMITS = { deploymentBytes: 1_000_000, deploymentUnpackedBytes: 1_000_000, deploymentFiles: 100 };
let folder = '';

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'martlet-pack-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function write(files: Record<string, string>): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), text);
  }
}
const pack = (ignore: readonly string[] = [], limits = LIMITS) => packFolder(folder, { ignore, limits });
async function namesIn(bytes: Uint8Array): Promise<string[]> {
  return (await unpackTar(gunzipSync(bytes))).map((entry) => entry.header.name);
}

describe('packing', () => {
  test('keeps packages, history, local state and secrets at home', async () => {
    await write({
      'functions/a.ts': '1',
      'package.json': '{}',
      'node_modules/x/i.js': '',
      'functions/node_modules/y.js': '',
      '.git/HEAD': '',
      '.martlet/connection.json': '',
      '.env': 'A=1',
      '.env.local': 'A=1',
      'sub/.env': '',
    });
    expect(await namesIn((await pack()).bytes)).toEqual(['functions/a.ts', 'package.json']);
  });

  test('never takes secrets in, whatever the ignore file says', async () => {
    await write({ 'a.ts': '', '.env': 'A=1', '.martletignore': '!.env\n!node_modules\n', 'node_modules/x.js': '' });
    expect(await namesIn((await pack()).bytes)).toEqual(['.martletignore', 'a.ts']);
  });

  test('leaves out what the ignore file lists', async () => {
    await write({
      'a.ts': '',
      'big.png': '',
      'assets/b.png': '',
      'assets/keep.png': '',
      'docs/x.md': '',
      'x/docs/y.md': '',
      'dist/z.js': '',
      '.martletignore': '# pictures\n*.png\n!keep.png\n/docs\ndist/\n',
    });
    expect(await namesIn((await pack()).bytes)).toEqual(['.martletignore', 'a.ts', 'assets/keep.png', 'x/docs/y.md']);
  });

  test('gives the same bytes for the same files, whenever they were written', async () => {
    await write({ 'b.ts': '2', 'a/c.ts': '3' });
    const first = await pack();
    await rm(join(folder, 'a'), { recursive: true });
    await write({ 'a/c.ts': '3' });
    await utimes(join(folder, 'b.ts'), 1, 1);
    expect(Buffer.from((await pack()).bytes).equals(Buffer.from(first.bytes))).toBe(true);
    await write({ 'b.ts': '3' });
    expect(Buffer.from((await pack()).bytes).equals(Buffer.from(first.bytes))).toBe(false);
  });

  test('writes entries without owners and times', async () => {
    await write({ 'a.ts': 'x' });
    const [entry] = await unpackTar(gunzipSync((await pack()).bytes));
    expect(entry?.header).toMatchObject({ name: 'a.ts', type: 'file', uid: 0, gid: 0, mode: 0o644 });
    expect(entry?.header.mtime?.getTime()).toBe(0);
  });

  test('does not follow links, and says which it left out', async () => {
    await write({ 'a.ts': '' });
    await symlink('/etc/passwd', join(folder, 'passwd'));
    await symlink('/etc', join(folder, 'etc'));
    const packed = await pack();
    expect(await namesIn(packed.bytes)).toEqual(['a.ts']);
    expect(packed.skipped).toEqual(['etc', 'passwd']);
  });

  test.each([
    ['unpacked bytes', { ...LIMITS, deploymentUnpackedBytes: 4000 }],
    ['packed bytes', { ...LIMITS, deploymentBytes: 50 }],
    ['files', { ...LIMITS, deploymentFiles: 2 }],
  ])('refuses too many %s and names the largest files', async (_, limits) => {
    await write({ 'small.ts': 'x', 'large.bin': 'y'.repeat(5000), 'mid.bin': 'z'.repeat(900) });
    const failure: unknown = await pack([], limits).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'deployment_invalid_file_size', next: expect.stringContaining('.martletignore') });
    const { message } = failure as Error;
    expect(message.indexOf('large.bin')).toBeGreaterThan(0);
    expect(message.indexOf('large.bin')).toBeLessThan(message.indexOf('mid.bin'));
  });

  test('names the folder that cannot be read', async () => {
    await expect(packFolder(join(folder, 'gone'), { ignore: [], limits: LIMITS })).rejects.toMatchObject({
      message: expect.stringContaining('there is no such folder'),
      exitCode: 2,
    });
  });
});

test.each([
  ['*.png', 'a/b.png', true],
  ['*.png', 'a.pngx', false],
  ['/x', 'a/x', false],
  ['a/*.ts', 'a/b/c.ts', false],
  ['a/**/c.ts', 'a/b/d/c.ts', true],
  ['a/**/c.ts', 'a/c.ts', true],
  ['**/c', 'x/y/c', true],
  ['a/**', 'a/b/c', true],
  ['a?c', 'abc', true],
  ['a?c', 'a/c', false],
  ['a.c', 'abc', false],
  ['(x)[y]', '(x)[y]', true],
  ['d/', 'd', false],
])('the pattern %s on the file %s gives %s', (pattern, file, ignored) => {
  expect(createIgnoreRules([pattern])(file, false)).toBe(ignored);
});
