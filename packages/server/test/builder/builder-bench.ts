/** A real builder in folders of its own, archives made from plain objects, and eyes for what was built. */
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Script } from 'node:vm';
import { gzipSync } from 'node:zlib';
import { defaultLimits } from '@martlet/protocol';
import { packTar, unpackTar } from 'modern-tar';
import { createEsbuildBuilder, type EsbuildBuilderOptions } from '../../src/drivers/esbuild-builder/esbuild-builder.ts';
import type { BuildOutput, BuildProblem, BuildResult, Builder } from '../../src/ports/builder.ts';

export type Files = Readonly<Record<string, string>>;

export interface Bench {
  readonly folder: string;
  readonly builder: Builder;
  /** Text of the last build's log. */
  log(): string;
  build(files: Files, entrypoint?: string): Promise<BuildResult>;
  buildBytes(bytes: Uint8Array, entrypoint?: string): Promise<BuildResult>;
  buildFolder(path: string, entrypoint?: string): Promise<BuildResult>;
  /** What is left in the folder for unpacked sources. */
  leftovers(): string[];
  close(): Promise<void>;
}

const SILENT = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
export const PROJECTS = fileURLToPath(new URL('../../../../fixtures/projects', import.meta.url));

export function createBench(options: Partial<EsbuildBuilderOptions> = {}): Bench {
  const folder = mkdtempSync(join(tmpdir(), 'martlet-builder-'));
  const builder = createEsbuildBuilder({
    cacheDir: join(folder, 'cache'),
    tempDir: join(folder, 'temp'),
    limits: defaultLimits,
    environment: process.env,
    log: SILENT,
    ...options,
  });
  let text = '';
  const build = (source: Parameters<Builder['build']>[0]['source'], entrypoint: string): Promise<BuildResult> => {
    text = '';
    return builder.build({ source, entrypoint, commands: '' }, (piece) => (text += piece), AbortSignal.timeout(60_000));
  };
  return {
    folder,
    builder,
    log: () => text,
    build: async (files, entrypoint = 'index.ts') => build({ kind: 'archive', bytes: await pack(files) }, entrypoint),
    buildBytes: (bytes, entrypoint = 'index.ts') => build({ kind: 'archive', bytes }, entrypoint),
    buildFolder: (path, entrypoint = 'index.ts') => build({ kind: 'folder', path }, entrypoint),
    leftovers: () => readdirSync(join(folder, 'temp')),
    async close() {
      await builder.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export async function pack(files: Files): Promise<Buffer> {
  return gzipSync(
    await packTar(
      Object.entries(files).map(([name, body]) => ({ header: { name, size: Buffer.byteLength(body), type: 'file' as const }, body })),
    ),
  );
}

/** The files of a sample project, as its author would pack them. */
export function projectFiles(name: string): Files {
  const root = join(PROJECTS, name);
  const paths = readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
  return Object.fromEntries(paths.map((path) => [path.slice(root.length + 1), readFileSync(path, 'utf8')]));
}

export function writeFiles(root: string, files: Files): string {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), text);
  }
  return root;
}

export function outputOf(result: BuildResult): BuildOutput {
  if (result.ok) return result.output;
  throw new Error(`The build failed: ${result.code} ${JSON.stringify(result.problems, null, 1)}`);
}

export function problemsOf(result: BuildResult): { code: string; problems: readonly BuildProblem[] } {
  if (result.ok) throw new Error('The build did not fail');
  return { code: result.code, problems: result.problems };
}

/** Loads a bundle as a worker does: as a function around a script. */
export function evaluate(output: BuildOutput, modules: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  const script = new Script(`(function (exports, require, module, __filename, __dirname) {${output.code.toString()}\n})`, {
    filename: '/function/index.js',
  });
  const nativeRequire = createRequire('/function/index.js');
  const module = { exports: {} as Record<string, unknown> };
  const run = script.runInThisContext() as (...values: unknown[]) => void;
  run(module.exports, (name: string) => modules[name] ?? nativeRequire(name), module, '/function/index.js', '/function');
  return module.exports;
}

/** Runs a module or a tree in a Node of its own; `expression` sees what it exports as `exports`. */
export async function runElsewhere(folder: string, { output, expression }: { output: BuildOutput; expression: string }): Promise<string> {
  const root = mkdtempSync(join(folder, 'run-'));
  if (output.format === 'tree') {
    for (const { header, data } of await unpackTar(output.tree)) {
      mkdirSync(dirname(join(root, header.name)), { recursive: true });
      writeFileSync(join(root, header.name), data ?? '');
    }
  } else writeFileSync(join(root, 'index.mjs'), output.code);
  const code = `const exports = await import(${JSON.stringify(join(root, 'index.mjs'))}); process.stdout.write(String(await (${expression})));`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', code], { cwd: root });
  return stdout;
}
