import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
// @ts-expect-error a plain script, so that any Node from 18 on can run it
import { ensureBubblewrap } from './ensure-bubblewrap.mjs';

/** A folder as the only PATH, with stand-ins for the programs of a system: shell scripts that note how they were called. */
let bin: string;
let said: string[];

beforeEach(async () => {
  bin = await mkdtemp(join(tmpdir(), 'martlet-bin-'));
  said = [];
});
afterEach(() => rm(bin, { recursive: true, force: true }));

async function program(name: string, body = 'exit 0'): Promise<void> {
  await writeFile(join(bin, name), `#!/bin/sh\necho "${name} $*" >> "${bin}/calls"\n${body}\n`);
  await chmod(join(bin, name), 0o755);
}
const calls = async (): Promise<string[]> => (await readFile(join(bin, 'calls'), 'utf8').catch(() => '')).split('\n').filter(Boolean);
const ensure = (env: Record<string, string> = {}, platform = 'linux'): boolean =>
  ensureBubblewrap({ say: (line: string) => said.push(line), platform, env: { PATH: bin, ...env } });

/** Makes the tests independent of who runs them: root installs directly, others through a sudo that asks nothing. */
const prefix = process.getuid?.() === 0 ? [] : ['sudo -n true'];
const viaSudo = (line: string): string[] => (process.getuid?.() === 0 ? [line] : [`sudo -n ${line}`, line]);

describe('ensuring bubblewrap', () => {
  it('does and says nothing where it is there', async () => {
    await program('bwrap');
    expect(ensure()).toBe(true);
    expect(said).toEqual([]);
    expect(await calls()).toEqual([]);
  });

  it('says on other systems that there is no sandbox', () => {
    expect(ensure({}, 'darwin')).toBe(false);
    expect(said.join()).toContain('needs Linux');
  });

  it('installs it with apt-get where no password is needed', async () => {
    await program('sudo', 'shift; exec "$@"');
    await program('true');
    await program('apt-get', `[ "$1" = update ] || { printf '#!/bin/sh\\n' > "${bin}/bwrap"; /bin/chmod 755 "${bin}/bwrap"; }`);
    expect(ensure()).toBe(true);
    const expected = [
      ...prefix,
      ...(prefix.length ? ['true '] : []),
      ...viaSudo('apt-get update'),
      ...viaSudo('apt-get install -y --no-install-recommends bubblewrap'),
    ];
    expect((await calls()).map((line) => line.trim())).toEqual(expected.map((line) => line.trim()));
    expect(said.at(-1)).toBe('bubblewrap is installed.');
  });

  it('says why the installation failed, gives the command and goes on', async () => {
    await program('sudo', 'shift; exec "$@"');
    await program('true');
    await program('apt-get', 'echo "no network" >&2; exit 100');
    expect(ensure()).toBe(false);
    expect(said.join('\n')).toContain('exit code 100: no network');
    expect(said.at(-1)).toBe('To have sandboxes, run: sudo apt-get install --no-install-recommends bubblewrap');
  });

  it('installs nothing where that is forbidden', async () => {
    await program('apt-get');
    expect(ensure({ MARTLET_NO_INSTALL: '1' })).toBe(false);
    expect(await calls()).toEqual([]);
  });

  it.each([
    ['dnf', 'sudo dnf install bubblewrap'],
    ['pacman', 'sudo pacman -S bubblewrap'],
    ['zypper', 'sudo zypper install bubblewrap'],
    ['apk', 'sudo apk add bubblewrap'],
  ])('names the command of a system with %s', async (name, command) => {
    await program(name);
    expect(ensure()).toBe(false);
    expect(said.at(-1)).toBe(`To have sandboxes, run: ${command}`);
    expect(await calls()).toEqual([]);
  });

  it('names the package where the system is not known', () => {
    expect(ensure()).toBe(false);
    expect(said.at(-1)).toContain('install the package "bubblewrap"');
  });
});
