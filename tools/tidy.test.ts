import { describe, expect, test } from 'vitest';
import { createSourceFile } from './tidy/source-file.ts';
import { checkErrorCodes } from './tidy/registry.ts';
import { readSourceFiles, tidy } from './tidy.ts';

const SERVER = 'packages/server/src';

/** What tidy says about files that are planted, without what it says of codes that these few files do not raise. */
function findingsIn(files: Readonly<Record<string, string>>): string[] {
  return tidy(Object.entries(files).map(([path, text]) => createSourceFile(path, text)))
    .filter((finding) => !finding.message.startsWith('nothing raises'))
    .map((finding) => `${finding.path}:${finding.line} ${finding.message}`);
}

test('the repository keeps its own rules', () => {
  const files = readSourceFiles();
  expect(files.length).toBeGreaterThan(100);
  expect(tidy(files).map(({ path, line, message }) => `${path}:${line} ${message}`)).toEqual([]);
});

describe('layers', () => {
  const HEAD = '/** Does something. */\n';

  test.each([
    [
      'protocol may not import a driver',
      'packages/protocol/src/a.ts',
      "import { x } from '@martlet/server';",
      'protocol may not import app',
    ],
    [
      'protocol may not read files',
      'packages/protocol/src/a.ts',
      "import { readFileSync } from 'node:fs';",
      'protocol may not use node:fs',
    ],
    [
      'domain may not import a port',
      `${SERVER}/domain/a.ts`,
      "import type { Store } from '../ports/store.ts';",
      'domain may not import ports',
    ],
    ['domain may not read the clock', `${SERVER}/domain/a.ts`, 'export const now = () => Date.now();', 'Date.now( is not for this layer'],
    ['domain may not wait', `${SERVER}/domain/a.ts`, 'setTimeout(() => {}, 1);', 'setTimeout( is not for this layer'],
    ['domain may not roll dice', `${SERVER}/domain/a.ts`, 'export const x = Math.random();', 'Math.random( is not for this layer'],
    [
      'services may not import a driver',
      `${SERVER}/services/a.ts`,
      "import { x } from '../drivers/sqlite-store/x.ts';",
      'services may not import drivers',
    ],
    ['services may not open sockets', `${SERVER}/services/a.ts`, "import { connect } from 'node:net';", 'services may not use node:net'],
    ['services may not look at the process', `${SERVER}/services/a.ts`, 'export const id = process.pid;', 'process. is not for this layer'],
    [
      'a driver may not import another',
      `${SERVER}/drivers/a/a.ts`,
      "import { x } from '../b/b.ts';",
      'drivers/a may not import another driver, drivers/b',
    ],
    [
      'gateway may not import a driver',
      `${SERVER}/gateway/a.ts`,
      "import { x } from '../drivers/b/b.ts';",
      'gateway may not import drivers',
    ],
    [
      'gateway may not import triggers',
      `${SERVER}/gateway/a.ts`,
      "import { x } from '../triggers/b.ts';",
      'gateway may not import triggers',
    ],
    ['nothing but app imports app', `${SERVER}/gateway/a.ts`, "import { x } from '../app/config.ts';", 'gateway may not import app'],
    ['the worker imports protocol only', 'packages/worker/src/a.ts', "import { z } from 'zod';", 'worker may not depend on zod'],
    [
      'the worker may not reach into the server',
      'packages/worker/src/a.ts',
      "import { x } from '../../server/src/index.ts';",
      'leaves its package',
    ],
    [
      'the cli loads the server lazily',
      'packages/cli/src/a.ts',
      "import { createPlatform } from '@martlet/server';",
      'cli loads the server with import()',
    ],
    [
      'only the configuration reads the environment',
      `${SERVER}/gateway/a.ts`,
      "export const x = process.env['X'];",
      'process.env is read in app/config.ts',
    ],
  ])('%s', (_name, path, code, message) => {
    expect(findingsIn({ [path]: HEAD + code })).toEqual([expect.stringContaining(`${path}:2 `)]);
    expect(findingsIn({ [path]: HEAD + code })[0]).toContain(message);
  });

  test.each([
    ['types of a built-in in a port', `${SERVER}/ports/a.ts`, "import type { Duplex } from 'node:stream';"],
    ['a type import that is marked name by name', `${SERVER}/ports/a.ts`, "import { type Duplex, type Readable } from 'node:stream';"],
    ['a timer in a service', `${SERVER}/services/a.ts`, 'setTimeout(() => {}, 1);'],
    ['a field of its own called process', `${SERVER}/services/a.ts`, 'const { process } = worker;\nprocess.kill();'],
    ['the shared SQL of two stores', `${SERVER}/drivers/sqlite-store/a.ts`, "import { x } from '../sql/x.ts';"],
    ['a driver in app', `${SERVER}/app/create-platform.ts`, "import { x } from '../drivers/b/b.ts';"],
    ['the server loaded by a command', 'packages/cli/src/a.ts', "const { createPlatform } = await import('@martlet/server');"],
    ['a word in a comment or a string', `${SERVER}/domain/a.ts`, "// Date.now() is forbidden\nexport const x = 'Date.now()';"],
    ['an import in a template', `${SERVER}/domain/a.ts`, "const x = `\nimport { x } from '../drivers/b/b.ts';\n`;"],
    ['everything in a test', `${SERVER}/domain/a.test.ts`, "import { x } from '../drivers/b/b.ts';\nDate.now();"],
  ])('%s is allowed', (_name, path, code) => {
    expect(findingsIn({ [path]: HEAD + code })).toEqual([]);
  });
});

