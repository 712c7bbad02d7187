/** `martlet serve` as a supervisor meets it: SIGTERM under load, and starts that it refuses. */
import { spawnSync } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { callUnderLoad } from './call-under-load.ts';
import { isAlive, processesBelow } from './host-processes.ts';
import { REPOSITORY, startMartlet, type Martlet } from './start-martlet.ts';

const LAUNCHER = join(REPOSITORY, 'packages/cli/bin/martlet.mjs');
const DRAIN_SECONDS = 15;

let home: string;
let martlet: Martlet;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'martlet-serve-'));
  await mkdir(join(home, 'functions'));
  for (const name of ['echo', 'sleeps', 'streams'])
    await cp(join(REPOSITORY, `fixtures/functions/${name}.ts`), join(home, `functions/${name}.ts`));
  martlet = await startMartlet(['serve'], {
    cwd: home,
    data: join(home, 'data'),
    env: { MARTLET_HOST: '127.0.0.1', MARTLET_SANDBOX_TIER: 'C', MARTLET_DRAIN_SECONDS: String(DRAIN_SECONDS) },
  });
  const deployed = run(['deploy']);
  expect(deployed.status, deployed.stderr).toBe(0);
}, 120_000);

afterAll(async () => {
  await martlet?.stop();
  if (home !== undefined) await rm(home, { recursive: true, force: true });
});

function run(args: readonly string[], { cwd = home, env = {} }: { cwd?: string; env?: Record<string, string> } = {}) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [LAUNCHER, ...args], {
    cwd,
    encoding: 'utf8',
    env: { ...process.env, MARTLET_SANDBOX_TIER: 'C', ...env },
  });
  return { status, stdout, stderr };
}

describe('a start is refused', () => {
  const serve = (more: Parameters<typeof run>[1] = {}) => run(['serve', '--port', '0', '--data', join(home, 'other-data')], more);

  test('on a data folder that another server uses, with the id of its process', () => {
    const { status, stderr, stdout } = run(['serve', '--port', '0', '--data', join(home, 'data')]);
    expect([status, stdout]).toEqual([1, '']);
    expect(stderr).toContain(`Cannot use the data folder ${join(home, 'data')}: the server with process id ${martlet.ready.pid} uses it.`);
    expect(stderr).toContain('--data');
  });

  test('for a variable that is no setting, naming it and those that are', () => {
    const { status, stderr } = serve({ env: { MARTLET_PROT: '8080' } });
    expect(status).toBe(1);
    expect(stderr).toMatch(/MARTLET_PROT is not a setting; known are .*\bport\b/);
  });

  test('for a variable with a value that it cannot have', () => {
    const { status, stderr } = serve({ env: { MARTLET_BLANKS: 'many' } });
    expect([status, stderr]).toEqual([1, expect.stringContaining('MARTLET_BLANKS: ')]);
  });

  test.each([
    ['is not JSON', '{\n  "port": ,\n}', /martlet\.config\.json: .* in line 2/],
    ['has a setting that does not exist', '{ "prot": 8080 }', /martlet\.config\.json: prot is not a setting; known are/],
    ['has a limit beyond its range', '{ "limits": { "timeoutSeconds": 0 } }', /martlet\.config\.json: limits\.timeoutSeconds: /],
  ])('for a martlet.config.json that %s', async (_, text, message) => {
    const folder = await mkdtemp(join(home, 'configured-'));
    await writeFile(join(folder, 'martlet.config.json'), text);
    const { status, stderr } = serve({ cwd: folder });
    expect([status, stderr]).toEqual([1, expect.stringMatching(message)]);
  });

  test('for a port that is none, as wrong usage', () => {
    expect(run(['serve', '--port', 'http'])).toMatchObject({ status: 2, stderr: expect.stringContaining('--port') });
  });
});

describe('SIGTERM', () => {
  test('lets requests in flight end, takes no new ones, and ends with 0 and without leaving a process', async () => {
    const { url, pid } = martlet.ready;
    const answersOnce = (path: string) =>
      fetch(`${url}/functions/${path}`).then(async (one) => [one.status, (await one.text()).length > 0]);
    await answersOnce('streams');
    const inFlight = ['sleeps?ms=2000', 'sleeps?ms=1500', 'streams?chunks=20&delay=100'].map(answersOnce);
    const load = callUnderLoad(url, { name: 'drained', callers: [['echo'], ['echo'], ['sleeps?ms=20'], ['streams?chunks=3&delay=5']] });
    await sleep(700);
    const sandboxes = process.platform === 'linux' ? processesBelow(pid) : [];

    process.kill(pid, 'SIGTERM');
    const at = performance.now();
    await sleep(300);
    const latecomer = await fetch(`${url}/functions/echo`).then(
      ({ status }) => status,
      () => 'refused',
    );
    expect(await Promise.all(inFlight)).toEqual(inFlight.map(() => [200, true]));
    expect(await martlet.ended).toBe(0);
    const drainedFor = performance.now() - at;
    await load.stop();

    expect(['refused', 503]).toContain(latecomer);
    expect(drainedFor).toBeLessThan(DRAIN_SECONDS * 1000);
    const before = load.calls.filter(({ sentAt }) => at - sentAt > 5);
    expect(before.length).toBeGreaterThan(20);
    expect(before.filter((call) => call.status !== 200 || call.answeredAt === undefined)).toEqual([]);
    // One may be on its way when the signal arrives; after that there is no connection left to call on.
    expect(load.calls.filter((call) => call.status === 200 && call.sentAt > at + 300)).toEqual([]);
    expect(sandboxes.filter(isAlive)).toEqual([]);
  }, 40_000);
});
