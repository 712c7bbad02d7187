/**
 * Decides what an import means: a file of the source, a package of its dependencies, a module of the platform or of
 * Node, or a mistake. A package is never found in a folder that merely happens to lie above on this host.
 */
import { isBuiltin } from 'node:module';
import { sep } from 'node:path';
import type { OnResolveArgs, OnResolveResult, PartialMessage, Plugin, PluginBuild, ResolveResult } from 'esbuild';
import type { Dependencies } from './dependencies/dependency-cache.ts';
import type { DependencyPlan } from './dependencies/dependency-plan.ts';
import { notADependency } from './build-problems.ts';
import { npmFormOf, readPackageSpecifier, type PackageSpecifier } from './dependencies/package-specifier.ts';

export interface ImportScope {
  readonly kind: 'archive' | 'folder';
  /** Of the source. A real path. */
  readonly root: string;
  readonly knowsJsr: boolean;
  /** Code of the platform's own client, for functions that have not installed one; undefined: there is none. */
  readonly readClient: ReadClient | undefined;
  /** Undefined until they are installed. */
  readonly dependencies: { readonly plan: DependencyPlan; readonly tree: Dependencies } | undefined;
  /** `survey` leaves packages open that are not there yet; `external` leaves all to be loaded at run time. */
  readonly mode: 'survey' | 'bundle' | 'external';
}

/** Gives one entry of `@martlet/sdk` as a module without imports. */
export type ReadClient = (specifier: string) => Promise<string>;

/** What a pass over the sources found out. */
export interface ImportFindings {
  /** `npm:` and `jsr:` imports, by specifier. */
  readonly specifiers: Map<string, PackageSpecifier>;
  /** Bare imports that were left open since nothing is installed yet. */
  readonly open: Set<string>;
  /** Whether the platform's own client went in. */
  ownClient: boolean;
  /** Addons that were met. */
  addons: boolean;
}

export const RUNTIME_MODULE = 'base44:runtime';
/** Where modules come from that are no files: esbuild writes it before their names. */
export const CLIENT_NAMESPACE = 'martlet-client';
const CLIENT = /^@martlet\/sdk(?:\/admin)?$/;
/** Marks our own questions to esbuild, so that they are not answered by us again. */
const ASKED = Symbol('asked');

export function createFindings(): ImportFindings {
  return { specifiers: new Map(), open: new Set(), ownClient: false, addons: false };
}