describe('circles', () => {
  test('are found over several files, and told as a way', () => {
    const findings = findingsIn({
      'tools/a.ts': "import { b } from './b.ts';",
      'tools/b.ts': "export { c } from './c.ts';",
      'tools/c.ts': "import { a } from './a.ts';",
    });
    expect(findings).toEqual(['tools/a.ts:1 is part of an import circle: tools/a.ts → tools/b.ts → tools/c.ts → tools/a.ts']);
  });

  test('of types are no circles', () => {
    expect(findingsIn({ 'tools/a.ts': "import type { B } from './b.ts';", 'tools/b.ts': "import { a } from './a.ts';" })).toEqual([]);
  });
});

describe('sizes', () => {
  const lines = (count: number) => 'export {};\n'.repeat(count);

  test('a file has at most 300 lines, a test 500', () => {
    expect(findingsIn({ 'tools/a.ts': lines(300), 'tools/a.test.ts': lines(500) })).toEqual([]);
    expect(findingsIn({ 'tools/a.ts': lines(301) })).toEqual(['tools/a.ts:301 has 301 lines; at most 300']);
    expect(findingsIn({ 'tools/a.test.ts': lines(501) })).toEqual(['tools/a.test.ts:501 has 501 lines; at most 500']);
  });

  test('a function has at most 70 lines of its own', () => {
    const body = (count: number) => '  work();\n'.repeat(count);
    const long = (head: string) => findingsIn({ 'tools/a.ts': `${head}\n${body(69)}}\n` });
    expect(findingsIn({ 'tools/a.ts': `function a() {\n${body(68)}}\n` })).toEqual([]);
    for (const head of [
      'function a() {',
      'const a = async (x: number) => {',
      'function a(f: () => void): Promise<void> {',
      'class X { a() {',
    ]) {
      expect(long(head), head).toEqual(['tools/a.ts:1 a has 71 lines of its own; at most 70']);
    }
    for (const head of ['if (a()) {', 'const a = {', 'for (const x of a()) {']) expect(long(head), head).toEqual([]);
  });

  test('the functions that a factory returns count by themselves', () => {
    const inner = (name: string) => `  function ${name}() {\n${'    work();\n'.repeat(40)}  }\n`;
    expect(findingsIn({ 'tools/a.ts': `export function createX() {\n${inner('a')}${inner('b')}${inner('c')}}\n` })).toEqual([]);
    const own = '  work();\n'.repeat(70);
    expect(findingsIn({ 'tools/a.ts': `export function createX() {\n${inner('a')}${own}}\n` })).toEqual([
      'tools/a.ts:1 createX has 73 lines of its own; at most 70',
    ]);
  });

  test('a folder has at most 12 files', () => {
    const folder = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, n) => [`tools/x/f${n}.ts`, '']));
    expect(findingsIn(folder(12))).toEqual([]);
    expect(findingsIn(folder(13))).toEqual(['tools/x:1 holds 13 files; at most 12']);
  });
});

describe('words', () => {
  test.each([
    ['tools/string-utils.ts', '', '"utils" in a path'],
    ['tools/helpers/a.ts', '', '"helpers" in a path'],
    ['tools/a.ts', 'const lambdaName = 1;', '"lambda" in lambdaName: function'],
    ['tools/a.ts', 'class HTTPContainer {}', '"container" in HTTPContainer'],
    ['tools/a.ts', `// ${'TO'}${'DO'}: later`, ': finish it or open an issue'],
    ['tools/a.test.ts', `test.${'only'}('x', () => {});`, 'leaves every other test out'],
  ])('in %s: %s', (path, code, message) => {
    expect(findingsIn({ [path]: code })).toEqual([expect.stringContaining(message)]);
  });

  test('count as whole words of names only, never in strings, comments or regular expressions', () => {
    const code =
      "// a container\nconst jobless = /lambda'/, x = `a ${'util'} common`;\nconst y = x / jobless / 2; // helper\nconst constructor = 1;";
    expect(findingsIn({ 'tools/a.ts': code })).toEqual([]);
  });
});

describe('the error registry', () => {
  const raises = (text: string, path = `${SERVER}/app/a.ts`) => checkErrorCodes(['store_unavailable'])([createSourceFile(path, text)]);

  test('has no code that nothing raises', () => {
    expect(raises("throw new PlatformError('store_unavailable');")).toEqual([]);
    expect(raises("throw new PlatformError('config_invalid');")).toHaveLength(1);
    expect(raises("'store_unavailable'", `${SERVER}/app/a.test.ts`)).toHaveLength(1);
  });

  test('ports, services and drivers say what they are responsible for', () => {
    const message = 'begins with one to five lines that say what it is responsible for';
    for (const path of ['ports/a.ts', 'services/a.ts', 'drivers/x/a.ts']) {
      expect(findingsIn({ [`${SERVER}/${path}`]: 'export {};' })).toEqual([`${SERVER}/${path}:1 ${message}`]);
    }
  });
});
