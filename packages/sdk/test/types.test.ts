/** The published declarations, under every compiler that people have. */
import { execFile } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { cp, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { typeCases, type TypeCase } from './type-cases.ts';

const execute = promisify(execFile);
const MODULES = fileURLToPath(new URL('../../../node_modules', import.meta.url));
const compilers = [
  ['5.9', 'typescript-5.9'],
  ['6.0', 'typescript-6'],
  ['7.0', 'typescript'],
] as const;

/** Libraries are checked too: the declarations are what is tested. */
const TSCONFIG = `{
  "compilerOptions": {
    "strict": true, "exactOptionalPropertyTypes": true, "noUncheckedSideEffectImports": true, "skipLibCheck": false, "noEmit": true,
    "target": "es2024", "module": "nodenext", "lib": ["es2024", "dom", "dom.iterable", "dom.asynciterable"], "types": TYPES
  },
  "include": ["*.ts"]
}`;

const folder = mkdtempSync(join(tmpdir(), 'martlet-types-'));
const staged = join(folder, 'staged');

beforeAll(async () => {
  const { stageSdk } = (await import(new URL('../../../tools/package/sdk.mjs', import.meta.url).href)) as { stageSdk(stage: string): void };
  stageSdk(staged);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe.each(compilers)('TypeScript %s', (version, name) => {
  const compiler = join(MODULES, name, 'bin/tsc');

  test('is the one that is meant', async () => {
    expect((await execute(process.execPath, [compiler, '--version'])).stdout).toContain(`Version ${version}.`);
  });

  test.each(typeCases)('$name', { timeout: 60_000 }, async (one) => {
    const project = await writeProject(join(folder, version, String(typeCases.indexOf(one))), one);
    await expect(compile(compiler, project)).resolves.toBe('');
  });
});

test('a mistake would be found', { timeout: 60_000 }, async () => {
  const [one] = typeCases;
  const files = { 'use.ts': "import { createClient } from '@martlet/sdk';\ncreateClient({ url: 5 });\n" };
  const project = await writeProject(join(folder, 'mistake'), { ...one, name: '', files });
  expect(await compile(join(MODULES, 'typescript/bin/tsc'), project)).toContain("Type 'number' is not assignable");
});

async function writeProject(project: string, { files, packages = ['@martlet/sdk'], types = [] }: TypeCase): Promise<string> {
  for (const name of packages) {
    await mkdir(dirname(join(project, 'node_modules', name)), { recursive: true });
    await cp(staged, join(project, 'node_modules', name), { recursive: true });
  }
  for (const name of ['@types/react', 'csstype']) {
    await mkdir(dirname(join(project, 'node_modules', name)), { recursive: true });
    await symlink(join(MODULES, name), join(project, 'node_modules', name));
  }
  for (const [name, content] of Object.entries({
    ...files,
    'package.json': '{"type":"module"}',
    'tsconfig.json': TSCONFIG.replace('TYPES', JSON.stringify(types)),
  }))
    await writeFile(join(project, name), content);
  return project;
}

/** What the compiler complains about; empty when it does not. */
async function compile(compiler: string, project: string): Promise<string> {
  try {
    await execute(process.execPath, [compiler, '-p', project]);
    return '';
  } catch (error) {
    return String(Reflect.get(Object(error), 'stdout'));
  }
}

test('the declarations speak of no file that is not there', async () => {
  const declarations = await readFile(join(staged, 'dist/index.d.ts'), 'utf8');
  expect(declarations).toContain("from './client.js'");
  expect(declarations).not.toMatch(/\.ts'/);
});
