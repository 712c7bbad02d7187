/** Which layer may import which: the table of ARCHITECTURE.md, and what of Node each layer may touch. */
import { posix } from 'node:path';
import type { Finding, Import, Rule, SourceFile } from './source-file.ts';
import { lineAt } from './source-file.ts';

interface Layer {
  /** Files of this layer, by the beginning of their path. */
  readonly paths: readonly string[];
  /** Layers that it may import beside itself. */
  readonly imports: readonly string[];
  /** Built-in modules that it may import for more than types: all, or these. */
  readonly builtins: 'all' | readonly string[];
  /** Packages of others that it may import: all, or these. */
  readonly packages: 'all' | readonly string[];
  /** Whether it may read clock, chance, process and timers: everything, timers only, or nothing. */
  readonly ambient: 'all' | 'timers' | 'none';
}

/** Built-ins that only compute. */
const PURE_BUILTINS = [
  'assert',
  'async_hooks',
  'buffer',
  'crypto',
  'events',
  'path',
  'path/posix',
  'stream',
  'stream/promises',
  'stream/web',
  'string_decoder',
  'timers',
  'timers/promises',
  'url',
  'util',
  'zlib',
];

export const layers: Readonly<Record<string, Layer>> = {
  protocol: { paths: ['packages/protocol/src/'], imports: [], builtins: [], packages: ['croner', 'zod'], ambient: 'timers' },
  worker: { paths: ['packages/worker/src/'], imports: ['protocol'], builtins: 'all', packages: [], ambient: 'all' },
  domain: { paths: ['packages/server/src/domain/'], imports: ['protocol'], builtins: [], packages: 'all', ambient: 'none' },
  ports: { paths: ['packages/server/src/ports/'], imports: ['domain', 'protocol'], builtins: [], packages: [], ambient: 'none' },
  services: {
    paths: ['packages/server/src/services/'],
    imports: ['ports', 'domain', 'protocol'],
    builtins: PURE_BUILTINS,
    packages: 'all',
    ambient: 'timers',
  },
  drivers: {
    paths: ['packages/server/src/drivers/'],
    imports: ['ports', 'domain', 'protocol'],
    builtins: 'all',
    packages: 'all',
    ambient: 'all',
  },
  gateway: {
    paths: ['packages/server/src/gateway/'],
    imports: ['services', 'ports', 'domain', 'protocol'],
    builtins: 'all',
    packages: 'all',
    ambient: 'all',
  },
  triggers: {
    paths: ['packages/server/src/triggers/'],
    imports: ['services', 'ports', 'domain', 'protocol'],
    builtins: PURE_BUILTINS,
    packages: 'all',
    ambient: 'timers',
  },
  app: {
    paths: ['packages/server/src/app/', 'packages/server/src/main.ts', 'packages/server/src/index.ts'],
    imports: ['gateway', 'triggers', 'services', 'drivers', 'ports', 'domain', 'protocol', 'worker'],
    builtins: 'all',
    packages: 'all',
    ambient: 'all',
  },
  // Runs where there is no Node: what it needs of its surroundings every browser has.
  sdk: { paths: ['packages/sdk/src/'], imports: [], builtins: [], packages: ['react'], ambient: 'all' },
  cli: { paths: ['packages/cli/src/'], imports: ['protocol', 'app'], builtins: 'all', packages: 'all', ambient: 'all' },
};

/** Code that drivers of one kind share, each with what it is. */
const SHARED_BY_DRIVERS: Readonly<Record<string, string>> = {
  'drivers/sql': 'SQL that every dialect understands',
  'drivers/postgres-connection': 'connections to PostgreSQL, and what its errors mean',
  'drivers/worker-process': 'starting a worker as a process, with or without a wall around it',
};

/** Files that are in a folder without belonging to its layer, each with the reason. */
const EXEMPT: Readonly<Record<string, string>> = {
  'packages/worker/src/bundle.ts': 'makes the bundle; is never part of it',
};

const WORKSPACE_PACKAGES: Readonly<Record<string, string>> = {
  '@martlet/protocol': 'protocol',
  '@martlet/worker': 'worker',
  '@martlet/server': 'app',
  '@martlet/sdk': 'sdk',
};

