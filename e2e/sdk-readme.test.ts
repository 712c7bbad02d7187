/** The README of the SDK, followed to the letter: its functions served, its programs checked and run, its page clicked. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
// @ts-expect-error a plain script, so that any Node from 18 on can run it
import { findChromium } from '../tools/install/ensure-chromium.mjs';
import { openChromiumPage } from './sdk/chromium-page.ts';
import { REPOSITORY, startMartlet, type Martlet } from './start-martlet.ts';

const execute = promisify(execFile);
const readme = readFileSync(join(REPOSITORY, 'packages/sdk/README.md'), 'utf8');
const files = [...readme.matchAll(/```tsx?\n\/\/ (\S+)\n([\s\S]*?)```/g)].map(([, path = '', code = '']) => ({ path, code }));
const programs = [...readme.matchAll(/```console\n\$ node (\S+)\n([\s\S]*?)```/g)].map(([, path = '', output = '']) => ({ path, output }));
const COMPILER_OPTIONS = `{
  "strict": true, "noEmit": true, "target": "es2024", "module": "nodenext", "jsx": "react-jsx",
  "lib": ["es2024", "dom", "dom.iterable", "dom.asynciterable"], "types": ["node"]
}`;
const DOCUMENTED_URL = 'http://127.0.0.1:8787';

let folder: string;
let martlet: Martlet;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'martlet-sdk-readme-'));
  const { stageSdk } = (await import(new URL('../tools/package/sdk.mjs', import.meta.url).href)) as { stageSdk(stage: string): void };
  stageSdk(join(folder, 'node_modules/@martlet/sdk'));
  for (const name of ['react', 'react-dom', 'scheduler', '@types/react', '@types/react-dom', '@types/node', 'undici-types', 'csstype']) {
    await mkdir(dirname(join(folder, 'node_modules', name)), { recursive: true });
    await symlink(join(REPOSITORY, 'node_modules', name), join(folder, 'node_modules', name));
  }
  await write('functions/', (code) => code);
  await writeFile(join(folder, 'package.json'), '{"type":"module"}');
  martlet = await startMartlet(['dev', folder]);
  await write('', (code) => code.replaceAll(DOCUMENTED_URL, martlet.ready.url));
  const names = files.flatMap(({ path }) => (path.startsWith('functions/') ? [path.slice('functions/'.length, -'.ts'.length)] : []));
  await Promise.all(names.map(async (name) => (await martlet.call(name, { method: 'OPTIONS' })).body?.cancel()));
}, 180_000);

afterAll(async () => {
  await martlet?.stop();
  if (folder !== undefined) await rm(folder, { recursive: true, force: true });
});

/** Writes the files of the README below a folder. */
async function write(below: string, change: (code: string) => string): Promise<void> {
  for (const { path, code } of files) {
    if (!path.startsWith(below) || (below === '' && path.startsWith('functions/'))) continue;
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), change(code));
  }
}

test('every block of code is a file, and every program is shown with what it prints', () => {
  expect((readme.match(/```tsx?\n/g) ?? []).length).toBe(files.length);
  const run = files.map(({ path }) => path).filter((path) => !/^functions\/|\.d\.ts$|\.tsx$/.test(path));
  expect(programs.map(({ path }) => path)).toEqual(run);
});

test('all of them compile, with types and without', { timeout: 60_000 }, async () => {
  const compile = async (config: string, include: string[]): Promise<void> => {
    await writeFile(join(folder, config), `{ "compilerOptions": ${COMPILER_OPTIONS}, "include": ${JSON.stringify(include)} }`);
    await execute(process.execPath, [join(REPOSITORY, 'node_modules/typescript/bin/tsc'), '-p', join(folder, config)]).catch(
      (error: { stdout?: string }) => {
        throw new Error(error.stdout);
      },
    );
  };
  const typed = ['typed.ts', 'app.tsx'];
  // To this one `martlet dev` adds what it generates of the functions: code with types of its own goes on compiling.
  await compile(
    'tsconfig.json',
    files.map(({ path }) => path).filter((path) => !typed.includes(path) && !path.endsWith('.d.ts')),
  );
  await compile('tsconfig.typed.json', [...typed, 'types.d.ts']);
});

test.each(programs)('node $path prints what the README shows', async ({ path, output }) => {
  const { stdout } = await execute(process.execPath, [path], {
    cwd: folder,
    env: { ...process.env, MARTLET_API_KEY: martlet.ready.apiKey },
  });
  expect(stdout).toBe(output);
});

test('the page greets when it is asked to', { timeout: 60_000 }, async ({ skip }) => {
  const executable = findChromium() as string | undefined;
  if (executable === undefined) return skip('no Chromium on this machine');
  const entry = `
import { createElement } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './app.tsx';
createRoot(document.body).render(createElement(App));
`;
  const chromium = await openChromiumPage({ executable, entry, folder });
  try {
    await chromium.page.getByRole('button', { name: 'Greet' }).click();
    await chromium.page.getByText('Hello, Ada!').waitFor({ timeout: 20_000 });
    expect(chromium.said.filter((line) => /error/i.test(line))).toEqual([]);
  } finally {
    await chromium.close();
  }
});
