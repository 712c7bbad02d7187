/** From the upload of a changed function until its URL answers with the change, against esbuild alone. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { helloSource, type Martlet, packSource, removeData, startMartlet } from '../hosts/martlet.ts';
import { untilQuiet } from '../hosts/process-tree.ts';
import { median } from '../load/percentiles.ts';
import type { Measure, MeasureRow, Settings } from './measure-row.ts';
import { formatMs, toRow } from './table.ts';

export const deploy: Measure = { name: 'deploy', about: 'from the upload of a changed function to its answer', run };

const LIVE_MS_MAX = 30_000;
const esbuild = fileURLToPath(new URL('../../node_modules/.bin/esbuild', import.meta.url));
const runFile = promisify(execFile);

async function run(settings: Settings): Promise<MeasureRow[]> {
  const count = settings.quick ? 5 : 30;
  const martlet = await startMartlet();
  const folder = await mkdtemp(join(tmpdir(), 'martlet-esbuild-'));
  try {
    const functionId = await martlet.create('live');
    await untilQuiet(martlet.pid);
    const ours: number[] = [];
    const alone: number[] = [];
    for (let round = 0; round < count; round += 1) {
      const source = helloSource.replace("'world'", `'world ${round}'`);
      ours.push(await deployToLive(martlet, functionId, { source, expected: `world ${round}` }));
      alone.push(await bundleAlone(folder, source));
    }
    settings.note(`deploy: ours ${formatMs(median(ours))}, esbuild alone ${formatMs(median(alone))}`);
    const facts = { ours: formatMs(median(ours)), peer: formatMs(median(alone)) };
    return [
      toRow({
        ...facts,
        measure: 'deploy of a changed hello until it answers',
        values: ours,
        bound: { side: 'at most', must: 250, aim: 120, unit: 'ms' },
      }),
      toRow({
        ...facts,
        measure: 'deploy of a changed hello until it answers, against esbuild alone',
        values: ours.map((value, round) => value / (alone[round] ?? Number.NaN)),
        bound: { side: 'at most', must: 10, aim: 10, unit: '×' },
      }),
    ];
  } finally {
    await rm(folder, { recursive: true, force: true });
    await removeData(martlet);
  }
}

async function deployToLive(martlet: Martlet, functionId: string, change: { source: string; expected: string }): Promise<number> {
  const archive = await packSource(change.source);
  const { path, headers } = martlet.contender('live');
  const began = performance.now();
  const deploymentId = await martlet.upload(functionId, archive);
  for (;;) {
    const response = await fetch(`http://127.0.0.1:${martlet.port}${path}`, { headers });
    const text = await response.text();
    if (response.status === 200 && text.includes(`"${change.expected}"`)) return performance.now() - began;
    if (performance.now() - began > LIVE_MS_MAX) {
      await martlet.built(functionId, deploymentId);
      throw new Error(`The deployment is ready, but ${path} still answers ${response.status} ${text}`);
    }
  }
}

async function bundleAlone(folder: string, source: string): Promise<number> {
  const file = join(folder, 'index.ts');
  await writeFile(file, source);
  const began = performance.now();
  await runFile(esbuild, [file, '--bundle', '--format=esm', '--platform=node', '--sourcemap', `--outfile=${join(folder, 'out.js')}`]);
  return performance.now() - began;
}
