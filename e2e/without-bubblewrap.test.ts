/** A host without bubblewrap, made by hiding it in a mount namespace: what `serve` refuses, and what tier C still promises. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { REPOSITORY, startMartlet } from './start-martlet.ts';

const LAUNCHER = join(REPOSITORY, 'packages/cli/bin/martlet.mjs');
const PLACES = ['/usr/bin/bwrap', '/usr/local/bin/bwrap', '/bin/bwrap'];

const USES_TEMPORARY_FILES = `
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
export default () => {
  const folder = mkdtempSync(join(tmpdir(), 'mine-'));
  writeFileSync(join(folder, 'note'), 'kept for a while');
  const text = readFileSync(join(folder, 'note'), 'utf8');
  const names = readdirSync(folder);
  rmSync(folder, { recursive: true });
  const left = readdirSync(tmpdir());
  const denoFile = Deno.makeTempFileSync();
  Deno.writeTextFileSync(denoFile, 'deno too');
  return Response.json({ text, names, left, deno: Deno.readTextFileSync(denoFile) });
};
`;

let home: string;

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'martlet-bare-'));
  await mkdir(join(home, 'functions'));
  await writeFile(join(home, 'functions/temp.ts'), USES_TEMPORARY_FILES);
});
afterAll(() => rmSync(home, { recursive: true, force: true }));

/** Starts a command in a mount namespace in which each bwrap is a file that cannot be run. */
function hidden(...command: readonly string[]): [string, ...string[]] {
  const asRoot = process.getuid?.() === 0 ? [] : ['--map-root-user'];
  const hide = PLACES.filter((path) => existsSync(path)).map((path) => `mount --bind /dev/null ${path} &&`);
  return ['unshare', ...asRoot, '--mount', 'sh', '-c', `${hide.join(' ')} exec "$@"`, 'sh', ...command];
}

function reasonToSkip(): string | undefined {
  if (process.platform !== 'linux') return 'mount namespaces are of Linux';
  const [program, ...args] = hidden('true');
  const { status, stderr, error } = spawnSync(program, args, { encoding: 'utf8' });
  return status === 0 ? undefined : `this host makes no mount namespace: ${error?.message ?? stderr}`;
}

describe('without bubblewrap', () => {
  const reason = reasonToSkip();
  const serveEnv = { MARTLET_HOST: '127.0.0.1' };

  test('serve refuses, says why and what to do', ({ skip }) => {
    if (reason !== undefined) skip(reason);
    const [program, ...args] = hidden(process.execPath, LAUNCHER, 'serve', '--port', '0', '--data', join(home, 'refused'));
    const { status, stdout, stderr } = spawnSync(program, args, { cwd: home, encoding: 'utf8', env: { ...process.env, ...serveEnv } });
    expect([status, stdout]).toEqual([1, '']);
    expect(stderr).toContain('Cannot serve: this host gives sandbox tier C, wanted is A-');
    expect(stderr).toMatch(/bubblewrap: .*install/);
    expect(stderr).toContain('MARTLET_SANDBOX_TIER=C');
    expect(stderr).toContain('martlet doctor');
  });

  test('serve starts when it is told that tier C will do', async ({ skip }) => {
    if (reason !== undefined) skip(reason);
    const env = { ...serveEnv, MARTLET_SANDBOX_TIER: 'C' };
    const martlet = await startMartlet(['serve'], { command: hidden(process.execPath, LAUNCHER), cwd: home, env });
    const tier = martlet.ready.tier;
    expect([tier, await martlet.stop()]).toEqual(['C', 0]);
  }, 60_000);

  test('dev warns, and functions have a temporary folder that they can use', async ({ skip }) => {
    if (reason !== undefined) skip(reason);
    const martlet = await startMartlet(['dev', home], { command: hidden(process.execPath, LAUNCHER), cwd: home });
    try {
      expect(martlet.output()).toMatch(/Isolation tier C: functions run as plain processes/);
      const response = await martlet.call('temp');
      const record = await martlet.executionOf(response);
      expect([response.status, await response.json()], record.errors).toEqual([
        200,
        { text: 'kept for a while', names: ['note'], left: [], deno: 'deno too' },
      ]);
    } finally {
      expect(await martlet.stop()).toBe(0);
    }
  }, 60_000);
});
