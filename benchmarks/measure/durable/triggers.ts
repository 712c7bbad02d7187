/** How late schedules are when there are many, and how long one event takes to become a thousand executions. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { createSystemClock } from '../../../packages/server/src/drivers/system/system-clock.ts';
import { createSystemIds } from '../../../packages/server/src/drivers/system/system-ids.ts';
import { viewDatabase, type DatabaseView } from '../../hosts/database.ts';
import { lagSource, type Martlet, startMartlet } from '../../hosts/martlet.ts';
import { seedFunctions } from '../../hosts/seed-functions.ts';
import { withStore } from '../../hosts/stores.ts';
import { percentile } from '../../load/percentiles.ts';
import { readLags, untilDone } from './ended-executions.ts';
import type { Measure, MeasureRow, Settings } from '../measure-row.ts';
import { formatMs, toRow } from '../table.ts';

export const triggers: Measure = { name: 'triggers', about: 'lateness of 10,000 schedules, and one event for 1,000 functions', run };

/** From the seed until the first schedule is due: the server starts in between. */
const LEAD_MS = 10_000;
const EVENT = 'bench.fanned';

async function run(settings: Settings): Promise<MeasureRow[]> {
  const [schedules, spreadMs, listeners] = settings.quick ? [500, 5000, 100] : [10_000, 60_000, 1000];
  return [
    ...(await lateness(`${schedules} schedules spread over ${spreadMs / 1000} s`, { schedules, spreadMs, settings })),
    ...(await lateness(`${schedules} schedules in one second`, { schedules, spreadMs: 0, settings })),
    ...(await fanOut({ listeners, settings })),
  ];
}

interface Folder {
  readonly dataDir: string;
  readonly apiKey: string;
  readonly project: string;
  readonly functionId: string;
}

/** A data folder whose server is stopped, with the function `lag`. */
async function prepare(dataDir: string, events: readonly string[] = []): Promise<Folder> {
  const martlet = await startMartlet({ dataDir });
  try {
    const functionId = await martlet.deploy('lag', lagSource);
    await martlet.ask('PUT', `/functions/${functionId}`, { name: 'lag', events });
    return { dataDir, apiKey: martlet.apiKey, project: martlet.project, functionId };
  } finally {
    await martlet.stop();
  }
}

async function inFolder<Result>(work: (dataDir: string) => Promise<Result>): Promise<Result> {
  const dataDir = await mkdtemp(join(tmpdir(), 'martlet-triggers-'));
  try {
    return await work(dataDir);
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
}

async function whileServing<Result>(
  { dataDir, apiKey }: Folder,
  work: (martlet: Martlet, view: DatabaseView) => Promise<Result>,
): Promise<Result> {
  // A thousand workers at once are not what is measured here, and more than a machine may have room for.
  const martlet = await startMartlet({ dataDir, apiKey, env: { MARTLET_MEMORY_BUDGET_MB: '2048' } });
  try {
    const view = await viewDatabase({ url: undefined, dataDir });
    return await work(martlet, view).finally(() => view.close());
  } finally {
    await martlet.stop();
  }
}

function lateness(
  name: string,
  { schedules, spreadMs, settings }: { schedules: number; spreadMs: number; settings: Settings },
): Promise<MeasureRow[]> {
  return inFolder(async (dataDir) => {
    const folder = await prepare(dataDir);
    const first = Date.now() + LEAD_MS;
    await seedSchedules(folder, { count: schedules, dueAt: (index) => first + Math.floor((index * spreadMs) / schedules) });
    return whileServing(folder, async (_, view) => {
      await wait(Math.max(0, first + spreadMs - Date.now()));
      for (;;) {
        const [row] = await view.rows<{ left: number }>('select count(*) as left from schedules where next_due is not null');
        if (row?.left === 0) break;
        await wait(50);
      }
      await untilDone(view);
      const lags = await readLags(view, { after: 0, count: schedules });
      settings.note(`triggers: ${name}: p50 ${formatMs(percentile(lags, 0.5))}, p99 ${formatMs(percentile(lags, 0.99))}`);
      return [0.5, 0.99].map((share) => {
        const late = percentile(lags, share);
        const measure = `lateness of ${name}, from the tick to the first line of the handler, p${share * 100}`;
        return toRow({ measure, ours: formatMs(late), peer: '', values: [late], bound: { side: 'none', unit: 'ms' } });
      });
    });
  });
}

/** One-off ones: each is due once, so that a round has an end. */
async function seedSchedules(
  { dataDir, project, functionId }: Folder,
  { count, dueAt }: { count: number; dueAt: (index: number) => number },
): Promise<void> {
  const ids = createSystemIds(createSystemClock());
  const now = Date.now();
  await withStore({ dataDir, url: undefined }, (store) =>
    Promise.all(
      Array.from({ length: count }, (_, index) =>
        store.schedules.insert({
          id: ids.next(),
          createdAt: now,
          updatedAt: now,
          projectId: project,
          functionId,
          name: `lag ${index}`,
          source: 'api',
          expression: '',
          timezone: 'UTC',
          at: dueAt(index),
          enabled: true,
          request: { method: 'POST', path: '/', headers: [], body: '' },
          jitterMs: 0,
          catchUp: { policy: 'latest', windowMs: 3_600_000, max: 100 },
          overlap: 'allow',
          cursor: now,
          nextDue: dueAt(index),
          ran: 0,
          missed: 0,
          caughtUp: 0,
          skipped: 0,
          lastTick: null,
          lastExecutionId: null,
          open: [],
        }),
      ),
    ),
  );
}

/** The executions are not run to their end: a thousand cold functions are what `burst` measures. */
function fanOut({ listeners, settings }: { listeners: number; settings: Settings }): Promise<MeasureRow[]> {
  return inFolder(async (dataDir) => {
    const folder = await prepare(dataDir, [EVENT]);
    await seedFunctions({ dataDir, project: folder.project, from: 'lag', total: listeners });
    return whileServing(folder, async (martlet, view) => {
      const took = await sendAndCount(martlet, view, listeners);
      settings.note(`triggers: one event for ${listeners} functions: ${formatMs(took)}`);
      const measure = `one event for ${listeners} functions, from sending it until all their executions are on disk`;
      return [toRow({ measure, ours: formatMs(took), peer: '', values: [took], bound: { side: 'none', unit: 'ms' } })];
    });
  });
}

async function sendAndCount({ url, project, apiKey }: Martlet, view: DatabaseView, listeners: number): Promise<number> {
  const event = { specversion: '1.0', id: 'event', source: '/bench', type: EVENT, data: { sentAt: 0 } };
  const headers = { 'content-type': 'application/cloudevents+json', 'x-martlet-project': project, 'x-martlet-key': apiKey };
  const began = performance.now();
  const response = await fetch(`${url}/v1/events`, { method: 'POST', headers, body: JSON.stringify(event) });
  if (response.status !== 202) throw new Error(`Sending an event was answered with ${response.status}: ${await response.text()}`);
  for (;;) {
    const [row] = await view.rows<{ count: number }>("select count(*) as count from executions where trigger = 'event'");
    if (row?.count === listeners) return performance.now() - began;
    if (performance.now() - began > LEAD_MS * 6)
      throw new Error(`Cannot use a round: the event started ${row?.count} of ${listeners} executions`);
    await wait(2);
  }
}
