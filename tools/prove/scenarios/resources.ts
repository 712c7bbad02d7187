/** Too little of something: room on the disk, time to answer, a clock that goes right. */
import { spawnSync } from 'node:child_process';
import { existsSync, globSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { startLoad } from '../world/load.ts';
import { observe } from '../world/observe.ts';
import { createWorld, type World } from '../world/world.ts';
import { inWorld, type Outcome, type Scenario, type ScenarioContext } from './scenario.ts';

const DISK_MB = 64;

export const diskFull: Scenario = {
  name: 'disk-full',
  kind: 'sqlite',
  whyNot: () => (process.getuid?.() === 0 ? undefined : 'only root can mount a small tmpfs'),
  async run(context) {
    const folder = mkdtempSync(join(tmpdir(), 'martlet-disk-'));
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_MB}m`, 'tmpfs', folder], { encoding: 'utf8' });
    if (mounted.status !== 0) throw new Error(`Cannot mount a tmpfs: ${mounted.stderr}`);
    try {
      return await fillTheDisk(folder, context);
    } finally {
      spawnSync('umount', ['-l', folder]);
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

async function fillTheDisk(folder: string, { random, say }: ScenarioContext): Promise<Outcome> {
  return inWorld(createWorld({ kind: 'sqlite', dataFolder: folder }), async (world) => {
    const load = startLoad(world, { random, clients: 4, everyMs: 60 });
    await pause(1500);
    const ballast = join(folder, 'ballast');
    const { bavail, bsize } = statfsSync(folder);
    try {
      writeFileSync(ballast, Buffer.alloc(bavail * bsize + 1_000_000));
    } catch {
      // Now it is full, which is the purpose.
    }
    const fullAt = Date.now();
    await pause(5000);
    const freedAt = Date.now();
    rmSync(ballast);
    await pause(5000);
    await load.stop();
    const answers = [...world.journal.entries.values()].flatMap((entry) => entry.answers);
    const between = (from: number, until: number) => answers.filter(({ at }) => at > from && at < until);
    const refused = between(fullAt, freedAt).filter(({ status }) => status !== 202).length;
    say(`${refused} of ${between(fullAt, freedAt).length} requests refused while the disk was full`);
    const further = refused === 0 ? ['nothing was refused while the disk was full: the fault did not happen'] : [];
    if (!between(freedAt, Date.now()).some(({ status }) => status === 202)) further.push('nothing was accepted after there was room again');
    return { faults: 1, kills: 0, further, observations: await observe(world, { calm: false, frozen: [] }) };
  });
}

const DEPTH_MAX = 50;

/** Ten times as much as it takes in: a small queue, and callers that do not wait. */
export const overload: Scenario = {
  name: 'overload',
  kind: 'sqlite',
  run: ({ random, say }) =>
    inWorld(
      createWorld({ kind: 'sqlite', env: { MARTLET_LIMIT_ASYNC_QUEUE_DEPTH: String(DEPTH_MAX), MARTLET_LIMIT_ASYNC_CONCURRENCY: '5' } }),
      async (world) => {
        const load = startLoad(world, { random, clients: 60, everyMs: 1, msMax: 300, kinds: ['work', 'work', 'work', 'keyed', 'event'] });
        await pause(6000);
        await load.stop();
        const answers = [...world.journal.entries.values()].flatMap((entry) => entry.answers);
        const refused = answers.filter(({ status }) => status === 429 || status === 503).length;
        say(`${answers.length} answers, ${refused} of them 429 or 503`);
        const further = refused === 0 ? ['nothing was refused: it was no overload'] : [];
        const silent = [...world.journal.entries.values()].filter((entry) => entry.answers.length === 0).length;
        if (silent > 0) further.push(`${silent} requests had no answer`);
        return { faults: answers.length, kills: 0, further, observations: await observe(world, { calm: false, frozen: [] }) };
      },
    ),
};

const fakeTime = (): string | undefined =>
  globSync('/usr/lib/*/faketime/libfaketime*.so.1').find((path) => path.endsWith('libfaketimeMT.so.1'));

const STEP_MS_MAX = 15_000;
/** The end of an execution is told by the clock of its beginning, and a clock that no step moves. */
const RUN_MS_MAX = 5000;
/** The date of an answer has seconds, and is made once a second. */
const SAME_MS_MAX = 2300;

/** The clock of the server is set back and forward by half a minute, and right again, while it runs. */
export const clockSteps: Scenario = {
  name: 'clock-steps',
  kind: 'sqlite',
  whyNot: () => (fakeTime() === undefined ? 'libfaketime is not installed (apt-get install libfaketime)' : undefined),
  async run({ random, say }) {
    const folder = mkdtempSync(join(tmpdir(), 'martlet-clock-'));
    const file = join(folder, 'offset');
    const clock: { from: number; until: number; aheadMs: number }[] = [];
    writeFileSync(file, '+0');
    const env = {
      LD_PRELOAD: fakeTime() ?? '',
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    };
    try {
      return await inWorld(createWorld({ kind: 'sqlite', env }), async (world) => {
        const load = startLoad(world, { random, kinds: ['work', 'fails', 'keyed', 'idempotent', 'event'] });
        for (const seconds of [-30, 30, -5, 0]) {
          await pause(2000);
          const from = Date.now();
          writeFileSync(file, `${seconds < 0 ? '' : '+'}${seconds}`);
          await clockShows(world, seconds);
          const before = clock.at(-1);
          if (before !== undefined) before.until = Date.now() + RUN_MS_MAX;
          clock.push({ from, until: Number.POSITIVE_INFINITY, aheadMs: seconds * 1000 });
          say(`clock at ${seconds} s`);
        }
        await pause(34_000);
        await load.stop();
        return { faults: 4, kills: 0, further: [], observations: await observe(world, { calm: false, frozen: [], clock }) };
      });
    } finally {
      if (existsSync(folder)) rmSync(folder, { recursive: true, force: true });
    }
  },
};

/** The server's clock steps some time after the file that says so; until when it wrote by the old one is what it shows. */
async function clockShows(world: World, seconds: number): Promise<void> {
  const deadline = Date.now() + STEP_MS_MAX;
  while (Date.now() < deadline) {
    const date = await world.ask('GET', '/v1/functions').then(
      (answer) => Date.parse(answer.headers.get('date') ?? ''),
      () => Number.NaN,
    );
    if (Math.abs(date - Date.now() - seconds * 1000) < SAME_MS_MAX) return;
    await pause(100);
  }
  throw new Error(`The clock of the server did not step to ${seconds} s`);
}
