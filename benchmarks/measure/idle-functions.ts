/** What ten thousand deployed functions that nobody calls cost: memory, and the start of the server. */
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { helloSource, type Martlet, startMartlet } from '../hosts/martlet.ts';
import { memoryOfTree, untilQuiet } from '../hosts/process-tree.ts';
import { seedFunctions } from '../hosts/seed-functions.ts';
import { median } from '../load/percentiles.ts';
import type { Measure, MeasureRow, Settings } from './measure-row.ts';
import { formatMs, toRow } from './table.ts';

export const idle: Measure = { name: 'idle', about: 'memory and start with 10,000 deployed functions against 10', run };

const FEW = 10;
/** Blanks cost the same with few functions and with many; a full pool of them would only add noise. */
const env = { MARTLET_BLANKS: '1' };

interface Start {
  readonly startMs: number;
  readonly bytes: number;
}

async function run(settings: Settings): Promise<MeasureRow[]> {
  const [many, rounds] = settings.quick ? [1000, 1] : [10_000, 5];
  const folder = await mkdtemp(join(tmpdir(), 'martlet-idle-'));
  try {
    const first = await startMartlet({ dataDir: join(folder, 'few') });
    const { apiKey, project } = first;
    await deployAndStop(first);
    await cp(join(folder, 'few'), join(folder, 'many'), { recursive: true });
    await seedFunctions({ dataDir: join(folder, 'few'), project, from: 'hello', total: FEW });
    await seedFunctions({ dataDir: join(folder, 'many'), project, from: 'hello', total: many });
    const [few, much]: [Start[], Start[]] = [[], []];
    for (let round = 0; round < rounds; round += 1) {
      few.push(await measureStart({ dataDir: join(folder, 'few'), apiKey, call: `hello-${FEW - 1}` }));
      much.push(await measureStart({ dataDir: join(folder, 'many'), apiKey, call: `hello-${many - 1}` }));
      settings.note(`idle round ${round + 1}: ${FEW}: ${describe(few.at(-1))}, ${many}: ${describe(much.at(-1))}`);
    }
    return toRows(few, much, many);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function toRows(few: readonly Start[], much: readonly Start[], many: number): MeasureRow[] {
  const megabytes = (starts: readonly Start[]) => `${(median(starts.map(({ bytes }) => bytes)) / 1e6).toFixed(0)} MB`;
  const milliseconds = (starts: readonly Start[]) => formatMs(median(starts.map(({ startMs }) => startMs)));
  return [
    toRow({
      measure: `memory growth from ${FEW} to ${many} idle functions`,
      ours: megabytes(much),
      peer: `${megabytes(few)} (ours with ${FEW})`,
      values: much.map(({ bytes }, round) => (bytes - (few[round]?.bytes ?? Number.NaN)) / 1e6),
      bound: { side: 'at most', must: 40, aim: 10, unit: 'MB' },
    }),
    toRow({
      measure: `start of the server with ${many} functions against ${FEW}`,
      ours: milliseconds(much),
      peer: `${milliseconds(few)} (ours with ${FEW})`,
      values: much.map(({ startMs }, round) => startMs / (few[round]?.startMs ?? Number.NaN)),
      bound: { side: 'at most', must: 1.3, aim: 1.1, unit: '×' },
    }),
  ];
}

async function deployAndStop(martlet: Martlet): Promise<void> {
  try {
    await martlet.deploy('hello', helloSource);
  } finally {
    await martlet.stop();
  }
}

async function measureStart({ dataDir, apiKey, call }: { dataDir: string; apiKey: string; call: string }): Promise<Start> {
  const martlet = await startMartlet({ dataDir, apiKey, env });
  try {
    // One call proves that the copies are deployed functions and not rows that mean nothing.
    const { path, headers } = martlet.contender(call);
    const response = await fetch(`${martlet.url}${path}`, { headers });
    if (response.status !== 200) throw new Error(`${path} answered ${response.status}: ${await response.text()}`);
    await untilQuiet(martlet.pid);
    return { startMs: martlet.startMs, bytes: memoryOfTree(martlet.pid) };
  } finally {
    await martlet.stop();
  }
}

const describe = (start: Start | undefined) =>
  start === undefined ? '' : `${formatMs(start.startMs)} and ${(start.bytes / 1e6).toFixed(0)} MB`;
