/** From an entrypoint to code with all it imports: survey, install, bundle, and where it must be, keep packages as files. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'jsonc-parser';
import { BuildFailure, plainProblem } from './build-problems.ts';
import { bundle, type Bundle, type BundleRequest } from './bundle.ts';
import type { Dependencies, DependencyCache } from './dependencies/dependency-cache.ts';
import { dependsOn, findProject, hasDependencies, planDependencies } from './dependencies/dependency-plan.ts';
import { ADDON_LOADERS } from './dependencies/native-packages.ts';
import type { ReadClient } from './import-plugin.ts';
import { packTree } from './pack-tree.ts';
import { filesOf, sizeOf } from './sizes.ts';

export interface Packed {
  readonly bundle: Bundle;
  /** Tar of code and dependencies, or empty where the bundle holds everything. */
  readonly tree: Buffer;
  /** package.json that was used, relative to the root. */
  readonly manifest: string | undefined;
}

export interface BundleOptions {
  readonly kind: 'archive' | 'folder';
  /** A real path. */
  readonly root: string;
  readonly entrypoint: string;
  readonly dependencies: DependencyCache;
  readonly readClient: ReadClient | undefined;
  readonly log: (text: string) => void;
  readonly signal: AbortSignal;
}

const WARNINGS_SHOWN = 10;
const COMPILER_OPTIONS = [
  'jsx',
  'jsxFactory',
  'jsxFragmentFactory',
  'jsxImportSource',
  'experimentalDecorators',
  'useDefineForClassFields',
];

/** @throws {BuildFailure} @throws the signal's reason */
export async function bundleWithDependencies(options: BundleOptions): Promise<Packed> {
  const { kind, root, entrypoint, dependencies, readClient, log, signal } = options;
  const started = performance.now();
  const request: BundleRequest = {
    entrypoint,
    scope: { kind, root, knowsJsr: dependencies.knowsJsr, readClient, dependencies: undefined, mode: 'survey' },
    compilerOptions: await compilerOptionsOf(root),
  };
  const tell = (bundled: Bundle): Bundle => {
    bundled.warnings
      .slice(0, WARNINGS_SHOWN)
      .forEach(({ file, line, column, message }) => log(`warning: ${file}:${line}:${column}: ${message}\n`));
    log(`Bundled ${filesOf(bundled.fileCount)}, ${sizeOf(bundled.code.length)} in ${Math.round(performance.now() - started)} ms\n`);
    return bundled;
  };
  // Most functions import no package: for them the survey is the build.
  const survey = await bundle(request, signal);
  const { specifiers, open } = survey.findings;
  if (survey.findings.ownClient && (await dependsOn({ root, entrypoint, name: '@martlet/sdk' }))) open.add('@martlet/sdk');
  const meetsAddon = survey.findings.addons || [...survey.packages].some((name) => ADDON_LOADERS.has(name));
  if (specifiers.size === 0 && open.size === 0 && !meetsAddon) return { bundle: tell(survey), tree: Buffer.alloc(0), manifest: undefined };

  // What a folder has installed is used as it is; what it lacks is installed in the cache, never there.
  const project = kind === 'archive' || open.size > 0 || meetsAddon ? await findProject(root, entrypoint) : undefined;
  if (!hasDependencies(project) && specifiers.size === 0) {
    if (meetsAddon)
      throw new BuildFailure('build_failed', [
        plainProblem('Cannot bundle a native addon: name its package in a package.json, so that it can be installed for the server'),
      ]);
    return {
      bundle: tell(await bundle({ ...request, scope: { ...request.scope, mode: 'bundle' } }, signal)),
      tree: Buffer.alloc(0),
      manifest: undefined,
    };
  }
  project?.notes.forEach((note) => log(`${note}\n`));
  const plan = planDependencies(project, [...specifiers.values()]);
  const tree = await dependencies.prepare(plan, { log, signal });
  const scope = { ...request.scope, dependencies: { plan, tree } };
  const bundled = await bundle({ ...request, scope: { ...scope, mode: 'bundle' } }, signal);
  const files = keptAsFiles(bundled, tree);
  if (files === undefined) return { bundle: tell(bundled), tree: Buffer.alloc(0), manifest: project?.file };
  log(`Packages stay files: ${files}\n`);
  const outer = tell(await bundle({ ...request, scope: { ...scope, mode: 'external' } }, signal));
  return { bundle: outer, tree: await packTree(outer, tree.folder), manifest: project?.file };
}

/** Why packages cannot be bundled, or undefined where they can. */
function keptAsFiles({ packages, findings }: Bundle, tree: Dependencies): string | undefined {
  const names = tree.unbundled.filter((name) => packages.has(name));
  if (names.length > 0) return `${names.join(', ')} ${names.length === 1 ? 'loads' : 'load'} files at run time`;
  return findings.addons ? 'one of them is a native addon' : undefined;
}

/** Options of the project's tsconfig.json that change what code means; a file with mistakes changes nothing. */
async function compilerOptionsOf(root: string): Promise<Readonly<Record<string, unknown>>> {
  let text: string;
  try {
    text = await readFile(join(root, 'tsconfig.json'), 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'EISDIR')) return {};
    throw error;
  }
  const config: unknown = parse(text);
  const options = typeof config === 'object' && config !== null && 'compilerOptions' in config ? config.compilerOptions : undefined;
  if (typeof options !== 'object' || options === null) return {};
  return Object.fromEntries(
    Object.entries(options).filter(
      ([key, value]) => COMPILER_OPTIONS.includes(key) && (typeof value === 'string' || typeof value === 'boolean'),
    ),
  );
}
