import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
// @ts-expect-error a plain script, so that any Node from 18 on can run it
import { ensurePostgres } from './ensure-postgres.mjs';

/** A folder as the only PATH, and one in place of the system's folder of versions. */
let bin: string;
let versions: string;
let said: string[];

beforeEach(async () => {
  bin = await mkdtemp(join(tmpdir(), 'martlet-bin-'));
  versions = join(bin, 'versions');
  said = [];
});
afterEach(() => rm(bin, { recursive: true, force: true }));

async function program(path: string, body = 'exit 0'): Promise<void> {
  await writeFile(join(bin, path), `#!/bin/sh\necho "$*" >> "${bin}/calls"\n${body}\n`);
  await chmod(join(bin, path), 0o755);
}
const calls = () => readFile(join(bin, 'calls'), 'utf8').catch(() => '');
const ensure = (env: Record<string, string> = {}): boolean =>
  ensurePostgres({ say: (line: string) => said.push(line), env: { PATH: bin, ...env }, versions });

describe('ensuring PostgreSQL', () => {
  it('does and says nothing where a version that is new enough is there, also beside the PATH', async () => {
    await mkdir(join(versions, '15/bin'), { recursive: true });
    await program('versions/15/bin/initdb');
    expect(ensure()).toBe(true);
    expect(said).toEqual([]);
  });

  it('takes an older version for none, and installs a newer one with apt-get', async () => {
    await mkdir(join(versions, '13/bin'), { recursive: true });
    await program('versions/13/bin/initdb');
    await program('sudo', 'shift; exec "$@"');
    await program('true');
    const file = `${versions}/16/bin/initdb`;
    await program(
      'apt-get',
      `[ "$1" = update ] || { /bin/mkdir -p "${versions}/16/bin"; printf '' > "${file}"; /bin/chmod 755 "${file}"; }`,
    );
    expect(ensure()).toBe(true);
    expect(await calls()).toContain('install -y --no-install-recommends postgresql\n');
  });

  it('installs nothing where that is forbidden, and says what is skipped', async () => {
    await program('apt-get');
    expect(ensure({ MARTLET_NO_INSTALL: '1' })).toBe(false);
    expect(await calls()).toBe('');
    expect(said.join('\n')).toContain('are skipped');
  });
});
