/** How long the first chunk of a streamed response takes, against bare node:http. */
import { Agent, request } from 'node:http';
import { removeData, startMartlet, streamSource } from '../hosts/martlet.ts';
import { startBare, type Contender } from '../hosts/peers.ts';
import { untilQuiet } from '../hosts/process-tree.ts';
import { percentile } from '../load/percentiles.ts';
import type { Measure, MeasureRow, Settings } from './measure-row.ts';
import { formatMs, toRow } from './table.ts';

export const stream: Measure = { name: 'stream', about: 'first byte of a streamed response', run };

async function run(settings: Settings): Promise<MeasureRow[]> {
  const [warmUp, count] = settings.quick ? [50, 200] : [300, 2000];
  const martlet = await startMartlet();
  const bare = await startBare();
  const agent = new Agent({ keepAlive: true });
  try {
    await martlet.deploy('stream', streamSource);
    await untilQuiet(martlet.pid);
    const ours: number[] = [];
    const theirs: number[] = [];
    for (let turn = 0; turn < warmUp + count; turn += 1) {
      const mine = await firstByte(agent, martlet.contender('stream'));
      const peer = await firstByte(agent, { ...bare, path: '/stream' });
      if (turn < warmUp) continue;
      ours.push(mine);
      theirs.push(peer);
    }
    const row = (name: string, share: number, bounds: { must: number; aim: number }) => {
      const [mine, peer] = [percentile(ours, share), percentile(theirs, share)];
      return toRow({
        measure: `first byte of a stream, added ${name}`,
        ours: formatMs(mine),
        peer: formatMs(peer),
        values: [mine - peer],
        bound: { side: 'at most', ...bounds, unit: 'ms' },
      });
    };
    settings.note(`stream: ours p50 ${formatMs(percentile(ours, 0.5))} p99 ${formatMs(percentile(ours, 0.99))}`);
    return [row('p50', 0.5, { must: 2, aim: 1 }), row('p99', 0.99, { must: 2, aim: 1 })];
  } finally {
    agent.destroy();
    await bare.stop();
    await removeData(martlet);
  }
}

/** Milliseconds from the request to the first byte of the body. */
function firstByte(agent: Agent, { port, path, headers }: Contender): Promise<number> {
  return new Promise((resolve, reject) => {
    const began = performance.now();
    let first = Number.NaN;
    const call = request({ host: '127.0.0.1', port, path, headers, agent }, (response) => {
      response.once('data', () => (first = performance.now() - began));
      response.on('data', () => undefined);
      response.once('error', reject);
      response.once('end', () =>
        response.statusCode === 200 ? resolve(first) : reject(new Error(`${path} answered ${response.statusCode}`)),
      );
    });
    call.once('error', reject);
    call.end();
  });
}
