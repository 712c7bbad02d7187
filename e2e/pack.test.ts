/** The published package, from `npm pack` to a function that answers, in an empty folder far from this repository. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { REPOSITORY, startMartlet } from './start-martlet.ts';

const execute = promisify(execFile);
/** With the client that the platform brings along; types of it are the project's own matter. */
const CALLS = `// @ts-nocheck
import { createClientFromRequest } from '@martlet/sdk';
export default async (request) => {
  const answer = await createClientFromRequest(request).functions.fetch('hello?name=Ada');
  return Response.json({ heard: await answer.json() });
};
`;
let folder: string;
let martletBin: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'martlet-packed-'));
  martletBin = join(folder, 'node_modules/.bin/martlet');
  const { stdout } = await execute(process.execPath, ['tools/pack.mjs'], { cwd: REPOSITORY });
  await writeFile(join(folder, 'package.json'), '{"private":true,"type":"module"}');
  await execute('npm', ['install', '--no-audit', '--no-fund', stdout.trim()], { cwd: folder });
}, 300_000);

afterAll(() => rm(folder, { recursive: true, force: true }));

test('the manifest names nothing of this workspace', async () => {
  const manifest = JSON.parse(await readFile(join(folder, 'node_modules/martlet/package.json'), 'utf8')) as {
    dependencies: Record<string, string>;
  };
  expect(Object.keys(manifest.dependencies).filter((name) => name.startsWith('@martlet/'))).toEqual([]);
  expect(Object.keys(manifest.dependencies)).toEqual(expect.arrayContaining(['commander', 'esbuild', 'hono', 'kysely', 'zod']));
});

test('martlet init and martlet dev answer a first call, and the types are found', async () => {
  await execute(martletBin, ['init', '.'], { cwd: folder });
  await writeFile(join(folder, 'functions/calls.ts'), CALLS);
  const martlet = await startMartlet(['dev'], { command: [martletBin], cwd: folder });
  try {
    const response = await martlet.call('hello?name=you');
    expect([response.status, await response.json()]).toEqual([200, { message: 'Hello, you!' }]);
    expect((await martlet.executionOf(response)).logs).toBe('saying hello to you');
    expect(await (await martlet.call('calls')).json()).toEqual({ heard: { message: 'Hello, Ada!' } });
  } finally {
    expect(await martlet.stop()).toBe(0);
  }
  await execute(process.execPath, [join(REPOSITORY, 'node_modules/typescript/bin/tsc'), '-p', folder]);
}, 120_000);
