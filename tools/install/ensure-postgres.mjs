#!/usr/bin/env node
/**
 * Sees to it that PostgreSQL 15 or newer is installed, for the tests on it. Never fails its caller: without it those
 * tests are skipped, with the reason. Syntax and features of Node 18: this runs before a newer one is found.
 */
import { delimiter, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { installProgram } from './install-program.mjs';

const VERSIONS = [22, 21, 20, 19, 18, 17, 16, 15];
/** Debian puts the programs of each version into a folder of their own, which is not on the PATH. */
const DEBIAN_FOLDER = '/usr/lib/postgresql';

/**
 * Returns whether PostgreSQL is there when it is done. `say` gets lines for a person. The others are for tests.
 * @param {{ say?: (line: string) => void, env?: Record<string, string | undefined>, versions?: string }} options
 */
export function ensurePostgres({ say = console.error, env = process.env, versions = DEBIAN_FOLDER } = {}) {
  const folders = VERSIONS.map((version) => `${versions}/${version}/bin`);
  return installProgram({
    program: 'initdb',
    package: 'postgresql',
    without: 'the tests on it are skipped.',
    advice: (command) =>
      command === undefined ? 'To run them, install PostgreSQL 15 or newer.' : `To run them, install PostgreSQL 15 or newer: ${command}`,
    say,
    env: { ...env, PATH: [env.PATH ?? '/usr/bin:/bin', ...folders].join(delimiter) },
  });
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) ensurePostgres();
