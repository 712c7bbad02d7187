/** What has to be installed for a function: the dependencies of its package.json, and the `npm:` imports of its code. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { BuildFailure, plainProblem } from '../build-problems.ts';
import { isRegistryRange, type PackageSpecifier } from './package-specifier.ts';

/** The package.json that counts for a function. */
export interface Project {
  /** Relative to the root of the source. */
  readonly file: string;
  readonly manifest: Readonly<Record<string, unknown>>;
  /** Lock file of npm with what may be kept of it, or undefined. */
  readonly lock: Readonly<Record<string, unknown>> | undefined;
  readonly notes: readonly string[];
}

export interface DependencyPlan {
  readonly key: string;
  readonly packageJson: string;
  readonly packageLock: string | undefined;
  readonly mode: 'ci' | 'install';
  readonly count: number;
  /** For problems: the file that asks for the dependencies. */
  readonly file: string;
  /** Whether the package is among them. */
  asksFor(name: string): boolean;
  /** Where an `npm:` or `jsr:` import is found in `node_modules`. */
  folderOf(specifier: PackageSpecifier): string;
}

const RANGES = ['dependencies', 'optionalDependencies', 'peerDependencies'] as const;
const KEPT = [...RANGES, 'peerDependenciesMeta', 'overrides'] as const;
/** Raised when the same plan would be installed differently. */
const FORMAT = 1;

/** The nearest package.json above the entrypoint. @throws {BuildFailure} for one that cannot be used */
export async function findProject(root: string, entrypoint: string): Promise<Project | undefined> {
  for (let folder = posix.dirname(entrypoint); ; folder = posix.dirname(folder)) {
    const file = posix.join(folder, 'package.json');
    const manifest = await readJson(root, file);
    if (manifest !== undefined) return readProject(root, file, manifest);
    if (folder === '.') return undefined;
  }
}

/** Whether the nearest package.json names a package, whatever else is in it. */
export async function dependsOn({ root, entrypoint, name }: { root: string; entrypoint: string; name: string }): Promise<boolean> {
  for (let folder = posix.dirname(entrypoint); ; folder = posix.dirname(folder)) {
    const manifest = await readJson(root, posix.join(folder, 'package.json'));
    if (manifest !== undefined) return RANGES.some((key) => Object.hasOwn(Object(manifest[key]), name));
    if (folder === '.') return false;
  }
}

/** Whether installing the project would bring anything at all. */
export function hasDependencies(project: Project | undefined): boolean {
  return project !== undefined && Object.keys(rangesOf(project)).length > 0;
}

/** Joins project and imports: a version that differs from the project's own gets a folder beside it. */
export function planDependencies(project: Project | undefined, specifiers: readonly PackageSpecifier[]): DependencyPlan {
  const wanted = project === undefined ? {} : rangesOf(project);
  const added: Record<string, string> = {};
  const folders = new Map<string, string>();
  for (const specifier of specifiers.toSorted((a, b) => (nameAndVersion(a) < nameAndVersion(b) ? -1 : 1))) {
    const { name, version } = specifier;
    const known = wanted[name] ?? added[name];
    const range = version === '' ? (known ?? 'latest') : version;
    const folder =
      known === undefined || known === range
        ? name
        : `${name}--${range.replaceAll(/[^A-Za-z0-9.-]/g, (character) => `_${character.charCodeAt(0).toString(16)}`)}`;
    if (wanted[folder] === undefined) added[folder] = folder === name ? range : `npm:${name}@${range}`;
    folders.set(nameAndVersion(specifier), folder);
  }
  const kept = Object.fromEntries(KEPT.flatMap((key) => (project?.manifest[key] === undefined ? [] : [[key, project.manifest[key]]])));
  const manifest = {
    name: 'function',
    version: '0.0.0',
    private: true,
    ...kept,
    dependencies: { ...(kept.dependencies as object | undefined), ...added },
  };
  const packageJson = JSON.stringify(manifest);
  const packageLock = project?.lock === undefined ? undefined : JSON.stringify(project.lock);
  const facts = [FORMAT, process.versions.modules, process.platform, process.arch, packageJson, packageLock ?? ''];
  return {
    key: createHash('sha256').update(JSON.stringify(facts)).digest('hex'),
    packageJson,
    packageLock,
    // `npm ci` takes a lock file for the whole truth; imports of the code are not in it.
    mode: packageLock !== undefined && Object.keys(added).length === 0 ? 'ci' : 'install',
    count: Object.keys(wanted).length + Object.keys(added).length,
    file: project?.file ?? '',
    asksFor: (name) => wanted[name] !== undefined,
    folderOf: (specifier) => folders.get(nameAndVersion(specifier)) ?? specifier.name,
  };
}