/** The only readers of the environment: every other setting arrives as an argument. */
const MAY_READ_ENVIRONMENT = [/^packages\/server\/src\/app\/config\.ts$/, /^packages\/cli\/src\/main\.ts$/, /^packages\/worker\/src\//];

const TIMERS = /\b(?:setTimeout|setInterval|setImmediate|performance\.now)\(/;
const AMBIENT = /\bDate\.now\(|\bnew Date\(\)|\bMath\.random\(|\brandom(?:Bytes|UUID|Int)\(/;
const PROCESS = /(?<![.\w])process\.(?!nextTick)/;
/** A variable or field of the file's own that is called process hides the global one. */
const OWN_PROCESS = /(?:\b(?:const|let|readonly)\s+|[({,]\s*)process\b\s*[:,=})]/;

export const checkLayers: Rule = (files) =>
  files
    .filter((file) => !file.isTest && EXEMPT[file.path] === undefined)
    .flatMap((file) => {
      const name = layerOf(file.path);
      const layer = name === undefined ? undefined : layers[name];
      return name === undefined || layer === undefined ? [] : [...checkImports(file, name, layer), ...checkAmbient(file, layer)];
    });

export function layerOf(path: string): string | undefined {
  return Object.keys(layers).find((name) => layers[name]?.paths.some((start) => path.startsWith(start)));
}

function checkImports(file: SourceFile, name: string, layer: Layer): Finding[] {
  return file.imports.flatMap((entry) => {
    const problem = importProblem(file, entry, { name, layer });
    return problem === undefined ? [] : [{ path: file.path, line: entry.line, message: problem }];
  });
}

function importProblem(file: SourceFile, entry: Import, { name, layer }: { name: string; layer: Layer }): string | undefined {
  const { specifier } = entry;
  if (specifier.startsWith('node:')) {
    const allowed = entry.typeOnly || layer.builtins === 'all' || layer.builtins.includes(specifier.slice(5));
    return allowed ? undefined : `${name} may not use ${specifier}: only a driver touches the machine`;
  }
  const target = targetLayer(file.path, specifier);
  if (target === undefined) {
    const allowed = layer.packages === 'all' || layer.packages.includes(packageOf(specifier)) || entry.typeOnly;
    return allowed ? undefined : `${name} may not depend on ${packageOf(specifier)}`;
  }
  if (target === 'outside') return `"${specifier}" leaves its package: import other packages by name`;
  if (target !== name) {
    if (!layer.imports.includes(target)) return `${name} may not import ${target} ("${specifier}")`;
    if (name === 'cli' && target === 'app' && !entry.typeOnly && !entry.dynamic)
      return 'cli loads the server with import(), so that other commands run on an older Node';
    return undefined;
  }
  if (name === 'drivers') return otherDriver(file.path, specifier);
  return undefined;
}

function targetLayer(from: string, specifier: string): string | undefined {
  if (!specifier.startsWith('.')) return WORKSPACE_PACKAGES[packageOf(specifier)];
  const path = posix.join(posix.dirname(from), specifier);
  return path.split('/', 2).join('/') === from.split('/', 2).join('/') ? (layerOf(path) ?? 'outside') : 'outside';
}

function otherDriver(from: string, specifier: string): string | undefined {
  if (!specifier.startsWith('.')) return undefined;
  const own = driverOf(from);
  const other = driverOf(posix.join(posix.dirname(from), specifier));
  return other === own || SHARED_BY_DRIVERS[other] !== undefined ? undefined : `${own} may not import another driver, ${other}`;
}

function driverOf(path: string): string {
  return path.split('/').slice(3, 5).join('/');
}

function packageOf(specifier: string): string {
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
}

function checkAmbient(file: SourceFile, layer: Layer): Finding[] {
  const findings: Finding[] = [];
  const look = (pattern: RegExp, message: string) => {
    for (const match of file.code.matchAll(new RegExp(pattern, 'g')))
      findings.push({ path: file.path, line: lineAt(file.code, match.index), message: `${match[0]} ${message}` });
  };
  if (layer.ambient !== 'all') look(AMBIENT, 'is not for this layer: time and chance come through the ports clock and ids');
  if (layer.ambient !== 'all' && !OWN_PROCESS.test(file.code))
    look(PROCESS, 'is not for this layer: what it needs of the process is handed in');
  if (layer.ambient === 'none') look(TIMERS, 'is not for this layer: it has no time');
  if (!MAY_READ_ENVIRONMENT.some((pattern) => pattern.test(file.path)))
    look(/(?<![.\w])process\.env\b/, 'is read in app/config.ts and handed on from there');
  return findings;
}
