/** What one warm request costs: requests per second of processor time, of all processes of a server together. */
import { startBare, startFunctionsFramework, startWorkerd, type Contender } from '../hosts/peers.ts';
import { helloSource, removeData, startMartlet } from '../hosts/martlet.ts';
import { cpuSecondsOfTree, untilQuiet } from '../hosts/process-tree.ts';
import { closedLoop } from '../load/closed-loop.ts';
import type { RequestFacts } from '../load/http-connection.ts';
import { median } from '../load/percentiles.ts';
import type { Bound, Measure, MeasureRow, Settings } from './measure-row.ts';
import { toRow } from './table.ts';

const AGAINST: Readonly<Record<string, Bound>> = {
  'node:http': { side: 'at least', must: 0.35, aim: 0.55, unit: '×' },
  'functions-framework': { side: 'at least', must: 2.5, aim: 4, unit: '×' },
  workerd: { side: 'at least', must: 1.3, aim: 2, unit: '×' },
};
const BODY_BYTES = 1024;

export const warm: Measure = { name: 'warm', about: 'requests per CPU second, warm', run };

/** 1 KiB of JSON, as an order could look. */
const order = { order: 'o-1', items: Array.from({ length: 20 }, (_, index) => ({ sku: `sku-${index}`, quantity: index })), note: '' };
export const jsonBody: string = JSON.stringify({ ...order, note: 'n'.repeat(BODY_BYTES - JSON.stringify(order).length) });

async function run(settings: Settings): Promise<MeasureRow[]> {
  const martlet = await startMartlet();
  const servers: Contender[] = [];
  try {
    await martlet.deploy('hello', helloSource);
    servers.push(martlet.contender('hello'), await startBare(), await startFunctionsFramework());
    const workerd = await startWorkerd();
    if (workerd === undefined) settings.note('workerd has no binary for this machine: its row is left out');
    else servers.push(workerd);
    return [...(await compare(settings, servers, 'GET')), ...(await compare(settings, servers, 'POST'))];
  } finally {
    await Promise.all(servers.slice(1).map((server) => server.stop()));
    await removeData(martlet);
  }
}

/** Rounds of A B C D, A B C D: what disturbs the machine disturbs all of them. The ratio is taken within a round. */
async function compare(settings: Settings, servers: readonly Contender[], method: 'GET' | 'POST'): Promise<MeasureRow[]> {
  const rounds: Map<string, number>[] = [];
  const [warmUp, seconds, count] = settings.quick ? [2, 2, 3] : [5, 5, 5];
  for (const server of servers) {
    await closedLoop(server.port, requestTo(server, method), warmUp);
    await untilQuiet(server.pid);
  }
  for (let round = 0; round < count; round += 1) {
    const results = new Map<string, number>();
    for (const server of servers) {
      const before = cpuSecondsOfTree(server.pid);
      const { requests } = await closedLoop(server.port, requestTo(server, method), seconds);
      results.set(server.name, requests / (cpuSecondsOfTree(server.pid) - before));
    }
    settings.note(
      `warm ${method} round ${round + 1}: ${[...results].map(([name, rate]) => `${name} ${Math.round(rate)}`).join(', ')} per CPU second`,
    );
    rounds.push(results);
  }
  const ratesOf = (name: string) => rounds.map((results) => results.get(name) ?? Number.NaN);
  return servers.slice(1).flatMap(({ name }) => {
    const bound = AGAINST[name];
    if (bound === undefined) return [];
    const theirs = ratesOf(name);
    const values = ratesOf('martlet').map((rate, round) => rate / (theirs[round] ?? Number.NaN));
    const measure = `warm ${method === 'POST' ? 'POST, 1 KiB JSON in and out' : 'GET, JSON out'}, requests per CPU second, against ${name}`;
    return [toRow({ measure, ours: `${Math.round(median(ratesOf('martlet')))}`, peer: `${Math.round(median(theirs))}`, values, bound })];
  });
}

export function requestTo({ path, headers }: Contender, method: 'GET' | 'POST'): RequestFacts {
  return { method, path, headers, body: method === 'POST' ? jsonBody : undefined };
}
