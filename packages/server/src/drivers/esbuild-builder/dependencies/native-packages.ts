/**
 * Finds the packages of an installed tree that cannot be bundled, because they load files at run time: native addons,
 * packages that read their own WebAssembly from disk, and every package that depends on one.
 */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';

export interface InstalledTree {
  /** Names of the packages that must stay files. */
  readonly unbundled: readonly string[];
  readonly bytes: number;
}

/** Packages whose work it is to find an addon at run time. */
export const ADDON_LOADERS: ReadonlySet<string> = new Set([
  'bindings',
  'node-gyp-build',
  'node-gyp-build-optional-packages',
  '@mapbox/node-pre-gyp',
  'node-pre-gyp',
]);

interface Found {
  bytes: number;
  readonly unbundled: Set<string>;
  readonly dependents: Map<string, Set<string>>;
}

export async function inspectTree(modules: string): Promise<InstalledTree> {
  const found: Found = { bytes: 0, unbundled: new Set(), dependents: new Map() };
  await inspectModules(modules, found);
  const queue = [...found.unbundled];
  for (const name of queue) {
    for (const dependent of found.dependents.get(name) ?? []) {
      if (found.unbundled.has(dependent)) continue;
      found.unbundled.add(dependent);
      queue.push(dependent);
    }
  }
  return { unbundled: [...found.unbundled].toSorted(), bytes: found.bytes };
}

async function inspectModules(modules: string, found: Found): Promise<void> {
  for (const entry of await readdir(modules, { withFileTypes: true })) {
    if (!entry.isDirectory() || entry.name.startsWith('.')) continue;
    const path = join(modules, entry.name);
    if (!entry.name.startsWith('@')) await inspectPackage(path, entry.name, found);
    else for (const scoped of await readdir(path)) await inspectPackage(join(path, scoped), `${entry.name}/${scoped}`, found);
  }
}

async function inspectPackage(folder: string, name: string, found: Found): Promise<void> {
  if (ADDON_LOADERS.has(name)) found.unbundled.add(name);
  for (const dependency of await dependenciesOf(folder)) {
    const dependents = found.dependents.get(dependency) ?? new Set();
    found.dependents.set(dependency, dependents.add(name));
  }
  const scripts: string[] = [];
  let hasWasm = false;
  const visit = async (at: string): Promise<void> => {
    for (const entry of await readdir(at, { withFileTypes: true })) {
      const path = join(at, entry.name);
      if (entry.isDirectory()) await (entry.name === 'node_modules' ? inspectModules(path, found) : visit(path));
      else if (entry.isFile()) {
        found.bytes += (await stat(path)).size;
        if (entry.name.endsWith('.node')) found.unbundled.add(name);
        hasWasm ||= entry.name.endsWith('.wasm');
        if (/\.[cm]?js$/.test(entry.name)) scripts.push(path);
      }
    }
  };
  await visit(folder);
  if (hasWasm && (await someReadWasm(scripts))) found.unbundled.add(name);
}

async function someReadWasm(scripts: readonly string[]): Promise<boolean> {
  for (const script of scripts) {
    const text = await readFile(script, 'utf8');
    if (text.includes('.wasm') && /readFile(Sync)?\b/.test(text)) return true;
  }
  return false;
}

async function dependenciesOf(folder: string): Promise<string[]> {
  try {
    const manifest: unknown = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'));
    const named = (key: string): string[] =>
      typeof manifest === 'object' && manifest !== null && key in manifest
        ? Object.keys(((manifest as Record<string, unknown>)[key] ?? {}) as object)
        : [];
    return [...named('dependencies'), ...named('optionalDependencies')];
  } catch {
    // A folder without a readable manifest depends on nothing that could be followed.
    return [];
  }
}
