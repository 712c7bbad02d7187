/**
 * Finds and installs programs of the system that are no npm packages. Installs with apt-get where that needs no
 * password, else tells the one command that does. Syntax and features of Node 18: this runs before a newer one is found.
 */
import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

const INSTALL_TIMEOUT_MS = 5 * 60 * 1000;

/** In the order of looking; the first whose program is there belongs to this system. */
const INSTALLERS = [
  { program: 'apt-get', install: ['apt-get', 'install', '-y', '--no-install-recommends'] },
  { program: 'dnf', install: ['dnf', 'install', '-y'] },
  { program: 'pacman', install: ['pacman', '-S', '--noconfirm'] },
  { program: 'zypper', install: ['zypper', 'install', '-y'] },
  { program: 'apk', install: ['apk', 'add'] },
];

/**
 * Returns whether the program is there when it is done. `say` gets lines for a person: why it is installed, or why not.
 * @param {{ program: string, package: string, without: string, advice: (command: string | undefined) => string, say: (line: string) => void, env: Record<string, string | undefined> }} options
 */
export function installProgram({ program, package: name, without, advice, say, env }) {
  if (findProgram(program, env)) return true;
  say(`${name} is not installed: ${without}`);
  const right = rightToInstall(env);
  const installer = INSTALLERS.find((one) => findProgram(one.program, env));
  if (right !== undefined && installer !== undefined && installer.program === 'apt-get' && env.MARTLET_NO_INSTALL !== '1') {
    say('Installing it with apt-get (MARTLET_NO_INSTALL=1 keeps this from happening) …');
    const failure = run([...right, 'apt-get', 'update'], env) ?? run([...right, ...installer.install, name], env);
    if (failure === undefined && findProgram(program, env)) {
      say(`${name} is installed.`);
      return true;
    }
    say(`Cannot install ${name}: ${failure ?? `apt-get ended well, but ${program} is still not found`}`);
  }
  say(advice(installer === undefined ? undefined : `sudo ${[...installer.install, name].filter(isForPeople).join(' ')}`));
  return false;
}

const isForPeople = (word) => word !== '-y' && word !== '--noconfirm';

/** The path of a program, or undefined where none of that name can be run. */
export function findProgram(name, env) {
  return (env.PATH ?? '/usr/bin:/bin')
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

/** Words to put before a command so that it runs as root; undefined where a password would be asked for. */
function rightToInstall(env) {
  if (process.getuid?.() === 0) return [];
  return findProgram('sudo', env) && run(['sudo', '-n', 'true'], env) === undefined ? ['sudo', '-n'] : undefined;
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
