import { existsSync, mkdtempSync, readdirSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { packTar } from 'modern-tar';
import { afterAll, describe, expect, it } from 'vitest';
import { createBench, evaluate, outputOf, pack, PROJECTS, problemsOf, projectFiles, runElsewhere, writeFiles } from './builder-bench.ts';

const bench = createBench();
afterAll(() => bench.close());
const trees = (): string[] => readdirSync(join(bench.folder, 'cache', 'dependencies'));

describe('dependencies', () => {
  it('are installed once, in several versions of one package', { timeout: 60_000 }, async () => {
    const output = outputOf(await bench.build(projectFiles('several-versions')));
    expect(bench.log()).toMatch(/Installing 3 dependencies with npm install\n/);
    expect(evaluate(output).answers).toEqual({ six: true, seven: true, odd: true, same: false });
    expect(output.inputs).toEqual(['index.ts', 'package.json']);
    for (const text of [output.code.toString(), output.sourceMap.toString(), bench.log()]) expect(text).not.toContain(bench.folder);
    expect(JSON.parse(output.sourceMap.toString()).sources).toContain('node_modules/is-number--7.0.0/index.js');

    expect(outputOf(await bench.build(projectFiles('several-versions')))).toEqual(output);
    expect(bench.log()).not.toContain('Installing');
    expect(trees()).toHaveLength(1);
    expect(outputOf(await bench.buildFolder(join(PROJECTS, 'several-versions')))).toEqual(output);
  });

  it('of a locked project are those of the lock file, and come from where the operator says', { timeout: 60_000 }, async () => {
    const files = projectFiles('locked');
    const lock = JSON.parse(files['package-lock.json'] ?? '{}');
    lock.packages['node_modules/is-number'].resolved = 'http://127.0.0.1:9/is-number.tgz';
    const output = outputOf(await bench.build({ ...files, 'package-lock.json': JSON.stringify(lock) }, 'index.js'));
    expect(bench.log()).toContain('with npm ci');
    const handler = evaluate(output) as unknown as (context: { res: { json: (value: unknown) => unknown } }) => Promise<unknown>;
    expect(await handler({ res: { json: (value) => value } })).toEqual({ number: true });
  });

  it('that several builds want at once are installed once', { timeout: 60_000 }, async () => {
    const before = trees().length;
    const bytes = await pack({ 'index.ts': 'import a from "npm:is-number@5.0.0"; export default a("3")' });
    const logs = ['', '', ''];
    const results = await Promise.all(
      logs.map((_, index) =>
        bench.builder.build(
          { source: { kind: 'archive', bytes }, entrypoint: 'index.ts', commands: '' },
          (text) => (logs[index] += text),
          AbortSignal.timeout(60_000),
        ),
      ),
    );
    for (const result of results) expect(evaluate(outputOf(result)).default).toBe(true);
    expect(trees()).toHaveLength(before + 1);
  });

  it('with native code are kept as files', { timeout: 60_000 }, async () => {
    const output = outputOf(await bench.build(projectFiles('native-addon')));
    expect(output).toMatchObject({ format: 'tree', entrypoint: 'index.mjs' });
    expect(output.code).toHaveLength(0);
    expect(bench.log()).toMatch(/Packages stay files: .*@node-rs\/crc32.* load files at run time/);
    expect(await runElsewhere(bench.folder, { output, expression: 'exports.default().text()' })).toMatch(/^\d+$/);
    expect(outputOf(await bench.build(projectFiles('native-addon'))).tree.equals(output.tree)).toBe(true);
  });

  it('that cannot be installed fail the build with the reason of npm, and are not remembered', { timeout: 60_000 }, async () => {
    const before = trees().length;
    const { code, problems } = problemsOf(
      await bench.build({ 'index.ts': 'import a from "x"; export default a', 'package.json': '{"dependencies":{"is-number":"999.0.0"}}' }),
    );
    expect(code).toBe('build_failed');
    expect(problems).toMatchObject([
      { file: 'package.json', message: expect.stringMatching(/^Cannot install the dependencies: .*is-number@999\.0\.0/) },
    ]);
    expect(JSON.stringify(problems) + bench.log()).not.toContain(bench.folder);
    expect(trees()).toHaveLength(before);
  });

  it('need npm', async () => {
    const without = createBench({ npmPath: join(bench.folder, 'no-npm') });
    try {
      expect(problemsOf(await without.build(projectFiles('several-versions'))).problems[0]?.message).toMatch(/npm was not found/);
    } finally {
      await without.close();
    }
  });

  it.each([
    ['file:/etc'],
    ['file:../../x'],
    ['link:/etc'],
    ['git+ssh://git@example.com/x.git'],
    ['https://example.com/x.tgz'],
    ['http://169.254.169.254/x.tgz'],
    ['someone/repository'],
    ['workspace:*'],
    ['./local'],
    ['/etc'],
    ['npm:x@file:/etc'],
  ])('from anywhere but the registry are refused: %s', async (range) => {
    for (const manifest of [
      { dependencies: { evil: range } },
      { optionalDependencies: { evil: range } },
      { dependencies: { a: '1' }, overrides: { a: { evil: range } } },
    ]) {
      const { problems } = problemsOf(
        await bench.build({ 'index.ts': 'import a from "evil"; export default a', 'package.json': JSON.stringify(manifest) }),
      );
      expect(problems).toMatchObject([
        { file: 'package.json', message: expect.stringContaining('only versions of the package registry are installed') },
      ]);
    }
  });

  it.each([
    [{ 'node_modules/evil': { resolved: '../../../etc', link: true } }, 'is a link to a folder'],
    [{ 'node_modules/evil': { version: '1.0.0', resolved: 'file:../x.tgz' } }, 'does not come from a package registry'],
    [{ 'node_modules/../../evil': { version: '1.0.0' } }, 'leads out of the project'],
    [{ '../evil': { version: '1.0.0' } }, 'is a workspace'],
  ])('from anywhere but the registry are refused in a lock file: %j', async (packages, reason) => {
    const lock = JSON.stringify({ lockfileVersion: 3, packages: { '': {}, ...packages } });
    const { problems } = problemsOf(
      await bench.build({
        'index.ts': 'import a from "evil"; export default a',
        'package.json': '{"dependencies":{"evil":"1"}}',
        'package-lock.json': lock,
      }),
    );
    expect(problems[0]?.message).toContain(reason);
  });

  it('that a folder lacks are installed elsewhere', { timeout: 60_000 }, async () => {
    const root = writeFiles(mkdtempSync(join(bench.folder, 'project-')), {
      'index.ts': 'import number from "is-number"; import left from "left"; export default [number(3), left]',
      'package.json': '{"dependencies":{"is-number":"7.0.0"}}',
      'node_modules/left/package.json': '{"name":"left"}',
      'node_modules/left/index.js': 'module.exports = "from the folder"',
    });
    expect(evaluate(outputOf(await bench.buildFolder(root))).default).toEqual([true, 'from the folder']);
    expect(existsSync(join(root, 'node_modules', 'is-number'))).toBe(false);
    expect(existsSync(join(root, 'package-lock.json'))).toBe(false);
  });

  it('are not found in folders above by accident', async () => {
    const inside = createBench({ cacheDir: join(bench.folder, 'above', 'cache'), tempDir: join(bench.folder, 'above', 'temp') });
    writeFiles(join(bench.folder, 'above'), {
      'node_modules/lurking/package.json': '{"name":"lurking"}',
      'node_modules/lurking/index.js': 'module.exports = "of the host"',
    });
    try {
      const { problems } = problemsOf(await inside.build({ 'index.ts': 'import a from "lurking"; export default a' }));
      expect(problems[0]?.message).toMatch(/Cannot import "lurking": it is not among the dependencies/);
    } finally {
      await inside.close();
    }
  });

  it('of JSR come from its registry, in the form that npm has for them', { timeout: 60_000 }, async () => {
    const registry = await startRegistry();
    const withJsr = createBench({ jsrRegistry: registry.url });
    try {
      const output = outputOf(await withJsr.build({ 'index.ts': 'import { hi } from "jsr:@std/hello@^1.0.0/deep"; export default hi' }));
      expect(evaluate(output).default).toBe('hello from jsr');
    } finally {
      await withJsr.close();
      await registry.close();
    }
  });

  it('of JSR are a problem where the server knows no registry of them', async () => {
    const { problems } = problemsOf(await bench.build({ 'index.ts': 'import { hi } from "jsr:@std/hello@^1.0.0"; export default hi' }));
    expect(problems[0]?.message).toContain('MARTLET_JSR_REGISTRY');
  });

  it('do not keep npm alive after a build was aborted', { timeout: 60_000 }, async () => {
    const silent = createServer(() => undefined);
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const stuck = createBench({ npmFlags: [`--registry=http://127.0.0.1:${(silent.address() as AddressInfo).port}`, '--fetch-retries=0'] });
    try {
      const bytes = await pack({ 'index.ts': 'import a from "npm:is-number@4.0.0"; export default a' });
      const connected = new Promise((resolve) => silent.once('connection', resolve));
      const stop = new AbortController();
      const building = stuck.builder.build(
        { source: { kind: 'archive', bytes }, entrypoint: 'index.ts', commands: '' },
        () => undefined,
        stop.signal,
      );
      await connected;
      const reason = new Error('too long');
      stop.abort(reason);
      await expect(building).rejects.toBe(reason);
      await expect.poll(() => readdirSync(join(stuck.folder, 'cache', 'dependencies')), { timeout: 10_000 }).toEqual([]);
    } finally {
      await stuck.close();
      silent.closeAllConnections();
      silent.close();
    }
  });
});

/** A registry with one package, as npm asks it. */
async function startRegistry(): Promise<{ url: string; close(): Promise<void> }> {
  const files = {
    'package/package.json': '{"name":"@jsr/std__hello","version":"1.2.3","exports":{"./deep":"./deep.js"}}',
    'package/deep.js': 'export const hi = "hello from jsr";',
  };
  const tarball = gzipSync(
    await packTar(Object.entries(files).map(([name, body]) => ({ header: { name, size: body.length, type: 'file' as const }, body }))),
  );
  const server = createServer((request, response) => {
    if (request.url?.endsWith('.tgz') === true) return void response.end(tarball);
    const version = { name: '@jsr/std__hello', version: '1.2.3', dist: { tarball: `${url}/hello.tgz` } };
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ name: '@jsr/std__hello', 'dist-tags': { latest: '1.2.3' }, versions: { '1.2.3': version } }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url, close: () => new Promise((resolve) => void (server.closeAllConnections(), server.close(() => resolve()))) };
}
