import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { defaultLimits } from '@martlet/protocol';
import { afterAll, describe, expect, it } from 'vitest';
import { createBench, outputOf, pack, problemsOf, type Bench } from './builder-bench.ts';
import { paxName, paxRecord, rawArchive, rawTar, type RawEntry } from './raw-archive.ts';

const good: RawEntry = { name: 'index.ts', body: 'export default () => new Response("ok")' };
const bench = createBench();
afterAll(() => bench.close());

async function refusal(bytes: Uint8Array, on: Bench = bench): Promise<string> {
  const { code, problems } = problemsOf(await on.buildBytes(bytes));
  expect(code).toBe('deployment_archive_invalid');
  expect(on.leftovers()).toEqual([]);
  return problems[0]?.message ?? '';
}

describe('an archive', () => {
  it('builds when it holds files and folders, also with "./" before their names', async () => {
    const bytes = rawArchive([
      { name: './', type: '5' },
      { name: './src/', type: '5' },
      { name: './src/index.ts', body: good.body ?? '', mode: '0004777' },
    ]);
    expect(outputOf(await bench.buildBytes(bytes, 'src/index.ts')).format).toBe('bundle');
    expect(bench.leftovers()).toEqual([]);
  });

  it('may have names longer than the tar format of 1988 allows', async () => {
    const name = `${'folder-with-a-long-name/'.repeat(8)}index.ts`;
    expect(outputOf(await bench.buildBytes(rawArchive([paxName(name), { ...good, name: 'short' }]), name)).inputs).toEqual([name]);
    expect(
      outputOf(
        await bench.buildBytes(
          rawArchive([
            { name: '././@LongLink', type: 'L', body: `${name}\0` },
            { ...good, name: 'short' },
          ]),
          name,
        ),
      ).inputs,
    ).toEqual([name]);
  });

  it.each<[string, RawEntry[], RegExp]>([
    ['a symbolic link', [{ name: 'link', type: '2', linkname: '/etc' }], /"link" is a symbolic link/],
    ['a hard link', [{ name: 'hard', type: '1', linkname: '/etc/passwd' }], /"hard" is a hard link/],
    ['a character device', [{ name: 'null', type: '3' }], /"null" is a device/],
    ['a block device', [{ name: 'disk', type: '4' }], /"disk" is a device/],
    ['a named pipe', [{ name: 'pipe', type: '6' }], /"pipe" is a named pipe/],
    [
      'a sparse file',
      [
        { name: 'x', type: 'x', body: paxRecord('GNU.sparse.major', '1') },
        { name: 'sparse', body: 'x' },
      ],
      /"sparse" is a sparse file/,
    ],
    ['a path that climbs', [{ name: '../evil.ts', body: 'x' }], /"\.\.\/evil\.ts" is not allowed: its path has a "\.\."/],
    ['a path that climbs later', [{ name: 'a/b/../../../evil.ts', body: 'x' }], /has a "\.\."/],
    ['a path that climbs in an extended header', [paxName('a/../../evil.ts'), { name: 'harmless.ts', body: 'x' }], /has a "\.\."/],
    ['an absolute path', [{ name: '/tmp/evil.ts', body: 'x' }], /its path is absolute/],
    ['a drive', [{ name: 'C:/evil.ts', body: 'x' }], /its path is absolute/],
    ['a backslash', [{ name: '..\\evil.ts', body: 'x' }], /backslash/],
    ['NUL in a name', [paxName('evil\0.ts'), { name: 'x', body: 'x' }], /control character/],
    ['a name that is too long', [paxName('x'.repeat(2000)), { name: 'x', body: 'x' }], /more than 1024 characters/],
    ['a part of a name that is too long', [paxName('ü'.repeat(200)), { name: 'x', body: 'x' }], /more than 255 bytes/],
    ['too deep a folder', [paxName('a/'.repeat(40) + 'x'), { name: 'x', body: 'x' }], /folders deep/],
    [
      'the same file twice',
      [
        { name: 'a.ts', body: '1' },
        { name: './a.ts', body: '2' },
      ],
      /it is there twice/,
    ],
    [
      'names that differ in case',
      [
        { name: 'a.ts', body: '1' },
        { name: 'A.ts', body: '2' },
      ],
      /differs from "a\.ts" only in case/,
    ],
    [
      'a file that is a folder too',
      [
        { name: 'a', body: '1' },
        { name: 'a/b.ts', body: '2' },
      ],
      /both a file and a folder/,
    ],
  ])('is refused with %s', async (_what, entries, reason) => {
    expect(await refusal(rawArchive([good, ...entries]))).toMatch(reason);
    expect(existsSync(join(bench.folder, 'evil.ts')) || existsSync(join(bench.folder, 'temp', 'evil.ts'))).toBe(false);
  });

  it('is refused when it is damaged, truncated or not a tar', async () => {
    const bytes = rawArchive([good]);
    expect(await refusal(bytes.subarray(0, bytes.length - 20))).toMatch(/damaged/);
    expect(await refusal(gzipSync(rawTar([good]).subarray(0, 700)))).toMatch(/damaged/);
    expect(await refusal(gzipSync(Buffer.from('x'.repeat(5000))))).toMatch(/damaged/);
    expect(await refusal(Buffer.from('not gzip at all'))).toMatch(/damaged/);
    expect(await refusal(rawArchive([good, { name: 'liar', size: 1_000_000, body: 'x' }]))).toMatch(/damaged/);
  });

  it('that unpacks to a thousand times its size is stopped while it unpacks', async () => {
    const small = createBench({ limits: { deploymentUnpackedBytes: 1_000_000, deploymentFiles: 100 } });
    try {
      const bomb = rawArchive([good, { name: 'zeros.bin', body: Buffer.alloc(200_000_000) }]);
      expect(bomb.length).toBeLessThan(200_000_000 / 900);
      const started = performance.now();
      expect(await refusal(bomb, small)).toMatch(/more than 1000000 bytes/);
      const early = performance.now() - started;
      // Behind the end of the tar nothing counts as a file, but it unpacks all the same.
      expect(await refusal(gzipSync(Buffer.concat([rawTar([good]), Buffer.alloc(50_000_000)])), small)).toMatch(/more than 1000000 bytes/);
      expect(early).toBeLessThan(2000);
    } finally {
      await small.close();
    }
  });

  it('with more entries than allowed is refused', async () => {
    const files = Object.fromEntries(Array.from({ length: defaultLimits.deploymentFiles + 1 }, (_, index) => [`f/${index}.txt`, '']));
    expect(await refusal(await pack(files))).toMatch(/more than 10000 entries/);
  });

  it('has its node_modules left out', async () => {
    const result = await bench.build({
      'index.ts': 'import "left"; export default 1',
      'node_modules/left/index.js': 'module.exports = 1',
      'node_modules/left/package.json': '{"name":"left"}',
    });
    expect(problemsOf(result).problems[0]?.message).toMatch(/Cannot import "left": it is not among the dependencies/);
  });

  it('leaves nothing behind when its build is aborted', async () => {
    const stop = new AbortController();
    const reason = new Error('enough');
    const building = bench.builder.build(
      { source: { kind: 'archive', bytes: await pack({ 'index.ts': 'export default 1' }) }, entrypoint: 'index.ts', commands: '' },
      () => undefined,
      stop.signal,
    );
    stop.abort(reason);
    await expect(building).rejects.toBe(reason);
    expect(readdirSync(join(bench.folder, 'temp'))).toEqual([]);
  });
});
