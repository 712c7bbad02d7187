/** Which part of a server a warm request costs how much, alone or beside the same of another checkout: for those who change it. */
import { resolve } from 'node:path';
import { helloSource, removeData, startMartlet, type Martlet } from '../hosts/martlet.ts';
import { partsBetween, timesOfThreads, untilQuiet, type Parts } from '../hosts/process-tree.ts';
import { closedLoop } from '../load/closed-loop.ts';
import { median } from '../load/percentiles.ts';
import type { Measure, MeasureRow, Settings } from './measure-row.ts';
import { toRow } from './table.ts';
import { requestTo } from './warm.ts';

export const parts: Measure = { name: 'parts', about: 'processor time of a warm request by thread', byName: true, run };

const ABOUT: Readonly<Record<keyof Parts, string>> = {
  main: 'main thread of the server',
  writer: 'busiest other thread (writes the records)',
  otherThreads: 'other threads of the server',
  otherProcesses: 'worker and other processes',
};

async function run(settings: Settings): Promise<MeasureRow[]> {
  const ours = await startMartlet();
  const servers: Martlet[] = [ours];
  try {
    if (settings.beside !== undefined) servers.push(await startMartlet({ checkout: resolve(settings.beside) }));
    for (const server of servers) await server.deploy('hello', helloSource);
    return [...(await measure(settings, servers, 'GET')), ...(await measure(settings, servers, 'POST'))];
  } finally {
    await Promise.all(servers.map(removeData));
  }
}

/** Short rounds in turns: what disturbs the machine disturbs both. */
async function measure(settings: Settings, servers: readonly Martlet[], method: 'GET' | 'POST'): Promise<MeasureRow[]> {
  const [warmUp, seconds, count] = settings.quick ? [2, 1, 4] : [5, 2, 16];
  const costs: Parts[][] = servers.map(() => []);
  for (const server of servers) {
    await closedLoop(server.port, requestTo(server.contender('hello'), method), warmUp);
    await untilQuiet(server.pid);
  }
  for (let round = 0; round < count; round += 1) {
    for (const [index, server] of servers.entries()) {
      const before = timesOfThreads(server.pid);
      const { requests } = await closedLoop(server.port, requestTo(server.contender('hello'), method), seconds);
      costs[index]?.push(perRequest(partsBetween(before, timesOfThreads(server.pid)), requests));
    }
  }
  const micros = (all: readonly Parts[] | undefined, cost: (one: Parts) => number) =>
    all === undefined ? undefined : median(all.map(cost));
  const row = (about: string, cost: (one: Parts) => number): MeasureRow => {
    const [mine = [], others] = costs;
    const other = micros(others, cost);
    return toRow({
      measure: `warm ${method}, µs of ${about}`,
      ours: `${micros(mine, cost)?.toFixed(1)} µs`,
      peer: other === undefined ? '' : `${other.toFixed(1)} µs (other checkout)`,
      values: mine.map((one, index) => cost(one) - (others?.[index] === undefined ? 0 : cost(others[index]))),
      bound: { side: 'none', unit: 'µs' },
    });
  };
  const names = Object.keys(ABOUT) as (keyof Parts)[];
  return [
    ...names.map((name) => row(ABOUT[name], (one) => one[name])),
    row('all together', (one) => names.reduce((sum, name) => sum + one[name], 0)),
  ];
}

function perRequest(used: Parts, requests: number): Parts {
  const { main, writer, otherThreads, otherProcesses } = used;
  return {
    main: main / requests,
    writer: writer / requests,
    otherThreads: otherThreads / requests,
    otherProcesses: otherProcesses / requests,
  };
}
