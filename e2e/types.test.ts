/** Types, contexts and login through the command as people run it: files that appear by themselves, keys that stay where they belong. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { startMartlet, type Martlet } from './start-martlet.ts';

const MARTLET = fileURLToPath(new URL('../packages/cli/bin/martlet.mjs', import.meta.url));
const TYPES = 'martlet/.types/types.d.ts';

let home = '';
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'martlet-e2e-types-'));
});
afterAll(() => rm(home, { recursive: true, force: true }));

const environment = (more: Record<string, string> = {}): NodeJS.ProcessEnv => ({ PATH: process.env['PATH'], HOME: home, ...more });
function martlet(args: readonly string[], { cwd = home, input = '' } = {}) {
  return spawnSync(process.execPath, [MARTLET, ...args], { cwd, input, encoding: 'utf8', env: environment() });
}
async function project(files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await mkdtemp(join(home, 'project-'));
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), text);
  }
  return folder;
}
const read = (folder: string, name = TYPES): Promise<string> => readFile(join(folder, name), 'utf8').catch(() => '');
const FUNCTION = `export default () => new Response('ok');\n`;

describe('martlet types generate', () => {
  test('writes names and types, includes them in tsconfig.json beside its comments, and says so', async () => {
    const folder = await project({
      'functions/hello.ts': FUNCTION,
      'functions/orders/process.ts': `export const input = {};\nexport type Output = { id: string };\n${FUNCTION}`,
      'functions/mail/function.jsonc': `{ "entry": "it's \\"me\\".ts" }`,
      [`functions/mail/it's "me".ts`]: FUNCTION,
      'tsconfig.json': '{\n  // mine\n  "include": ["src"], /* and mine */\n}\n',
    });
    const first = martlet(['types', 'generate', '--json'], { cwd: folder });
    expect([first.status, JSON.parse(first.stdout)]).toEqual([
      0,
      { functions: 3, files: [{ file: TYPES, changed: true, include: { state: 'added', file: 'tsconfig.json' } }] },
    ]);
    expect(first.stderr).toContain(`tsconfig.json  includes it now`);
    const text = await read(folder);
    expect(text).toContain('    "hello": true;\n    "mail": true;\n    "orders/process": true;\n');
    expect(text).toContain(
      '"orders/process": FunctionTypes<typeof import("../../functions/orders/process.ts"), { Output: import("../../functions/orders/process.ts").Output }>;',
    );
    expect(text).toContain(String.raw`"mail": FunctionTypes<typeof import("../../functions/mail/it's \"me\".ts")>;`);
    const config = await read(folder, 'tsconfig.json');
    expect(config).toMatch(/\/\/ mine[^]*"src",\s*"martlet\/\.types\/\*\.d\.ts"\s*\][^]*\/\* and mine \*\//);

    const second = martlet(['types', 'generate'], { cwd: folder });
    expect([second.status, second.stderr]).toEqual([0, expect.stringContaining('is as it should be')]);
    expect([await read(folder), await read(folder, 'tsconfig.json')]).toEqual([text, config]);
    await rm(join(folder, 'functions/hello.ts'));
    martlet(['types', 'generate'], { cwd: folder });
    expect(await read(folder)).not.toContain('"hello"');
  });

  test('leaves alone what it cannot change safely, and says what to add', async () => {
    const extending = '{ "extends": "./base.json" }';
    const folder = await project({ 'functions/hello.ts': FUNCTION, 'tsconfig.json': extending });
    const { status, stderr } = martlet(['types', 'generate'], { cwd: folder });
    expect([status, stderr]).toEqual([0, expect.stringContaining('Add "martlet/.types/*.d.ts" to its "include"')]);
    expect(await read(folder, 'tsconfig.json')).toBe(extending);
  });

  test('keeps everything included where nothing was listed, and finds the configuration of an app', async () => {
    const bare = await project({ 'functions/hello.ts': FUNCTION, 'tsconfig.json': '{}' });
    martlet(['types', 'generate'], { cwd: bare });
    expect(JSON.parse(await read(bare, 'tsconfig.json'))).toEqual({ include: ['**/*', 'martlet/.types/*.d.ts'] });
    const solution = '{ "files": [], "references": [{ "path": "./tsconfig.node.json" }, { "path": "./tsconfig.app.json" }] }';
    const app = await project({ 'functions/hello.ts': FUNCTION, 'tsconfig.json': solution, 'tsconfig.app.json': '{ "include": ["src"] }' });
    martlet(['types', 'generate'], { cwd: app });
    expect(await read(app, 'tsconfig.json')).toBe(solution);
    expect(JSON.parse(await read(app, 'tsconfig.app.json'))).toEqual({ include: ['src', 'martlet/.types/*.d.ts'] });
  });

  test('writes the file of a Base44 project in its form, and leaves what others wrote into it', async () => {
    const folder = await project({
      'base44/config.jsonc': '{}',
      'base44/functions/hello/entry.ts': FUNCTION,
      'base44/functions/orders/process/entry.ts': FUNCTION,
      'tsconfig.json': '{ "include": ["src"] }',
    });
    martlet(['types', 'generate'], { cwd: folder });
    const path = 'base44/.types/types.d.ts';
    expect(await read(folder, path)).toBe(`// Auto-generated by Martlet - DO NOT EDIT
// Regenerate with: martlet types generate

import '@base44/sdk';

declare module '@base44/sdk' {
  interface FunctionNameRegistry {
    "hello": true;
    "orders/process": true;
  }
}
`);
    expect(JSON.parse(await read(folder, 'tsconfig.json'))).toEqual({ include: ['src', 'base44/.types/*.d.ts'] });
    expect(await read(folder)).toBe('');

    const theirs = `import '@base44/sdk';\n\nexport interface Task {\n  title: string;\n}\n\ndeclare module '@base44/sdk' {\n  interface EntityTypeRegistry {\n    "Task": Task;\n  }\n\n  interface FunctionNameRegistry {\n    "gone": true;\n  }\n}\n`;
    await writeFile(join(folder, path), theirs);
    martlet(['types', 'generate'], { cwd: folder });
    const merged = await read(folder, path);
    expect(merged).toMatch(/interface EntityTypeRegistry \{\n {4}"Task": Task;/);
    expect(merged.match(/interface FunctionNameRegistry/g)).toHaveLength(1);
    expect(merged).toContain('"orders/process": true;');
    expect(merged).not.toContain('gone');
  });
});

