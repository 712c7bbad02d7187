#!/usr/bin/env node
/**
 * Sees to it that bubblewrap, the program that builds sandboxes, is installed on Linux. Never fails its caller: without
 * bubblewrap Martlet still runs, behind a weaker wall, and says so. Syntax and features of Node 18: this runs before a
 * newer one is found.
 */
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { installProgram } from './install-program.mjs';

/**
 * Returns whether bubblewrap is there when it is done. `say` gets lines for a person. The other two are for tests.
 * @param {{ say?: (line: string) => void, platform?: string, env?: Record<string, string | undefined> }} options
 */
export function ensureBubblewrap({ say = console.error, platform = process.platform, env = process.env } = {}) {
  if (platform !== 'linux') {
    say('No sandbox on this system: bubblewrap needs Linux. Functions run as plain processes; run only code that you trust.');
    return false;
  }
  return installProgram({
    program: 'bwrap',
    package: 'bubblewrap',
    without: 'without it functions run without a sandbox.',
    advice: (command) =>
      command === undefined
        ? 'To have sandboxes, install the package "bubblewrap" (0.8 or newer) with the package manager of this system.'
        : `To have sandboxes, run: ${command}`,
    say,
    env,
  });
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) ensureBubblewrap();
