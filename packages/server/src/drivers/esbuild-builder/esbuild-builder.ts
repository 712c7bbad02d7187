/**
 * Builds deployments: unpacks or reads the source, checks entrypoint and settings, installs what is imported, bundles.
 * Sources are hostile; nothing of them runs here, and nothing is written outside of `tempDir` and `cacheDir`.
 */
import { isAscii } from 'node:buffer';
import { mkdir, mkdtemp, readFile, realpath, rm, stat } from 'node:fs/promises';
import { extname, join } from 'node:path';
import type { Limits } from '@martlet/protocol';
import { readArchivePath } from '../../domain/archive-path.ts';
import { TREE_ENTRYPOINT, type BuildInput, type BuildOutput, type BuildResult, type Builder } from '../../ports/builder.ts';
import type { Log } from '../../ports/system/log.ts';
import { BuildFailure, plainProblem } from './build-problems.ts';
import { bundleWithDependencies, type Packed } from './bundle-with-dependencies.ts';
import { createDependencyCache, type DependencyCache } from './dependencies/dependency-cache.ts';
import { filesOf, sizeOf } from './sizes.ts';
import type { ReadClient } from './import-plugin.ts';
import { readSettings, type Settings } from './settings/read-settings.ts';
import { unpackArchive } from './unpack-archive.ts';

export interface EsbuildBuilderOptions {
  /** Keeps installed dependencies and npm's downloads between builds. */
  readonly cacheDir: string;
  /** For unpacked sources; a folder of its own per build, removed at its end. */
  readonly tempDir: string;
  readonly limits: Pick<Limits, 'deploymentUnpackedBytes' | 'deploymentFiles'>;
  /** Environment of the server. npm gets PATH, proxies, certificates and its own settings of it, and nothing else. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Program file of npm. Default: the first `npm` beside Node or in PATH. */
  readonly npmPath?: string;
  /** Registry that has the packages of JSR in npm's format. Default: none; imports of `jsr:` are then a problem that says so. */
  readonly jsrRegistry?: string;
  /** The platform's own client, for functions that have not installed one. */
  readonly readClient?: ReadClient;
  /** Further flags for npm. */
  readonly npmFlags?: readonly string[];
  readonly log: Log;
}

const EXTENSIONS = ['.ts', '.tsx', '.mts', '.cts', '.js', '.mjs', '.cjs', '.jsx'];
const COMMANDS = /^\s*(npm\s+(install|i|ci)\s*)?$/;

export function createEsbuildBuilder(options: EsbuildBuilderOptions): Builder {
  const dependencies = createDependencyCache({
    folder: join(options.cacheDir, 'dependencies'),
    npm: {
      path: options.npmPath,
      cacheFolder: join(options.cacheDir, 'npm'),
      flags: options.npmFlags ?? [],
      jsrRegistry: options.jsrRegistry,
      environment: options.environment,
    },
  });
  const closing = new AbortController();
  const running = new Set<Promise<unknown>>();

  const build = async (input: BuildInput, log: (text: string) => void, signal: AbortSignal): Promise<BuildResult> => {
    const workspace = openWorkspace(options);
    try {
      const root =
        input.source.kind === 'folder'
          ? await realpath(input.source.path)
          : await workspace.unpack(input.source.bytes, { limits: options.limits, log, signal });
      return { ok: true, output: await buildFolder({ input, root, dependencies, readClient: options.readClient, log, signal }) };
    } catch (error) {
      if (!(error instanceof BuildFailure)) throw error;
      return { ok: false, code: error.code, problems: error.problems };
    } finally {
      await workspace.remove();
    }
  };

  return {
    build(input, log, signal) {
      const work = build(input, log, AbortSignal.any([signal, closing.signal]));
      running.add(work);
      const forget = (): void => void running.delete(work);
      work.then(forget, forget);
      return work;
    },
    async close() {
      closing.abort(new Error('The builder was closed'));
      await Promise.allSettled(running);
      // esbuild's service is one per process and may serve another builder; it ends with the process.
    },
  };
}