export function importPlugin(scope: ImportScope, findings: ImportFindings): Plugin {
  return {
    name: 'martlet-imports',
    setup(build) {
      build.onResolve({ filter: /^[^./#]/ }, (args) => {
        if (args.pluginData === ASKED || args.kind === 'entry-point' || isBuiltin(args.path) || args.path.startsWith('data:'))
          return undefined;
        if (/^(https?|npm|jsr|base44):/.test(args.path)) return resolveScheme({ build, args, scope, findings });
        return isInstalled(args.resolveDir) ? resolveInside({ build, args, scope }) : resolveBare({ build, args, scope, findings });
      });
      build.onLoad({ filter: CLIENT, namespace: CLIENT_NAMESPACE }, async ({ path }) => ({
        contents: (await scope.readClient?.(path)) ?? '',
        loader: 'js',
      }));
      build.onLoad({ filter: /\.node$/ }, () => {
        findings.addons = true;
        return { contents: '', loader: 'empty' };
      });
    },
  };
}

interface Question {
  readonly build: PluginBuild;
  readonly args: OnResolveArgs;
  readonly scope: ImportScope;
  readonly findings: ImportFindings;
}

async function resolveScheme({ build, args, scope, findings }: Question): Promise<OnResolveResult> {
  const { path } = args;
  if (path === RUNTIME_MODULE) return { path, external: true };
  if (path.startsWith('base44:')) return wrong(`Cannot import "${path}": the platform has the module "${RUNTIME_MODULE}" only`);
  if (path.startsWith('http')) {
    const npm = npmFormOf(path);
    return wrong(
      `Cannot import "${path}": code is not loaded from URLs; import ${npm === undefined ? 'the package as "npm:name@version"' : `"${npm}"`} instead`,
    );
  }
  const specifier = readPackageSpecifier(path);
  if (specifier === undefined)
    return wrong(`Cannot import "${path}": write ${path.startsWith('jsr') ? '"jsr:@scope/name@version"' : '"npm:name@version"'}`);
  if (specifier.registry === 'jsr' && !scope.knowsJsr)
    return wrong(`Cannot import "${path}": this server knows no registry of JSR; its operator can name one with MARTLET_JSR_REGISTRY`);
  findings.specifiers.set(path, specifier);
  if (scope.dependencies === undefined) return { path, external: true };
  const name = scope.dependencies.plan.folderOf(specifier) + specifier.subpath;
  if (scope.mode === 'external') return { path: name, external: true };
  const found = await ask(build, args, { path: name, folder: scope.dependencies.tree.folder });
  if (found.errors.length === 0) return answer(found);
  return wrong(
    `Cannot import "${path}": ${specifier.subpath === '' ? 'the package has no such entry' : `the package has no "${specifier.subpath.slice(1)}"`}`,
  );
}

/** An import of one dependency by another: only what was installed with it counts. */
async function resolveInside({ build, args, scope }: Pick<Question, 'build' | 'args' | 'scope'>): Promise<OnResolveResult | undefined> {
  if (scope.kind === 'folder' && !isBelow(args.resolveDir, scope.dependencies?.tree.folder)) return undefined;
  const found = await ask(build, args, { path: args.path, folder: args.resolveDir });
  if (found.errors.length > 0) return undefined;
  // What lies above the cache on this host is not theirs; an optional package is then missing at run time, as it should.
  return isBelow(found.path, scope.dependencies?.tree.folder) || found.external ? answer(found) : { path: args.path, external: true };
}

async function resolveBare({ build, args, scope, findings }: Question): Promise<OnResolveResult | undefined> {
  const local = await ask(build, args, { path: args.path, folder: args.resolveDir });
  const isLocal = local.errors.length === 0;
  // A package may import itself by its own name.
  if (isLocal && isBelow(local.path, scope.root) && !isInstalled(local.path)) return answer(local);
  if (scope.mode === 'external' && !isOwnClient(args.path, scope)) return { path: args.path, external: true };
  // In this repository the name leads to the sources of the client, which are no part of the project.
  const isWorkspace = isLocal && !isInstalled(local.path) && isOwnClient(args.path, scope);
  if (isLocal && scope.kind === 'folder' && !isWorkspace) return answer(local);
  if (scope.dependencies !== undefined) {
    const { folder } = scope.dependencies.tree;
    const found = await ask(build, args, { path: args.path, folder });
    if (found.errors.length === 0 && isBelow(found.path, folder)) return answer(found);
  } else if (scope.mode === 'survey' && !isOwnClient(args.path, scope)) {
    findings.open.add(args.path);
    return { path: args.path, external: true };
  }
  // Without a version of its own a function gets the client that fits this server.
  if (isOwnClient(args.path, scope)) {
    findings.ownClient = true;
    return { path: args.path, namespace: CLIENT_NAMESPACE };
  }
  // esbuild asks once more and then tells it better: it knows which `require` has a `catch` around.
  return isLocal ? wrong(notADependency(args.path)) : undefined;
}

/** Whether the platform's client is what is meant: the project does not depend on one. */
function isOwnClient(path: string, { readClient, dependencies }: ImportScope): boolean {
  return readClient !== undefined && CLIENT.test(path) && dependencies?.plan.asksFor('@martlet/sdk') !== true;
}

function ask(build: PluginBuild, args: OnResolveArgs, { path, folder }: { path: string; folder: string }): Promise<ResolveResult> {
  return build.resolve(path, {
    kind: args.kind,
    importer: args.importer,
    namespace: 'file',
    resolveDir: folder,
    pluginData: ASKED,
    with: args.with,
  });
}

function answer({ path, external, sideEffects, namespace, suffix }: ResolveResult): OnResolveResult {
  return { path, external, sideEffects, namespace, suffix };
}

function wrong(text: string): OnResolveResult {
  const error: PartialMessage = { text };
  return { errors: [error] };
}

function isInstalled(folder: string): boolean {
  return folder.split(sep).includes('node_modules');
}

function isBelow(path: string, folder: string | undefined): boolean {
  return folder !== undefined && path.startsWith(folder + sep);
}
