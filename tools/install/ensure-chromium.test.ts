import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
// @ts-expect-error a plain script, so that any Node from 18 on can run it
import { ensureChromium, findChromium } from './ensure-chromium.mjs';

/** A folder as the only PATH, with stand-ins for the programs of a system. */
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
const ensure = (env: Record<string, string> = {}, platform = 'linux'): boolean =>
  ensureChromium({ say: (line: string) => said.push(line), platform, env: { PATH: bin, ...env } });

describe('ensuring Chromium', () => {
  it.each(['chromium', 'chromium-browser', 'google-chrome'])('takes %s where it is there', async (name) => {
    await program(name);
    expect([ensure(), ensure({}, 'darwin'), said]).toEqual([true, true, []]);
    expect(findChromium({ PATH: bin })).toBe(join(bin, name));
  });

  it('installs it with apt-get, and says why', async () => {
    await program('sudo', 'shift; exec "$@"');
    await program('true');
    await program('apt-get', `[ "$1" = update ] || { printf '#!/bin/sh\\n' > "${bin}/chromium"; /bin/chmod 755 "${bin}/chromium"; }`);
    expect(ensure()).toBe(true);
    expect(said[0]).toBe('chromium is not installed: without it the tests in a real page are skipped.');
    expect(await readFile(join(bin, 'calls'), 'utf8')).toContain('apt-get install -y --no-install-recommends chromium');
  });

  it('installs nothing where it is told not to', async () => {
    await program('sudo', 'shift; exec "$@"');
    await program('true');
    await program('apt-get');
    expect(ensure({ MARTLET_NO_INSTALL: '1' })).toBe(false);
    expect(said.at(-1)).toBe('To have them, run: sudo apt-get install --no-install-recommends chromium');
  });

  it('says on other systems what it looked for', () => {
    expect(ensure({}, 'darwin')).toBe(false);
    expect(said.join()).toContain('chromium or google-chrome in the PATH');
  });
});