describe('martlet types generate --watch', () => {
  let watching: ChildProcess | undefined;
  afterEach(() => watching?.kill('SIGKILL'));

  test('follows functions that come, change and go, and ends with Ctrl-C', { timeout: 60_000 }, async () => {
    const folder = await project({ 'functions/hello.ts': FUNCTION });
    const child = spawn(process.execPath, [MARTLET, 'types', 'generate', '--watch', '--json'], { cwd: folder, env: environment() });
    watching = child;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    let lines = '';
    child.stdout.on('data', (chunk: Buffer) => (lines += chunk.toString()));
    const expectTypes = () => expect.poll(() => read(folder), { timeout: 15_000 });
    await expectTypes().toContain('"hello": true;');
    await expect.poll(() => lines, { timeout: 15_000 }).toContain('"functions":1');
    await writeFile(join(folder, 'functions/later.ts'), FUNCTION);
    await expectTypes().toContain('"later": true;');
    await writeFile(join(folder, 'functions/later.ts'), `export type Output = { id: string };\n${FUNCTION}`);
    await expectTypes().toContain('.Output }');
    await rm(join(folder, 'functions/hello.ts'));
    await expectTypes().not.toContain('"hello"');
    expect(
      lines
        .trim()
        .split('\n')
        .map((line) => (JSON.parse(line) as { functions: number }).functions),
    ).toEqual([1, 2, 2, 1]);
    child.kill('SIGINT');
    expect(await ended).toBe(0);
  });
});

describe('with a running server', () => {
  let folder = '';
  let server: Martlet;
  beforeAll(async () => {
    folder = await project({ 'functions/hello.ts': FUNCTION, 'tsconfig.json': '{ "include": [] }' });
    server = await startMartlet(['dev', folder]);
  }, 120_000);
  afterAll(() => server?.stop());

  test('martlet dev writes the types by itself, and again when functions come', { timeout: 60_000 }, async () => {
    await expect.poll(() => read(folder), { timeout: 15_000 }).toContain('"hello": true;');
    await expect.poll(() => read(folder, 'tsconfig.json'), { timeout: 15_000 }).toContain('martlet/.types/*.d.ts');
    await writeFile(join(folder, 'functions/later.ts'), FUNCTION);
    await expect.poll(() => read(folder), { timeout: 15_000 }).toContain('"later": true;');
    const document = (await (await fetch(`${server.ready.url}/functions/openapi.json`)).json()) as { paths: object };
    expect(Object.keys(document.paths)).toEqual(['/functions/hello', '/functions/later']);
  });

  test('login stores a key that the server takes, and no command ever prints it', () => {
    const { url, apiKey, project: id } = server.ready;
    const wrong = martlet(['login', 'prod', '--url', url, '--key', 'mk_no-such-key-at-all']);
    expect([wrong.status, wrong.stderr]).toEqual([1, expect.stringContaining('does not know this key')]);
    expect(JSON.parse(martlet(['context', 'list', '--json']).stdout)).toEqual({ total: 0, contexts: [] });
    expect(wrong.stdout + wrong.stderr).not.toContain('no-such-key');

    const login = martlet(['login', 'prod', '--url', url, '--project', id], { input: `${apiKey}\n` });
    expect(login.status, login.stderr).toBe(0);
    const list = martlet(['context', 'list']);
    expect(list.stdout).toMatch(/\*\s+prod\s+http:\/\/127\.0\.0\.1:\d+\s+\S+\s+stored/);
    expect(JSON.parse(martlet(['context', 'list', '--json']).stdout)).toEqual({
      total: 1,
      contexts: [{ name: 'prod', url, project: id, hasKey: true, current: true }],
    });
    const functions = martlet(['functions', 'list', '--json']);
    expect(functions.status, functions.stderr).toBe(0);
    for (const { stdout, stderr } of [login, list, functions]) expect(stdout + stderr).not.toContain(apiKey);
  });

  test('contexts are added, chosen and forgotten', async () => {
    const { url, apiKey } = server.ready;
    expect(martlet(['context', 'add', 'bare', '--url', `${url}/`]).status).toBe(0);
    expect(martlet(['context', 'add', 'full', '--url', url, '--key', apiKey]).stdout).not.toContain(apiKey);
    expect((await stat(join(home, '.config/martlet/contexts.json'))).mode & 0o777).toBe(0o600);
    expect(martlet(['functions', 'list', '--context', 'bare']).status).toBe(1);
    expect(martlet(['functions', 'list', '--context', 'full']).status).toBe(0);
    expect(martlet(['context', 'use', 'bare']).status).toBe(0);
    expect(martlet(['functions', 'list']).stderr).toContain('martlet login');
    expect(martlet(['context', 'remove', 'bare']).status).toBe(0);
    expect(martlet(['context', 'use', 'bare']).status).toBe(2);
    expect(martlet(['context', 'add', '../x', '--url', url]).status).toBe(2);
  });
});
