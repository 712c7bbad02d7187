/** What Martlet adds to the latency of a request while it is busy at half of what it can do. */
import { helloSource, removeData, startMartlet } from '../hosts/martlet.ts';
import { startBare, type Contender } from '../hosts/peers.ts';
import { untilQuiet } from '../hosts/process-tree.ts';
import { closedLoop } from '../load/closed-loop.ts';
import { openLoop } from '../load/open-loop.ts';
import { median, percentile } from '../load/percentiles.ts';
import type { Measure, MeasureRow, Settings } from './measure-row.ts';
import { formatMs, toRow } from './table.ts';
import { requestTo } from './warm.ts';

export const latency: Measure = { name: 'latency', about: 'added latency at half load, open loop', run };

interface Round {
  readonly p50: number;
  readonly p99: number;
}

async function run(settings: Settings): Promise<MeasureRow[]> {
  const martlet = await startMartlet();
  const bare = await startBare();
  try {
    await martlet.deploy('hello', helloSource);
    const ours = martlet.contender('hello');
    const [warmUp, seconds, count] = settings.quick ? [2, 3, 2] : [4, 10, 5];
    await untilQuiet(martlet.pid);
    await closedLoop(bare.port, requestTo(bare, 'GET'), 1);
    const full = await closedLoop(ours.port, requestTo(ours, 'GET'), warmUp);
    const rate = Math.round(full.requests / full.seconds / 2);
    settings.note(`latency: half load is ${rate} requests per second`);
    const rounds: { readonly ours: Round; readonly bare: Round }[] = [];
    for (let round = 0; round < count; round += 1) {
      rounds.push({ bare: await measureRound(bare, rate, seconds), ours: await measureRound(ours, rate, seconds) });
      const last = rounds.at(-1);
      settings.note(`latency round ${round + 1}: ours ${JSON.stringify(last?.ours)}, bare ${JSON.stringify(last?.bare)}`);
    }
    const row = (name: keyof Round, must: number, aim: number) =>
      toRow({
        measure: `added latency at half load (${rate}/s), ${name}`,
        ours: formatMs(median(rounds.map((round) => round.ours[name]))),
        peer: formatMs(median(rounds.map((round) => round.bare[name]))),
        values: rounds.map((round) => round.ours[name] - round.bare[name]),
        bound: { side: 'at most', must, aim, unit: 'ms' },
      });
    return [row('p50', 0.3, 0.15), row('p99', 1.5, 0.8)];
  } finally {
    await bare.stop();
    await removeData(martlet);
  }
}

async function measureRound(server: Contender, rate: number, seconds: number): Promise<Round> {
  const latencies = await openLoop({ port: server.port, request: requestTo(server, 'GET'), rate, seconds });
  return { p50: percentile(latencies, 0.5), p99: percentile(latencies, 0.99) };
}
