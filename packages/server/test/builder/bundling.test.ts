import { mkdtempSync, readFileSync } from 'node:fs';
import { SourceMap } from 'node:module';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { createBench, evaluate, outputOf, PROJECTS, problemsOf, projectFiles, runElsewhere, writeFiles } from './builder-bench.ts';

const bench = createBench();
afterAll(() => bench.close());

describe('a bundle', () => {
  it('holds shared files and JSON, and answers', async () => {
    const output = outputOf(await bench.build(projectFiles('hello'), 'functions/hello.ts'));
    expect(output).toMatchObject({
      format: 'bundle',
      entrypoint: '',
      latin1: true,
      inputs: ['functions/hello.ts', 'shared/greet.ts', 'shared/places.json'],
    });
    expect(output.config).toEqual({ timeout: 5, memory: 128, schedule: '0 6 * * *' });
    const handler = evaluate(output).default as (request: Request) => Response;
    expect(await handler(new Request('http://localhost/')).text()).toBe('Grüße, Bergen!');
    expect(bench.log()).toMatch(/^Unpacked 3 files, \d+ bytes\nBundled 3 files, \d kB in \d+ ms\n$/);
  });

  it('is the same, byte for byte, from an archive and from a folder', async () => {
    const packed = outputOf(await bench.build(projectFiles('hello'), 'functions/hello.ts'));
    const folder = outputOf(await bench.buildFolder(join(PROJECTS, 'hello'), 'functions/hello.ts'));
    expect(folder).toEqual(packed);
  });

  it('has a source map whose lines are true, and no path of this host', async () => {
    const text =
      'import url from "node:url";\n\nexport const where = import.meta.url;\nexport function fails(): never {\n  throw new Error("here");\n}\n';
    const output = outputOf(await bench.build({ 'src/index.ts': text }, 'src/index.ts'));
    expect(output.code.toString()).not.toContain(bench.folder);
    expect(output.sourceMap.toString()).not.toContain(bench.folder);
    const lines = output.code.toString().split('\n');
    const line = lines.findIndex((one) => one.includes('new Error("here")'));
    const entry = new SourceMap(JSON.parse(output.sourceMap.toString())).findEntry(line, (lines[line] ?? '').indexOf('throw'));
    expect(entry).toMatchObject({ originalSource: 'src/index.ts', originalLine: 4 });
  });

  it('knows where it is, is strict, and may begin with a hashbang', async () => {
    const text =
      '#!/usr/bin/env node\nexport const meta = [import.meta.url, import.meta.filename, import.meta.dirname];\nexport const self = (function (this: unknown) { return this; })();';
    const exports = evaluate(outputOf(await bench.build({ 'index.ts': text })));
    expect(exports.meta).toEqual(['file:///function/index.js', '/function/index.js', '/function']);
    expect(exports.self).toBe(undefined);
  });

  it('keeps sloppy CommonJS sloppy', async () => {
    const exports = evaluate(
      outputOf(
        await bench.build(
          { 'index.cjs': 'undeclared = 3; module.exports = { value: undeclared };\ndelete globalThis.undeclared;' },
          'index.cjs',
        ),
      ),
    );
    expect(exports).toEqual({ value: 3 });
  });

  it('leaves the module of the platform to the platform', async () => {
    const output = outputOf(await bench.build(projectFiles('base44'), 'base44/functions/orders/entry.ts'));
    expect(output.code.toString()).toContain('require("base44:runtime")');
    expect(output.config).toEqual({ name: 'orders', timeout: 20 });
    expect(output.inputs).toEqual(['base44/functions/orders/entry.ts', 'base44/functions/orders/function.jsonc', 'base44/shared/total.ts']);
    expect(bench.log()).toContain('"automations" are not read');
  });

  it('becomes a module where top-level await asks for one', async () => {
    const output = outputOf(await bench.build(projectFiles('top-level-await')));
    expect(output.format).toBe('module');
    const text = await runElsewhere(bench.folder, {
      output,
      expression: 'exports.default().json().then((body) => body.answer + body.reads)',
    });
    expect(text).toBe('42function');
  });

  it('as a module lets CommonJS files require Node modules and declare names that Node has', async () => {
    const output = outputOf(
      await bench.build({
        'index.ts':
          'import { createRequire } from "node:module"; import legacy from "./legacy.cjs";\nconst require = createRequire(import.meta.url); const __dirname = "mine";\nawait 1; export const told = [legacy(), __dirname, typeof require("node:os").cpus];',
        'legacy.cjs': 'const path = require("path"); module.exports = () => path.basename(__filename);',
      }),
    );
    expect(await runElsewhere(bench.folder, { output, expression: 'exports.told.join()' })).toBe('index.mjs,mine,function');
  });

  it('understands JSX and the options of tsconfig.json that change it', async () => {
    const page =
      'const h = (tag: string, _p: unknown, ...children: string[]) => `<${tag}>${children.join("")}</${tag}>`;\nexport const page = <b>hello</b>;';
    const exports = evaluate(
      outputOf(
        await bench.build(
          {
            'index.tsx': page,
            'tsconfig.json': '{ // comments are fine\n"extends": "/etc/passwd", "compilerOptions": { "jsxFactory": "h" } }',
          },
          'index.tsx',
        ),
      ),
    );
    expect(exports.page).toBe('<b>hello</b>');
  });
});

