/**
 * The published form of `@martlet/sdk`: one JavaScript file and one declaration file for each source file, so that every
 * bundler leaves out what is not used. Made by the TypeScript compiler alone.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, globSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const SDK = join(ROOT, 'packages/sdk');
const DIST = join(SDK, 'dist');
const COMPILER = join(ROOT, 'node_modules/typescript/bin/tsc');

/** Writes packages/sdk/dist, or another folder, anew. Returns what was written. */
export function writeSdk(folder = DIST) {
  rmSync(folder, { recursive: true, force: true });
  const { status, stdout, stderr } = spawnSync(process.execPath, [COMPILER, '-p', SDK, '--outDir', folder], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`Cannot build packages/sdk:\n${stdout}${stderr}`);
  for (const name of globSync('**/*.d.ts', { cwd: folder })) nameCompiled(join(folder, name));
  return globSync('**/*.{js,ts}', { cwd: folder })
    .toSorted()
    .map((name) => ({ name, bytes: statSync(join(folder, name)).size }));
}

/** Declarations name the files that are there; the compiler renames imports in code only. */
function nameCompiled(file) {
  writeFileSync(file, readFileSync(file, 'utf8').replaceAll(/(from |import\()'(\.[^']*)\.ts'/g, "$1'$2.js'"));
}

/** Puts what `npm publish` would send into a folder. */
export function stageSdk(stage) {
  mkdirSync(stage, { recursive: true });
  writeSdk(join(stage, 'dist'));
  for (const path of ['README.md', 'base44.d.ts']) cpSync(join(SDK, path), join(stage, path));
  for (const path of ['LICENSE', 'NOTICE']) cpSync(join(ROOT, path), join(stage, path));
  const { devDependencies: _tests, exports, ...manifest } = JSON.parse(readFileSync(join(SDK, 'package.json'), 'utf8'));
  const published = { ...manifest, exports: compiledExports(exports), files: ['dist', 'base44.d.ts', 'LICENSE', 'NOTICE'] };
  writeFileSync(join(stage, 'package.json'), `${JSON.stringify(published, null, 2)}\n`);
}

/** `./src/x.ts` as what became of it; in the repository the sources themselves are imported. */
function compiledExports(exports) {
  const compiled = Object.entries(exports).map(([entry, source]) => {
    if (typeof source !== 'string') return [entry, source];
    const base = source.replace('/src/', '/dist/').replace(/\.ts$/, '');
    return [entry, { types: `${base}.d.ts`, default: `${base}.js` }];
  });
  return { ...Object.fromEntries(compiled), './package.json': './package.json' };
}
