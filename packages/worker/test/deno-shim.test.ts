import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { denoServeInfo, installDenoShim, takeDenoHandler } from '../src/deno/deno-shim.ts';

type Call<T = unknown> = (...values: readonly unknown[]) => T;

interface Server {
  readonly addr: { readonly port: number };
  readonly finished: Promise<void>;
  readonly shutdown: Call<Promise<void>>;
  readonly ref: Call;
  readonly unref: Call;
}

interface Entry {
  readonly name: string;
}

/** What the tests use of the shim, whose real types are Deno's and not here. */
interface Shim {
  readonly serve: Call<Server>;
  readonly env: Readonly<Record<'get' | 'has' | 'set' | 'delete' | 'toObject', Call>>;
  readonly errors: Readonly<Record<string, new () => Error>>;
  readonly permissions: { readonly query: Call<Promise<{ state: string }>>; readonly querySync: Call<{ state: string }> };
  readonly readDir: Call<AsyncIterable<Entry>>;
  readonly readDirSync: Call<Iterable<Entry>>;
  readonly readFile: Call<Promise<Uint8Array>>;
  readonly memoryUsage: Call<{ rss: number }>;
  readonly Command: new (program: string) => unknown;
  readonly args: readonly string[];
  readonly build: object;
  readonly noColor: boolean;
  readonly pid: number;
  readonly version: object;
}
type Named = Shim & { readonly [Name in (typeof plainFunctions)[number]]: Call };
const plainFunctions = [
  'cwd',
  'exit',
  'inspect',
  'lstatSync',
  'makeTempDir',
  'makeTempFileSync',
  'mkdir',
  'mkdirSync',
  'readTextFile',
  'readTextFileSync',
  'remove',
  'removeSync',
  'renameSync',
  'stat',
  'writeFileSync',
  'writeTextFile',
  'writeTextFileSync',
] as const;
const refused = ['connect', 'listen', 'openKv', 'resolveDns', 'createHttpClient', 'cron'] as const;
const env: Record<string, string | undefined> = {};
const folder = mkdtempSync(join(tmpdir(), 'martlet-deno-'));
let deno: Named & Readonly<Record<(typeof refused)[number], Call>>;

beforeAll(() => {
  installDenoShim({ env });
  deno = Reflect.get(globalThis, 'Deno');
});

afterAll(() => {
  Reflect.deleteProperty(globalThis, 'Deno');
  rmSync(folder, { recursive: true, force: true });
});

describe('Deno.serve', () => {
  const handler = (): Response => new Response('x');

  it.each<[string, (serve: Call<Server>) => unknown]>([
    ['(handler)', (serve) => serve(handler)],
    ['(options, handler)', (serve) => serve({ port: 1 }, handler)],
    ['({ handler })', (serve) => serve({ handler })],
  ])('takes %s, and is asked once', (_, call) => {
    call(deno.serve);
    expect(takeDenoHandler()).toBe(handler);
    expect(takeDenoHandler()).toBeUndefined();
  });

  it('gives a server that listens in name only', async () => {
    const heard: unknown[] = [];
    const server = deno.serve({ port: 9000, hostname: 'h', onListen: (address: unknown) => heard.push(address) }, handler);
    expect(heard).toEqual([]);
    await Promise.resolve();
    expect(heard).toEqual([{ transport: 'tcp', hostname: 'h', port: 9000 }]);
    expect(server.addr.port).toBe(9000);
    server.unref();
    server.ref();
    await server.shutdown();
    await server.finished;
    const abort = new AbortController();
    const aborted = deno.serve({ signal: abort.signal }, handler);
    abort.abort();
    await aborted.finished;
  });

  it('gives errors to onError, and tells the handler who called', async () => {
    deno.serve({ onError: (error: Error) => new Response(error.message) }, () => {
      throw new Error('broken');
    });
    const response = (await takeDenoHandler()?.(new Request('http://a/'))) as Response;
    expect(await response.text()).toBe('broken');
    expect(denoServeInfo('192.0.2.1', Promise.resolve()).remoteAddr).toEqual({ transport: 'tcp', hostname: '192.0.2.1', port: 0 });
    expect(() => deno.serve({})).toThrow(TypeError);
  });
});

