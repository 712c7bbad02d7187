/** What durable executions cost: from the call that enqueues to the record of the end, and how soon one begins. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createPostgresServer } from '../../../packages/server/test/postgres/postgres-server.ts';
import { viewDatabase, type DatabaseView } from '../../hosts/database.ts';
import { helloSource, lagSource, type Martlet, removeData, startMartlet } from '../../hosts/martlet.ts';
import { enqueueAll, enqueuePaced, type JobTarget } from '../../load/enqueue.ts';
import { lastLine, readLags, untilDone } from './ended-executions.ts';
import { median, percentile } from '../../load/percentiles.ts';
import type { Bound, Measure, MeasureRow, Settings } from '../measure-row.ts';
import { formatMs, toRow } from '../table.ts';

export const queue: Measure = { name: 'queue', about: 'durable executions, enqueued one by one, against pg-boss and graphile-worker', run };

/** Of everybody: clients that enqueue, connections to the database where they are the peer's to choose, workers. */
const CLIENTS = 32;
const WARM_UP = 200;
const PACE_MS = 20;
const ROUND_MS_MAX = 300_000;
const PEERS = {
  'pg-boss': { side: 'at least', must: 2, aim: 3, unit: '×' },
  'graphile-worker': { side: 'at least', must: 1, aim: 1.5, unit: '×' },
} as const satisfies Record<string, Bound>;

interface Round {
  readonly jobsPerSecond: number;
  readonly lags: readonly number[];
}

interface Size {
  readonly rounds: number;
  readonly jobs: number;
  readonly paced: number;
}

/** A server of ours with what its rounds need. */
interface Ours {
  readonly martlet: Martlet;
  readonly view: DatabaseView;
  readonly hello: JobTarget;
  readonly lag: JobTarget;
}

async function run(settings: Settings): Promise<MeasureRow[]> {
  const size: Size = settings.quick ? { rounds: 1, jobs: 500, paced: 50 } : { rounds: 5, jobs: 3000, paced: 250 };
  const postgres = await createPostgresServer({ fsync: true });
  const started: Ours[] = [];
  try {
    const [onPostgres, onSqlite] = [await startOurs(await postgres.createDatabase()), await startOurs(undefined)];
    started.push(onPostgres, onSqlite);
    const rounds = new Map<string, Round[]>(['ours', 'sqlite', ...Object.keys(PEERS)].map((name) => [name, []]));
    for (let round = 0; round < size.rounds; round += 1) {
      rounds.get('ours')?.push(await ourRound(onPostgres, size));
      for (const name of Object.keys(PEERS)) rounds.get(name)?.push(await peerRound(name, await postgres.createDatabase(), size));
      rounds.get('sqlite')?.push(await ourRound(onSqlite, size));
      settings.note(`queue round ${round + 1}: ${[...rounds].map(([name, of]) => `${name} ${describe(of.at(-1))}`).join(', ')}`);
    }
    return toRows(rounds);
  } finally {
    for (const { view, martlet } of started) await view.close().finally(() => removeData(martlet));
    await postgres.destroy();
  }
}

async function startOurs(url: string | undefined): Promise<Ours> {
  const martlet = await startMartlet({ env: url === undefined ? {} : { MARTLET_DATABASE_URL: url } });
  try {
    const hello = await martlet.deploy('hello', helloSource);
    const lag = await martlet.deploy('lag', lagSource);
    const view = await viewDatabase({ url, dataDir: martlet.dataDir });
    return { martlet, view, hello: targetOf(martlet, hello), lag: targetOf(martlet, lag) };
  } catch (error) {
    await removeData(martlet);
    throw error;
  }
}

function targetOf({ port, project, apiKey }: Martlet, functionId: string): JobTarget {
  const path = `/v1/functions/${functionId}/executions`;
  const headers = { 'x-martlet-project': project, 'x-martlet-key': apiKey };
  return {
    port,
    request: () => {
      const sentAt = performance.timeOrigin + performance.now();
      return { method: 'POST', path, headers, body: JSON.stringify({ async: true, method: 'POST', body: JSON.stringify({ sentAt }) }) };
    },
  };
}

async function ourRound({ view, hello, lag }: Ours, { jobs, paced }: Size): Promise<Round> {
  await enqueueAll(hello, { count: WARM_UP, clients: CLIENTS });
  await untilDone(view);
  const before = await countCompleted(view);
  const began = performance.now();
  await enqueueAll(hello, { count: jobs, clients: CLIENTS });
  await untilDone(view);
  const seconds = (performance.now() - began) / 1000;
  const completed = (await countCompleted(view)) - before;
  if (completed !== jobs) throw new Error(`Cannot use a round: ${completed} of ${jobs} executions completed`);
  return { jobsPerSecond: jobs / seconds, lags: await measureLags(view, lag, paced) };
}

async function measureLags(view: DatabaseView, lag: JobTarget, count: number): Promise<number[]> {
  const before = await lastLine(view);
  await enqueuePaced(lag, { count, everyMs: PACE_MS });
  await untilDone(view);
  return readLags(view, { after: before, count });
}

async function countCompleted(view: DatabaseView): Promise<number> {
  const [row] = await view.rows<{ count: number }>("select count(*) as count from executions where status = 'completed'");
  return Number(row?.count);
}

async function peerRound(name: string, url: string, { jobs, paced }: Size): Promise<Round> {
  const script = fileURLToPath(new URL(`../../peers/queue/${name}.mjs`, import.meta.url));
  const args = [script, url, ...[jobs, CLIENTS, CLIENTS, paced, PACE_MS].map(String)];
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: ROUND_MS_MAX });
  const { totalMs, lags } = JSON.parse(stdout) as { totalMs: number; lags: number[] };
  return { jobsPerSecond: (jobs / totalMs) * 1000, lags };
}

function toRows(rounds: ReadonlyMap<string, readonly Round[]>): MeasureRow[] {
  const rates = (name: string) => (rounds.get(name) ?? []).map(({ jobsPerSecond }) => jobsPerSecond);
  const rate = (name: string) => `${Math.round(median(rates(name)))}/s`;
  const lag = (name: string, share: number) => median((rounds.get(name) ?? []).map(({ lags }) => percentile(lags, share)));
  const faster = Object.entries(PEERS).map(([name, bound]) =>
    toRow({
      measure: `durable executions, enqueued one by one by ${CLIENTS} clients, to the record of the end, against ${name}`,
      ours: `${rate('ours')} (SQLite: ${rate('sqlite')})`,
      peer: rate(name),
      values: rates('ours').map((value, round) => value / (rates(name)[round] ?? Number.NaN)),
      bound,
    }),
  );
  const sooner = [0.5, 0.99].flatMap((share) =>
    Object.keys(PEERS).map((name) =>
      toRow({
        measure: `from enqueuing to the first line of the handler at ${1000 / PACE_MS}/s, p${share * 100}, against ${name}`,
        ours: `${formatMs(lag('ours', share))} (SQLite: ${formatMs(lag('sqlite', share))})`,
        peer: formatMs(lag(name, share)),
        values: [lag('ours', share) / lag(name, share)],
        bound: { side: 'none', unit: '×' },
      }),
    ),
  );
  return [...faster, ...sooner];
}

const describe = (round: Round | undefined) =>
  round === undefined
    ? ''
    : `${Math.round(round.jobsPerSecond)}/s p50 ${formatMs(percentile(round.lags, 0.5))} p99 ${formatMs(percentile(round.lags, 0.99))}`;
