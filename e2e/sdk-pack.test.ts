/** The published SDK, from `npm pack` to an answer, in an empty folder and under every Node of this machine that it is for. */
import { execFile, execFileSync } from 'node:child_process';
import { mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { REPOSITORY } from './start-martlet.ts';

const execute = promisify(execFile);
const PROGRAM = `
import { createClient, Query } from '@martlet/sdk';
import { createAdmin } from '@martlet/sdk/admin';
const client = createClient({ url: process.argv[2] });
const items = [];
for await (const { data } of client.functions.stream('ticks', {}, { as: 'sse' })) items.push(data);
const { data } = await client.functions.invoke('upload', { file: new Blob(['x']) });
console.log(JSON.stringify({ data, items, query: Query.limit(1), admin: typeof createAdmin(client).secrets.set }));
`;

let folder: string;
let server: Server;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'martlet-sdk-packed-'));
  const { stdout } = await execute(process.execPath, ['tools/pack.mjs', 'sdk'], { cwd: REPOSITORY });
  await writeFile(join(folder, 'package.json'), '{"private":true,"type":"module"}');
  await execute('npm', ['install', '--offline', '--no-audit', '--no-fund', stdout.trim()], { cwd: folder });
  await writeFile(join(folder, 'program.js'), PROGRAM);
  server = createServer((request, response) => {
    if (request.url === '/functions/ticks') response.setHeader('content-type', 'text/event-stream').end('data: 1\n\ndata: 2\n\n');
    else response.setHeader('content-type', 'application/json').end(JSON.stringify(request.headers['content-type']?.split(';', 1)));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
}, 120_000);

afterAll(async () => {
  server?.closeAllConnections();
  server?.close();
  if (folder !== undefined) await rm(folder, { recursive: true, force: true });
});

test('the package has no dependencies, and nothing in it but what was built', async () => {
  const manifest = JSON.parse(await readFile(join(folder, 'node_modules/@martlet/sdk/package.json'), 'utf8')) as Record<string, unknown>;
  expect([manifest['dependencies'], manifest['devDependencies'], manifest['sideEffects']]).toEqual([undefined, undefined, false]);
  expect((await execute('ls', ['-A', join(folder, 'node_modules')])).stdout.trim().split('\n')).toEqual(['.package-lock.json', '@martlet']);
  expect((await execute('ls', ['-A', join(folder, 'node_modules/@martlet/sdk')])).stdout.trim().split('\n').toSorted()).toEqual(
    ['LICENSE', 'NOTICE', 'README.md', 'base44.d.ts', 'dist', 'package.json'].toSorted(),
  );
});

test('it runs under every Node of this machine that it is for', async () => {
  const { port } = server.address() as AddressInfo;
  const versions = await nodes();
  expect(versions.length).toBeGreaterThan(0);
  for (const { path, version } of versions) {
    const { stdout } = await execute(path, ['program.js', `http://127.0.0.1:${port}`], { cwd: folder });
    expect([version, JSON.parse(stdout)]).toEqual([
      version,
      { data: ['multipart/form-data'], items: ['1', '2'], query: '{"method":"limit","values":[1]}', admin: 'function' },
    ]);
  }
});

/** Each version once, from 20.19 on. */
async function nodes(): Promise<{ path: string; version: string }[]> {
  const found = new Map<string, string>();
  for (const path of [process.execPath, ...(process.env['PATH'] ?? '').split(delimiter).map((below) => join(below, 'node'))]) {
    const real = await realpath(path).catch(() => undefined);
    if (real === undefined) continue;
    const version = execFileSync(real, ['--version'], { encoding: 'utf8' }).trim();
    const [major = 0, minor = 0] = version.slice(1).split('.').map(Number);
    if (major > 20 || (major === 20 && minor >= 19)) found.set(version, real);
  }
  return [...found].map(([version, path]) => ({ version, path }));
}