function nameAndVersion({ name, version }: PackageSpecifier): string {
  return `${name}@${version}`;
}

function rangesOf({ manifest }: Project): Record<string, string> {
  return Object.assign({}, ...RANGES.filter((key) => key !== 'peerDependencies').map((key) => manifest[key] ?? {})) as Record<
    string,
    string
  >;
}

async function readProject(root: string, file: string, manifest: Record<string, unknown>): Promise<Project> {
  for (const key of RANGES) {
    for (const [name, range] of Object.entries(objectAt(manifest, key, file))) {
      if (typeof range !== 'string' || !isRegistryRange(range)) {
        throw new BuildFailure('build_failed', [
          plainProblem(
            `Cannot install "${name}": ${key} asks for ${JSON.stringify(range)}; only versions of the package registry are installed`,
            file,
          ),
        ]);
      }
    }
  }
  checkOverrides(objectAt(manifest, 'overrides', file), file);
  const folder = posix.dirname(file);
  const lock = await readJson(root, posix.join(folder, 'package-lock.json'));
  if (lock === undefined) return { file, manifest, lock: undefined, notes: [] };
  const packages = lock.packages;
  if (typeof packages !== 'object' || packages === null) {
    return {
      file,
      manifest,
      lock: undefined,
      notes: ['package-lock.json is of an old format and not used; npm 7 or newer writes a current one'],
    };
  }
  return { file, manifest, lock: cleanLock(lock, packages as Record<string, unknown>, posix.join(folder, 'package-lock.json')), notes: [] };
}

/**
 * Keeps versions and integrity of a lock file. Where a package comes from is the operator's choice: the addresses that
 * the author's registry left in it would make this host connect to them.
 */
function cleanLock(lock: Record<string, unknown>, packages: Record<string, unknown>, file: string): Record<string, unknown> {
  const cleaned = Object.entries(packages).map(([path, entry]) => {
    if (typeof entry !== 'object' || entry === null) throw lockProblem(path, 'is not an object', file);
    const { resolved, link, ...rest } = entry as Record<string, unknown>;
    if (link !== undefined) throw lockProblem(path, 'is a link to a folder', file);
    if (resolved !== undefined && !/^https?:/.test(String(resolved)))
      throw lockProblem(path, 'does not come from a package registry', file);
    if (path !== '' && !path.startsWith('node_modules/')) throw lockProblem(path, 'is a workspace', file);
    if (path.split('/').includes('..')) throw lockProblem(path, 'leads out of the project', file);
    return [path, path === '' ? { ...rest, workspaces: undefined, devDependencies: undefined } : rest];
  });
  return {
    name: 'function',
    version: '0.0.0',
    lockfileVersion: lock.lockfileVersion,
    requires: true,
    packages: Object.fromEntries(cleaned),
  };
}

function lockProblem(path: string, reason: string, file: string): BuildFailure {
  return new BuildFailure('build_failed', [plainProblem(`Cannot install "${path.slice(0, 120)}": it ${reason}`, file)]);
}

function checkOverrides(overrides: Record<string, unknown>, file: string): void {
  for (const [name, range] of Object.entries(overrides)) {
    if (typeof range === 'object' && range !== null) checkOverrides(range as Record<string, unknown>, file);
    else if (typeof range !== 'string' || !(range.startsWith('$') || isRegistryRange(range))) {
      throw new BuildFailure('build_failed', [
        plainProblem(
          `Cannot install "${name}": overrides ask for ${JSON.stringify(range)}; only versions of the package registry are installed`,
          file,
        ),
      ]);
    }
  }
}

function objectAt(manifest: Record<string, unknown>, key: string, file: string): Record<string, unknown> {
  const value = manifest[key] ?? {};
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new BuildFailure('build_failed', [plainProblem(`Cannot read ${file}: "${key}" must be an object`, file)]);
}

async function readJson(root: string, file: string): Promise<Record<string, unknown> | undefined> {
  let text: string;
  try {
    text = await readFile(join(root, file), 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'EISDIR')) return undefined;
    throw error;
  }
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {
    // Told below, together with JSON that is not an object.
  }
  throw new BuildFailure('build_failed', [plainProblem(`Cannot read ${file}: it is not a JSON object`, file)]);
}
