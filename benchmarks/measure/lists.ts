/** What a page of executions costs at a million of them against ten thousand. */
import type { Store } from '../../packages/server/src/ports/store.ts';
import { createSystemClock } from '../../packages/server/src/drivers/system/system-clock.ts';
import { createSystemIds } from '../../packages/server/src/drivers/system/system-ids.ts';
import { createPostgresServer } from '../../packages/server/test/postgres/postgres-server.ts';
import { helloSource, type Martlet, startMartlet } from '../hosts/martlet.ts';
import { untilQuiet } from '../hosts/process-tree.ts';
import { withStore, type StoreAt } from '../hosts/stores.ts';
import { percentile } from '../load/percentiles.ts';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Measure, MeasureRow, Settings } from './measure-row.ts';
import { formatMs, toRow } from './table.ts';

export const lists: Measure = { name: 'lists', about: 'a page of executions at 1,000,000 rows against 10,000, on both stores', run };

const ROWS_AT_ONCE = 1000;
/** Totals are counted up to 5,000 rows: with fewer of them a page costs less, which says nothing about many. */
const SIZES = { quick: [10_000, 50_000], full: [10_000, 1_000_000] } as const;

interface Pages {
  /** Medians in milliseconds. */
  readonly newest: number;
  readonly deep: number;
}

interface Known {
  readonly apiKey: string;
  readonly functionId: string;
}

async function run(settings: Settings): Promise<MeasureRow[]> {
  const sizes = settings.quick ? SIZES.quick : SIZES.full;
  const postgres = await createPostgresServer({ fsync: true });
  const rows: MeasureRow[] = [];
  try {
    for (const [store, url] of [
      ['SQLite', undefined],
      ['PostgreSQL', await postgres.createDatabase()],
    ] as const) {
      const [few, many] = await measureStore(url, { settings, sizes });
      rows.push(
        ...(['newest', 'deep'] as const).map((page) =>
          toRow({
            measure: `${page === 'newest' ? 'newest page' : 'page after a cursor in the middle'} of executions at ${sizes[1]} rows against ${sizes[0]}, ${store}, p50`,
            ours: formatMs(many[page]),
            peer: `${formatMs(few[page])} (ours with ${sizes[0]})`,
            values: [many[page] / few[page]],
            bound: { side: 'at most', must: 1.3, aim: 1.1, unit: '×' },
          }),
        ),
      );
    }
    return rows;
  } finally {
    await postgres.destroy();
  }
}

async function measureStore(
  url: string | undefined,
  { settings, sizes }: { settings: Settings; sizes: readonly [number, number] },
): Promise<[Pages, Pages]> {
  const at: StoreAt = { url, dataDir: await mkdtemp(join(tmpdir(), 'martlet-lists-')) };
  try {
    const known = await firstExecution(at);
    const measured: Pages[] = [];
    let present = 1;
    for (const size of sizes) {
      const began = performance.now();
      await withStore(at, (store) => seedExecutions(store, { known, present, total: size }));
      present = size;
      settings.note(
        `lists: ${size} rows in ${url === undefined ? 'SQLite' : 'PostgreSQL'} after ${Math.round((performance.now() - began) / 1000)} s`,
      );
      measured.push(await measurePages(at, { known, settings }));
    }
    return measured as [Pages, Pages];
  } finally {
    await rm(at.dataDir, { recursive: true, force: true });
  }
}

const startAt = ({ url, dataDir }: StoreAt, apiKey?: string): Promise<Martlet> =>
  startMartlet({ dataDir, env: url === undefined ? {} : { MARTLET_DATABASE_URL: url }, ...(apiKey === undefined ? {} : { apiKey }) });

/** The one of which all others are copies. */
async function firstExecution(at: StoreAt): Promise<Known> {
  const martlet = await startAt(at);
  try {
    const functionId = await martlet.deploy('hello', helloSource);
    await martlet.ask('POST', `/functions/${functionId}/executions`, { method: 'GET' });
    return { apiKey: martlet.apiKey, functionId };
  } finally {
    await martlet.stop();
  }
}

async function seedExecutions(store: Store, { known, present, total }: { known: Known; present: number; total: number }): Promise<void> {
  const ids = createSystemIds(createSystemClock());
  const { rows } = await store.executions.list(
    'default',
    known.functionId,
    { filters: [], order: [], limit: 1, offset: 0, withTotal: false },
    undefined,
  );
  const [model] = rows;
  if (model === undefined) throw new Error('Cannot seed: there is no execution to copy');
  for (let index = present; index < total; index += ROWS_AT_ONCE) {
    const batch = Array.from({ length: Math.min(ROWS_AT_ONCE, total - index) }, (_, offset) => {
      const time = model.createdAt + index + offset;
      return { row: { ...model, id: ids.next(), createdAt: time, updatedAt: time, endedAt: time }, lines: [] };
    });
    await store.executions.write(batch);
  }
}

async function measurePages(at: StoreAt, { known, settings }: { known: Known; settings: Settings }): Promise<Pages> {
  const martlet = await startAt(at, known.apiKey);
  try {
    const list = (queries: readonly object[]) =>
      martlet.ask<{ total: number; executions: { $id: string; $createdAt: string }[] }>(
        'GET',
        `/functions/${known.functionId}/executions?${queries.map((query) => `queries[]=${encodeURIComponent(JSON.stringify(query))}`).join('&')}`,
      );
    const newest = [
      { method: 'orderDesc', attribute: '$createdAt' },
      { method: 'limit', values: [25] },
    ];
    const middle = (await list([...newest, { method: 'offset', values: [settings.quick ? 400 : 4500] }])).executions.at(-1)?.$id ?? '';
    await untilQuiet(martlet.pid);
    const deep = [...newest, { method: 'cursorAfter', values: [middle] }];
    return { newest: await timeOf(() => list(newest), settings), deep: await timeOf(() => list(deep), settings) };
  } finally {
    await martlet.stop();
  }
}

async function timeOf(ask: () => Promise<{ executions: readonly object[] }>, { quick }: Settings): Promise<number> {
  const times: number[] = [];
  const [warmUp, count] = quick ? [20, 50] : [100, 500];
  for (let turn = 0; turn < warmUp + count; turn += 1) {
    const began = performance.now();
    const { executions } = await ask();
    if (executions.length !== 25) throw new Error(`Cannot use a round: a page has ${executions.length} executions`);
    if (turn >= warmUp) times.push(performance.now() - began);
  }
  return percentile(times, 0.5);
}
