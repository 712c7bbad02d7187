#!/usr/bin/env node
/**
 * Sees to it that a Chromium is installed for the tests in a real page. Never fails its caller: without one those tests
 * are skipped and say so. Syntax and features of Node 18: this runs before a newer one is found.
 */
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findProgram, installProgram } from './install-program.mjs';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome'];

/** The path of the browser, or undefined where there is none. */
export function findChromium(env = process.env) {
  return NAMES.map((name) => findProgram(name, env)).find((path) => path !== undefined);
}

/**
 * Returns whether a browser is there when it is done. `say` gets lines for a person. The other two are for tests.
 * @param {{ say?: (line: string) => void, platform?: string, env?: Record<string, string | undefined> }} options
 */
export function ensureChromium({ say = console.error, platform = process.platform, env = process.env } = {}) {
  if (findChromium(env) !== undefined) return true;
  if (platform !== 'linux') {
    say('No Chromium was found: the tests in a real page are skipped. They need the command chromium or google-chrome in the PATH.');
    return false;
  }
  return installProgram({
    program: 'chromium',
    package: 'chromium',
    without: 'without it the tests in a real page are skipped.',
    advice: (command) =>
      command === undefined
        ? 'To have them, install the package "chromium" with the package manager of this system.'
        : `To have them, run: ${command}`,
    say,
    env,
  });
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) ensureChromium();
