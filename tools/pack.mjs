/**
 * `node tools/pack.mjs`: packs what `npm publish` would send, to dist/martlet-<version>.tgz, and prints its path. The
 * package is staged in dist/package with a manifest of its own, because the packages of this workspace
 * are bundled into it and their dependencies have become its own. `node tools/pack.mjs sdk` packs `@martlet/sdk`.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runOnNode24 } from './run-on-node-24.mjs';

const ROOT = fileURLToPath(new URL('../', import.meta.url));
const CLI = join(ROOT, 'packages/cli');
const DIST = join(ROOT, 'dist');
const STAGE = join(DIST, process.argv[2] === 'sdk' ? 'sdk-package' : 'package');

await runOnNode24(import.meta.url, async () => {
  if (process.argv[2] === 'sdk') await prepareSdk();
  else await prepareMartlet();
  const [packed] = JSON.parse(execFileSync('npm', ['pack', STAGE, '--json', '--pack-destination', DIST], { encoding: 'utf8' }));
  console.log(join(DIST, packed.filename));
});

async function prepareMartlet() {
  const { writeBundles } = await import('./package/bundles.mjs');
  const { packages } = await writeBundles();
  rmSync(STAGE, { recursive: true, force: true });
  stage(packages);
}

async function prepareSdk() {
  const { stageSdk } = await import('./package/sdk.mjs');
  rmSync(STAGE, { recursive: true, force: true });
  stageSdk(STAGE);
}

function stage(packages) {
  mkdirSync(STAGE, { recursive: true });
  for (const path of ['bin', 'dist', 'index.d.ts']) cpSync(join(CLI, path), join(STAGE, path), { recursive: true });
  for (const path of ['LICENSE', 'NOTICE', 'README.md']) cpSync(join(ROOT, path), join(STAGE, path));
  writeFileSync(join(STAGE, 'package.json'), `${JSON.stringify(manifest(packages), null, 2)}\n`);
}

/** The manifest of the package: what its bundles import, in the versions that this repository is tested with. */
function manifest(packages) {
  const read = (path) => JSON.parse(readFileSync(join(ROOT, path), 'utf8'));
  const root = read('package.json');
  const cli = read('packages/cli/package.json');
  const versions = Object.assign(
    {},
    ...['protocol', 'worker', 'server', 'cli'].map((name) => read(`packages/${name}/package.json`).dependencies),
  );
  const dependencies = packages.map((name) => {
    if (versions[name] === undefined) throw new Error(`Cannot pack: a bundle imports ${name}, which no package.json of packages/ lists.`);
    return [name, versions[name]];
  });
  const { name, version, description, license, type, bin, engines } = cli;
  return {
    name,
    version,
    description,
    license,
    type,
    bin,
    engines,
    exports: { '.': { types: './index.d.ts' }, './package.json': './package.json' },
    files: ['bin', 'dist', 'index.d.ts', 'LICENSE', 'NOTICE'],
    dependencies: Object.fromEntries(dependencies),
    // Node 24 for machines whose own Node is older; npm leaves out those of other platforms.
    optionalDependencies: root.optionalDependencies,
  };
}