it('reads and writes the variables of the function, and nothing inherited', () => {
  env['A'] = '1';
  deno.env.set('B', '2');
  expect([deno.env.get('A'), deno.env.get('toString'), deno.env.has('B'), deno.env.has('toString')]).toEqual(['1', undefined, true, false]);
  deno.env.delete('A');
  expect(deno.env.toObject()).toEqual({ B: '2' });
  expect(env).toEqual({ B: '2' });
});

describe('files', () => {
  it('are written, read, listed, moved and removed', async () => {
    const file = join(folder, 'a.txt');
    await deno.writeTextFile(file, 'one');
    await deno.writeTextFile(file, ' two', { append: true });
    expect(await deno.readTextFile(file)).toBe('one two');
    expect(deno.readTextFileSync(file)).toBe('one two');
    expect((await deno.readFile(file)).constructor).toBe(Uint8Array);
    deno.writeFileSync(file, new Uint8Array([104, 105]));
    expect(await deno.stat(file)).toMatchObject({ isFile: true, isDirectory: false, size: 2 });
    await deno.mkdir(join(folder, 'd/e'), { recursive: true });
    deno.renameSync(file, join(folder, 'd/b.txt'));
    expect(await Array.fromAsync(deno.readDir(join(folder, 'd')), ({ name }) => name)).toEqual(expect.arrayContaining(['b.txt', 'e']));
    expect([...deno.readDirSync(join(folder, 'd/e'))]).toEqual([]);
    await deno.remove(join(folder, 'd/e'));
    await expect(deno.remove(join(folder, 'd'))).rejects.toThrow();
    deno.removeSync(join(folder, 'd'), { recursive: true });
    expect(() => deno.lstatSync(join(folder, 'd'))).toThrow(deno.errors.NotFound);
  });

  it('fail with the errors of Deno', async () => {
    const missing = join(folder, 'missing');
    await expect(deno.readTextFile(missing)).rejects.toBeInstanceOf(deno.errors.NotFound);
    await expect(deno.readTextFile(missing)).rejects.toMatchObject({ name: 'NotFound', code: 'ENOENT' });
    await expect(Array.fromAsync(deno.readDir(missing))).rejects.toBeInstanceOf(deno.errors.NotFound);
    expect(() => deno.writeTextFileSync(missing, 'x', { create: false })).toThrow(deno.errors.NotFound);
    expect(() => deno.mkdirSync(folder)).toThrow(deno.errors.AlreadyExists);
    expect(() => deno.writeTextFileSync(join(folder, 'new'), '', { createNew: true })).not.toThrow();
    expect(() => deno.writeTextFileSync(join(folder, 'new'), '', { createNew: true })).toThrow(deno.errors.AlreadyExists);
    expect(() => deno.readTextFileSync(join(folder, 'new/under'))).toThrow(deno.errors.NotADirectory);
  });

  it('can be temporary', async () => {
    const made = await deno.makeTempDir({ dir: folder, prefix: 'p' });
    const file = deno.makeTempFileSync({ dir: made, suffix: '.txt' });
    expect(file).toMatch(/p[^/]+\/[^/]+\.txt$/);
    expect(deno.readTextFileSync(file)).toBe('');
  });
});

describe('the rest', () => {
  it('states facts about the process', async () => {
    expect(deno.version).toMatchObject({ deno: expect.stringMatching(/^2\./), v8: process.versions.v8 });
    expect(deno.build).toMatchObject({ os: process.platform, standalone: false });
    expect([deno.args, deno.noColor, deno.cwd(), deno.pid]).toEqual([[], true, process.cwd(), process.pid]);
    expect(deno.memoryUsage().rss).toBeGreaterThan(0);
    expect(deno.inspect({ a: { b: 1 } })).toBe('{ a: { b: 1 } }');
    expect((await deno.permissions.query({ name: 'env' })).state).toBe('granted');
    expect(deno.permissions.querySync({ name: 'run' }).state).toBe('denied');
  });

  it.each(refused)('refuses Deno.%s with a sentence', (name) => {
    expect(() => deno[name]()).toThrow(deno.errors.NotSupported);
    expect(() => deno[name]()).toThrow(`Cannot use Deno.${name} here: `);
  });

  it('refuses to start programs or to exit', () => {
    expect(() => new deno.Command('ls')).toThrow(deno.errors.NotSupported);
    expect(() => deno.exit(1)).toThrow('Cannot exit with code 1');
  });
});