describe('a mistake', () => {
  it('in an import is told with file, line, column and the line itself', async () => {
    const { code, problems } = problemsOf(
      await bench.build({ 'index.ts': 'export { a } from "./a.ts";', 'a.ts': '\n  import b from "not-there";\nexport const a = b;' }),
    );
    expect(code).toBe('build_failed');
    expect(problems).toEqual([
      {
        file: 'a.ts',
        line: 2,
        column: 17,
        excerpt: '  import b from "not-there";\n                ~~~~~~~~~~~',
        message: 'Cannot import "not-there": it is not among the dependencies; add it to package.json, or import "npm:not-there"',
      },
    ]);
  });

  it.each([
    ['import a from "https://esm.sh/zod@3.22.0/index.js"; export default a', 'import "npm:zod@3.22.0" instead'],
    ['import a from "https://cdn.jsdelivr.net/npm/@scope/x@1/+esm"; export default a', 'import "npm:@scope/x@1" instead'],
    ['import a from "https://example.com/a.js"; export default a', 'code is not loaded from URLs'],
    ['import a from "base44:secrets"; export default a', 'the platform has the module "base44:runtime" only'],
    ['import a from "npm:zod@file:/etc"; export default a', 'write "npm:name@version"'],
    ['import a from "npm:../x"; export default a', 'write "npm:name@version"'],
    ['import a from "jsr:no-scope"; export default a', 'write "jsr:@scope/name@version"'],
    ['import a from "./missing.ts"; export default a', 'Cannot import "./missing.ts": there is no such file'],
    ['const x: = 3', 'Unexpected "="'],
    ['const a = require("surely-missing"); module.exports = a', 'Cannot import "surely-missing"'],
  ])('is told in %s', async (text, message) => {
    const { code, problems } = problemsOf(await bench.build({ 'index.ts': text }));
    expect(code).toBe('build_failed');
    expect(problems[0]?.message).toContain(message);
    expect(problems[0]).toMatchObject({ file: 'index.ts', line: 1 });
  });

  it('that is caught at run time is none', async () => {
    const exports = evaluate(
      outputOf(
        await bench.build({ 'index.ts': 'let found = true; try { require("surely-missing") } catch { found = false }\nexport { found };' }),
      ),
    );
    expect(exports.found).toBe(false);
  });

  it.each([
    ['a path', (outside: string) => `import a from "${outside}/secret.json"; export default a`],
    ['a relative path', (outside: string) => `import a from "../../../../../../../..${outside}/secret.json"; export default a`],
    ['broken JSON', (outside: string) => `import a from "${outside}/broken.json"; export default a`],
  ])('that reads a file of this host through %s shows nothing of it', async (_what, source) => {
    const outside = writeFiles(mkdtempSync(join(bench.folder, 'outside-')), {
      'secret.json': '{"token":"TOP-SECRET"}',
      'broken.json': '{"token":"TOP-SECRET", oops',
    });
    const result = problemsOf(await bench.build({ 'index.ts': source(outside) }));
    expect(result.problems[0]?.message).toMatch(/outside of the deployment/);
    expect(JSON.stringify(result.problems) + bench.log()).not.toContain('TOP-SECRET');
  });

  it.each([
    ['missing.ts', 'there is no such file'],
    ['folder', 'must end with one of'],
    ['folder.ts', 'it is not a file'],
    ['../index.ts', 'its path has a ".."'],
    ['/etc/hostname.ts', 'its path is absolute'],
    ['readme.md', 'must end with one of'],
    ['', 'its name is empty'],
  ])('in the entrypoint %j is told', async (entrypoint, reason) => {
    const { code, problems } = problemsOf(await bench.build({ 'index.ts': '', 'folder.ts/x.ts': '', 'readme.md': '' }, entrypoint));
    expect(code).toBe('function_entrypoint_missing');
    expect(problems[0]?.message).toContain(reason);
  });
});

describe('a folder', () => {
  it('is read in place and never written to', async () => {
    const root = writeFiles(mkdtempSync(join(bench.folder, 'project-')), {
      'functions/a.ts': 'import left from "left"; export default left',
      'node_modules/left/package.json': '{"name":"left","main":"main.js"}',
      'node_modules/left/main.js': 'module.exports = "from the folder"',
    });
    const output = outputOf(await bench.buildFolder(root, 'functions/a.ts'));
    expect(evaluate(output).default).toBe('from the folder');
    expect(output.inputs).toEqual(['functions/a.ts']);
    expect(readFileSync(join(root, 'functions/a.ts'), 'utf8')).toContain('left');
  });
});