interface Workspace {
  unpack(
    bytes: Uint8Array,
    options: { limits: EsbuildBuilderOptions['limits']; log: (text: string) => void; signal: AbortSignal },
  ): Promise<string>;
  remove(): Promise<void>;
}

function openWorkspace({ tempDir, log: serverLog }: EsbuildBuilderOptions): Workspace {
  let folder: string | undefined;
  return {
    async unpack(bytes, { limits, log, signal }) {
      await mkdir(tempDir, { recursive: true });
      folder = await realpath(await mkdtemp(join(tempDir, 'build-')));
      const unpacked = await unpackArchive(bytes, folder, { limits, signal });
      log(`Unpacked ${filesOf(unpacked.files)}, ${sizeOf(unpacked.bytes)}\n`);
      return folder;
    },
    remove: async () => {
      if (folder === undefined) return;
      try {
        await rm(folder, { recursive: true, force: true });
      } catch (error) {
        // The build is good all the same; what is left takes space only.
        serverLog.warn({ folder, error }, 'Cannot remove the unpacked source of a build');
      }
    },
  };
}

interface FolderBuild {
  readonly input: BuildInput;
  /** A real path. */
  readonly root: string;
  readonly dependencies: DependencyCache;
  readonly readClient: ReadClient | undefined;
  readonly log: (text: string) => void;
  readonly signal: AbortSignal;
}

async function buildFolder({ input, root, dependencies, readClient, log, signal }: FolderBuild): Promise<BuildOutput> {
  const { entrypoint, source } = await readEntrypoint(root, input.entrypoint);
  if (!COMMANDS.test(input.commands))
    log(`Build commands other than "npm install" and "npm ci" are not run: ${JSON.stringify(input.commands)}\n`);
  // Both are awaited whatever comes of the other: the folder is removed when this returns. Settings are told first.
  const [settings, packed] = await Promise.allSettled([
    readSettings(root, entrypoint, source),
    bundleWithDependencies({ kind: input.source.kind, root, entrypoint, dependencies, readClient, log, signal }),
  ]);
  if (settings.status === 'rejected') throw settings.reason;
  if (packed.status === 'rejected') throw packed.reason;
  settings.value.notes.forEach((note) => log(`${note}\n`));
  return outputOf(packed.value, settings.value);
}

async function readEntrypoint(root: string, named: string): Promise<{ entrypoint: string; source: string }> {
  const missing = (reason: string): BuildFailure =>
    new BuildFailure('function_entrypoint_missing', [
      plainProblem(`Cannot use the entrypoint ${JSON.stringify(named.slice(0, 200))}: ${reason}`),
    ]);
  const read = readArchivePath(named);
  if (!read.ok) throw missing(read.reason);
  if (!EXTENSIONS.includes(extname(read.path))) throw missing(`it must end with one of ${EXTENSIONS.join(' ')}`);
  try {
    const path = join(root, read.path);
    if (!(await stat(path)).isFile()) throw missing('it is not a file');
    return { entrypoint: read.path, source: await readFile(path, 'utf8') };
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR'))
      throw missing('there is no such file in the deployment');
    throw error;
  }
}

function outputOf({ bundle, tree, manifest }: Packed, settings: Settings): BuildOutput {
  const isTree = tree.length > 0;
  const inputs = [...bundle.inputs, ...[settings.file, manifest].filter((file) => file !== undefined)];
  return {
    format: isTree ? 'tree' : bundle.format,
    code: isTree ? Buffer.alloc(0) : bundle.code,
    sourceMap: bundle.sourceMap,
    tree,
    entrypoint: isTree ? TREE_ENTRYPOINT : '',
    latin1: isAscii(bundle.code),
    config: settings.config,
    inputs: [...new Set(inputs)].toSorted(),
  };
}
