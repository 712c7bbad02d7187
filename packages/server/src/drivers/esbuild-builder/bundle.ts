/** Bundles one entrypoint with esbuild into one CommonJS script, or one ES module where top-level await asks for it. */
import { readFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { context, type BuildOptions, type BuildResult, type Message, type Metafile } from 'esbuild';
import type { BuildProblem } from '../../ports/builder.ts';
import { BuildFailure, createPathNames, plainProblem, problemAt, problemsOf, type PathNames } from './build-problems.ts';
import { hidePath } from './hide-path.ts';
import { CLIENT_NAMESPACE, createFindings, importPlugin, type ImportFindings, type ImportScope } from './import-plugin.ts';

export interface BundleRequest {
  readonly entrypoint: string;
  readonly scope: ImportScope;
  /** Compiler options that change meaning: `jsx…`, `experimentalDecorators`, …; not where files are. */
  readonly compilerOptions: Readonly<Record<string, unknown>>;
}

export interface Bundle {
  readonly format: 'bundle' | 'module';
  readonly code: Buffer;
  readonly sourceMap: Buffer;
  /** Files of the source that went in, relative to the root. */
  readonly inputs: readonly string[];
  /** Names of the packages that went in. */
  readonly packages: ReadonlySet<string>;
  readonly fileCount: number;
  readonly warnings: readonly BuildProblem[];
  readonly findings: ImportFindings;
}

type Built = BuildResult<{ write: false; metafile: true }>;

const MODULE_URL = '__martletModuleUrl';
const TOP_LEVEL_AWAIT = /^Top-level await is currently not supported|contains a top-level await/;

/** @throws {BuildFailure} `build_failed`; @throws the signal's reason */
export async function bundle(request: BundleRequest, signal: AbortSignal): Promise<Bundle> {
  const script = await run(request, 'cjs', signal);
  if ('code' in script) return script;
  if (!script.errors.some(({ text }) => TOP_LEVEL_AWAIT.test(text))) throw failureOf(request, script.errors);
  const module = await run(request, 'esm', signal);
  if ('code' in module) return module;
  throw failureOf(request, module.errors);
}

async function run(request: BundleRequest, format: 'cjs' | 'esm', signal: AbortSignal): Promise<Bundle | { errors: readonly Message[] }> {
  signal.throwIfAborted();
  const findings = createFindings();
  const build = await context({ ...optionsOf(request, format), plugins: [importPlugin(request.scope, findings)] });
  const cancel = (): void => void build.cancel();
  signal.addEventListener('abort', cancel, { once: true });
  try {
    const built = await build.rebuild();
    signal.throwIfAborted();
    return finish({ request, format, built, findings });
  } catch (error) {
    signal.throwIfAborted();
    if (isBuildError(error)) return { errors: error.errors };
    throw error;
  } finally {
    signal.removeEventListener('abort', cancel);
    await build.dispose();
  }
}

function optionsOf(
  { scope: { root }, entrypoint, compilerOptions }: BundleRequest,
  format: 'cjs' | 'esm',
): BuildOptions & { write: false; metafile: true } {
  return {
    absWorkingDir: root,
    entryPoints: [`./${entrypoint}`],
    outfile: join(root, 'function.js'),
    bundle: true,
    write: false,
    metafile: true,
    format,
    platform: 'node',
    target: 'node24',
    sourcemap: 'external',
    sourcesContent: true,
    keepNames: true,
    legalComments: 'none',
    logLevel: 'silent',
    logLimit: 20,
    // Without it esbuild would read the tsconfig.json of every folder above, up to the root of this host.
    tsconfigRaw: { compilerOptions },
    define:
      format === 'cjs'
        ? { 'import.meta.url': MODULE_URL, 'import.meta.filename': '__filename', 'import.meta.dirname': '__dirname' }
        : { __filename: 'import.meta.filename', __dirname: 'import.meta.dirname' },
    ...(format === 'esm' && {
      banner: {
        js: "import { createRequire as __martletCreateRequire } from 'node:module';\nvar require = __martletCreateRequire(import.meta.url);",
      },
    }),
  };
}

function finish({
  request,
  format,
  built,
  findings,
}: {
  request: BundleRequest;
  format: 'cjs' | 'esm';
  built: Built;
  findings: ImportFindings;
}): Bundle {
  const { scope } = request;
  const { root } = scope;
  const names = namesOf(request);
  const inputs = Object.keys(built.metafile.inputs).filter(
    (input) => input !== '<runtime>' && !input.startsWith('data:') && !input.startsWith('<') && !isClient(input),
  );
  const files = inputs.map((input) => resolve(root, input));
  assertInside({ request, metafile: built.metafile });
  const own = files.map((file) => names.nameOf(file)).filter((name) => name !== undefined && !isInstalled(name));
  const [map = '', code = ''] = ['.map', '.js'].map((ending) => built.outputFiles.find(({ path }) => path.endsWith(ending))?.text);
  const { dependencies } = scope;
  const emitted =
    dependencies === undefined
      ? { code, map }
      : hidePath({ code, map }, `${relative(root, dependencies.tree.folder).split(sep).join('/')}/`);
  const strict = inputs.every((input) => built.metafile.inputs[input]?.format === 'esm' || input.endsWith('.json'));
  return {
    format: format === 'cjs' ? 'bundle' : 'module',
    code: Buffer.from(format === 'cjs' ? withPreamble(emitted.code, strict) : emitted.code),
    sourceMap: Buffer.from(emitted.map),
    inputs: own.filter((name) => name !== undefined).toSorted(),
    packages: new Set(files.map(packageOf).filter((name) => name !== undefined)),
    fileCount: files.length,
    warnings: problemsOf(built.warnings, { root, names }).filter(({ file }) => !isInstalled(file)),
    findings,
  };
}

/**
 * What must stand before the code goes into its first line, which has no mappings: the source map stays true.
 * ES modules are strict; as a script they only are when it says so, and CommonJS packages must not be.
 */
function withPreamble(code: string, strict: boolean): string {
  const body = code.startsWith('#!') ? `//${code}` : code;
  const directive = strict ? '"use strict";' : '';
  const url = code.includes(MODULE_URL) ? `var ${MODULE_URL}=require("node:url").pathToFileURL(__filename).href;` : '';
  return `${directive}${url}${body}`;
}

/** Paths in the code of an author may lead anywhere on this host; what they reach must not get into an artifact. */
function assertInside({ request, metafile }: { request: BundleRequest; metafile: Metafile }): void {
  const names = namesOf(request);
  const { scope } = request;
  const { root } = scope;
  for (const [importer, { imports }] of Object.entries(metafile.inputs)) {
    for (const { path, original, external } of imports) {
      if (external === true || path.startsWith('<') || path.startsWith('data:') || isClient(path)) continue;
      const target = resolve(root, path);
      if (names.nameOf(target) !== undefined || (scope.kind === 'folder' && isInstalled(target))) continue;
      if (scope.kind === 'folder' && isInstalled(resolve(root, importer))) continue;
      throw new BuildFailure('build_failed', [outsideProblem(request, { importer, original: original ?? path })]);
    }
  }
}

function outsideProblem(request: BundleRequest, { importer, original }: { importer: string; original: string }): BuildProblem {
  const message = `Cannot import "${original}": it lies outside of the deployment; only files below its root and packages can be imported`;
  const file = namesOf(request).nameOf(resolve(request.scope.root, importer));
  if (file === undefined || isInstalled(file)) return plainProblem(message, file);
  const text = readFileSync(join(request.scope.root, file), 'utf8');
  const quoted = [`'${original}'`, `"${original}"`].map((form) => text.indexOf(form)).find((at) => at !== -1);
  return quoted === undefined ? plainProblem(message, file) : problemAt({ file, text, offset: quoted, message });
}

function failureOf(request: BundleRequest, errors: readonly Message[]): BuildFailure {
  return new BuildFailure('build_failed', problemsOf(errors, { root: request.scope.root, names: namesOf(request) }));
}

function namesOf({ scope }: BundleRequest): PathNames {
  return createPathNames(scope.root, scope.dependencies?.tree.folder);
}

function packageOf(file: string): string | undefined {
  const at = file.lastIndexOf(`${sep}node_modules${sep}`);
  if (at === -1) return undefined;
  const [first, second] = file.slice(at + 14).split(sep);
  return first?.startsWith('@') === true ? `${first}/${second}` : first;
}

function isInstalled(path: string): boolean {
  return dirname(path).split(/[\\/]/).includes('node_modules');
}

const isClient = (input: string): boolean => input.startsWith(`${CLIENT_NAMESPACE}:`);

function isBuildError(error: unknown): error is Error & { errors: Message[] } {
  return error instanceof Error && 'errors' in error && Array.isArray(error.errors);
}
