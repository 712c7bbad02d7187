/** The client of the platform in functions that have not installed one. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createBench, type Bench } from './builder-bench.ts';

let bench: Bench;
const asked: string[] = [];
beforeAll(() => {
  bench = createBench({
    readClient: async (specifier) => {
      asked.push(specifier);
      return `export const createClient = () => 'own ${specifier}'; export const createAdmin = createClient;`;
    },
  });
});
afterAll(() => bench.close());

const CODE = "import { createClient } from '@martlet/sdk';\nexport default () => new Response(createClient());\n";
const codeOf = (result: Awaited<ReturnType<Bench['build']>>): string => {
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  return result.output.code.toString();
};

describe('a function that imports @martlet/sdk', () => {
  test('gets the client of the platform, which is no file of its source', async () => {
    const result = await bench.build({ 'index.ts': CODE });
    expect(codeOf(result)).toContain('own @martlet/sdk');
    expect(result.ok && result.output.inputs).toEqual(['index.ts']);
  });

  test('gets the part for servers by its own name', async () => {
    const code = "import { createAdmin } from '@martlet/sdk/admin';\nexport default () => new Response(createAdmin());\n";
    expect(codeOf(await bench.build({ 'index.ts': code }))).toContain('own @martlet/sdk/admin');
    expect(asked).toContain('@martlet/sdk/admin');
  });

  test('gets nothing else of that name', async () => {
    const result = await bench.build({ 'index.ts': "import '@martlet/sdk/react';\nexport default () => new Response();\n" });
    expect(result).toMatchObject({ ok: false, code: 'build_failed' });
  });

  test('keeps the one that its folder has installed', async () => {
    const folder = join(bench.folder, 'project');
    const installed = join(folder, 'node_modules/@martlet/sdk');
    mkdirSync(installed, { recursive: true });
    writeFileSync(join(folder, 'index.ts'), CODE);
    writeFileSync(join(installed, 'package.json'), '{"name":"@martlet/sdk","type":"module","main":"index.js"}');
    writeFileSync(join(installed, 'index.js'), "export const createClient = () => 'installed';");
    const code = codeOf(await bench.buildFolder(folder));
    expect([code.includes('installed'), code.includes('own @martlet/sdk')]).toEqual([true, false]);
  });
});

test('a package.json that asks for nothing of it is not even looked at for installing', async () => {
  const files = { 'package.json': '{"dependencies":{"other":"file:../elsewhere"}}', 'index.ts': CODE };
  expect(codeOf(await bench.build(files))).toContain('own @martlet/sdk');
});

test('a package.json that asks for a version is taken at its word', async () => {
  const files = { 'package.json': '{"dependencies":{"@martlet/sdk":"file:../elsewhere"}}', 'index.ts': CODE };
  const result = await bench.build(files);
  expect(result).toMatchObject({ ok: false });
  expect(JSON.stringify(result)).toContain('only versions of the package registry are installed');
});
