/**
 * The bundles of the published package: Node refuses to strip types inside node_modules, so what is TypeScript here is
 * JavaScript there. The packages of this workspace go into the bundles, everything from npm stays outside.
 */
import { cpSync, globSync, mkdirSync, rmSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const DIST = join(ROOT, 'packages/cli/dist');
const SERVER = join(ROOT, 'packages/server/src');

const CLI_TARGET = 'node20.19';
const SERVER_TARGET = 'node24';

const workspaceEntries = {
  '@martlet/protocol': 'packages/protocol/src/index.ts',
  '@martlet/protocol/frames': 'packages/protocol/src/frames/index.ts',
};

/** Writes everything anew. `files` is what was written, `packages` the npm packages that the bundles import. */
export async function writeBundles() {
  rmSync(DIST, { recursive: true, force: true });
  mkdirSync(DIST, { recursive: true });
  const threads = globSync('drivers/*/*-thread.ts', { cwd: SERVER });
  const results = await Promise.all([
    bundle({ entry: join(ROOT, 'packages/cli/src/main.ts'), outfile: 'cli.mjs', target: CLI_TARGET, plugins: [serverBesideCli] }),
    bundle({ entry: join(SERVER, 'index.ts'), outfile: 'server.mjs', target: SERVER_TARGET, plugins: [noWorkerSource] }),
    ...threads.map((thread) =>
      bundle({ entry: join(SERVER, thread), outfile: `${basename(thread, '.ts')}.mjs`, target: SERVER_TARGET, plugins: [] }),
    ),
    writeWorker(),
    // What functions get that have not installed a client; app/server-files.ts reads these names.
    writeClient({ sdk: 'packages/sdk/src/index.ts', admin: 'packages/sdk/src/admin/index.ts' }),
  ]);
  // Scripts that run inside the sandbox before the worker: plain CommonJS, found beside the file that mounts them.
  for (const file of globSync('drivers/*/inside/*.cjs', { cwd: SERVER })) cpSync(join(SERVER, file), join(DIST, 'inside', basename(file)));
  const files = globSync('**/*.{mjs,cjs}', { cwd: DIST }).toSorted();
  return {
    files: files.map((name) => ({ name, bytes: statSync(join(DIST, name)).size })),
    packages: importedPackages(results),
  };
}

function bundle({ entry, outfile, target, plugins }) {
  return build({
    entryPoints: [entry],
    outfile: join(DIST, outfile),
    bundle: true,
    platform: 'node',
    format: 'esm',
    target,
    packages: 'external',
    legalComments: 'none',
    charset: 'utf8',
    metafile: true,
    logLevel: 'warning',
    plugins: [workspacePackages, ...plugins],
  });
}

async function writeWorker() {
  const { bundleWorker } = await import('@martlet/worker');
  await bundleWorker(join(DIST, 'worker.cjs'));
}

function writeClient(entryPoints) {
  return build({
    absWorkingDir: ROOT,
    entryPoints,
    outdir: join(DIST, 'client'),
    outExtension: { '.js': '.mjs' },
    bundle: true,
    platform: 'neutral',
    format: 'esm',
    target: 'es2022',
    legalComments: 'none',
    logLevel: 'warning',
    metafile: true,
  });
}

const workspacePackages = {
  name: 'workspace-packages',
  setup({ onResolve }) {
    onResolve({ filter: /^@martlet\/protocol/ }, ({ path }) => ({ path: join(ROOT, workspaceEntries[path]) }));
  },
};

const serverBesideCli = {
  name: 'server-beside-cli',
  setup({ onResolve }) {
    onResolve({ filter: /^@martlet\/server$/ }, () => ({ path: './server.mjs', external: true }));
  },
};

/** app/server-files.ts bundles the worker only when it runs from source; here it finds the bundle beside itself. */
const noWorkerSource = {
  name: 'no-worker-source',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^@martlet\/worker$/ }, ({ path }) => ({ path, namespace: 'no-worker-source' }));
    onLoad({ filter: /.*/, namespace: 'no-worker-source' }, () => ({ contents: 'export {};' }));
  },
};

function importedPackages(results) {
  const imports = results.flatMap((result) => Object.values(result?.metafile.outputs ?? {}).flatMap((output) => output.imports));
  const names = imports
    .filter(({ external, path }) => external === true && !path.startsWith('node:') && !path.startsWith('.'))
    .map(({ path }) => path.split('/', path.startsWith('@') ? 2 : 1).join('/'));
  return [...new Set(names)].toSorted();
}
