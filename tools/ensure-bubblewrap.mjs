#!/usr/bin/env node
/**
 * Sees to it that bubblewrap, the program that builds sandboxes, is installed on Linux. Installs it with apt-get where
 * that needs no password, else prints the one command that does. Never fails its caller: without bubblewrap Martlet
 * still runs, behind a weaker wall, and says so. Syntax and features of Node 18: this runs before a newer one is found.
 */
import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const INSTALL_TIMEOUT_MS = 5 * 60 * 1000;

/** In the order of looking; the first whose program is there belongs to this system. */
const installers = [
  { program: 'apt-get', command: ['apt-get', 'install', '-y', '--no-install-recommends', 'bubblewrap'] },
  { program: 'dnf', command: ['dnf', 'install', '-y', 'bubblewrap'] },
  { program: 'pacman', command: ['pacman', '-S', '--noconfirm', 'bubblewrap'] },
  { program: 'zypper', command: ['zypper', 'install', '-y', 'bubblewrap'] },
  { program: 'apk', command: ['apk', 'add', 'bubblewrap'] },
];

/**
 * Returns whether bubblewrap is there when it is done. `say` gets lines for a person. The other two are for tests.
 * @param {{ say?: (line: string) => void, platform?: string, env?: Record<string, string | undefined> }} options
 */
export function ensureBubblewrap({ say = console.error, platform = process.platform, env = process.env } = {}) {
  if (platform !== 'linux') {
    say('No sandbox on this system: bubblewrap needs Linux. Functions run as plain processes; run only code that you trust.');
    return false;
  }
  if (findProgram('bwrap', env)) return true;
  say('bubblewrap is not installed: without it functions run without a sandbox.');
  const right = rightToInstall(env);
  const installer = installers.find(({ program }) => findProgram(program, env));
  if (right !== undefined && installer !== undefined && installer.program === 'apt-get' && env.MARTLET_NO_INSTALL !== '1') {
    say('Installing it with apt-get (MARTLET_NO_INSTALL=1 keeps this from happening) …');
    const failure = run([...right, 'apt-get', 'update'], env) ?? run([...right, ...installer.command], env);
    if (failure === undefined && findProgram('bwrap', env)) {
      say('bubblewrap is installed.');
      return true;
    }
    say(`Cannot install bubblewrap: ${failure ?? 'apt-get ended well, but bwrap is still not found'}`);
  }
  say(adviceFor(installer));
  return false;
}

/** Words to put before a command so that it runs as root; undefined where a password would be asked for. */
function rightToInstall(env) {
  if (process.getuid?.() === 0) return [];
  return findProgram('sudo', env) && run(['sudo', '-n', 'true'], env) === undefined ? ['sudo', '-n'] : undefined;
}

function adviceFor(installer) {
  if (installer === undefined)
    return 'To have sandboxes, install the package "bubblewrap" (0.8 or newer) with the package manager of this system.';
  return `To have sandboxes, run: sudo ${installer.command.filter((word) => word !== '-y' && word !== '--noconfirm').join(' ')}`;
}

/** Returns the reason for which a command failed, undefined when it did not. */
function run([program, ...args], env) {
  const done = spawnSync(program, args, {
    env: { ...env, DEBIAN_FRONTEND: 'noninteractive' },
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: INSTALL_TIMEOUT_MS,
    encoding: 'utf8',
  });
  if (done.error !== undefined) return done.error.message;
  if (done.status === 0) return undefined;
  const lastWords = done.stderr.trim().split('\n').slice(-3).join(' ');
  return `${program} ended with ${done.signal ?? `exit code ${done.status}`}: ${lastWords}`;
}

function findProgram(name, env) {
  return (env.PATH ?? '/usr/bin:/bin').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) ensureBubblewrap();
