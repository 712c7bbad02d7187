/** Takes the measures that were asked for, one after the other, and prints them as one table. */
import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { readMachine } from '../hosts/machine.ts';
import { stealSeconds } from '../hosts/process-tree.ts';
import { burst, cold } from './cold.ts';
import { deploy } from './deploy.ts';
import { idle } from './idle-functions.ts';
import { latency } from './latency.ts';
import { lists } from './lists.ts';
import type { MeasureRow } from './measure-row.ts';
import { parts } from './parts.ts';
import { queue } from './durable/queue.ts';
import { stream } from './stream.ts';
import { toMarkdown } from './table.ts';
import { triggers } from './durable/triggers.ts';
import { warm } from './warm.ts';

const measures = [warm, latency, cold, burst, idle, deploy, stream, queue, triggers, lists, parts];
const README = new URL('../README.md', import.meta.url);
const MARKS = ['<!-- results: written by npm run bench -- --write -->', '<!-- end of results -->'] as const;
/** Beyond this share of stolen time the machine was not ours, and the figures are not worth keeping. */
const STEAL_SHARE_MAX = 0.02;

const usage = `npm run bench -- [--only <names>] [--beside <folder>] [--quick] [--json] [--write]
  --beside folder of another checkout, with its packages installed, for: parts
  --only   comma-separated: ${measures.map(({ name }) => name).join(', ')}
  --quick  fewer and shorter rounds, to see that it works
  --json   print JSON in place of Markdown
  --write  put the table into benchmarks/README.md
${measures.map(({ name, about }) => `  ${name.padEnd(8)} ${about}`).join('\n')}`;

/** Returns the exit code: 0 all measured and reached, 1 something failed or missed what it must reach, 2 wrong usage. */
export async function main(args: readonly string[]): Promise<number> {
  const options = readOptions(args);
  if (options === undefined) return 2;
  const began = performance.now();
  const stolen = stealSeconds();
  const rows: MeasureRow[] = [];
  const failed: string[] = [];
  for (const measure of options.chosen) {
    note(`${measure.name}: ${measure.about}`);
    try {
      rows.push(...(await measure.run({ quick: options.quick, note, ...(options.beside !== undefined && { beside: options.beside }) })));
    } catch (error) {
      failed.push(measure.name);
      note(`${measure.name} failed: ${error instanceof Error ? error.stack : String(error)}`);
    }
  }
  const machine = readMachine(options.quick);
  const stealShare = (stealSeconds() - stolen) / ((performance.now() - began) / 1000) / machine.cores;
  if (stealShare > STEAL_SHARE_MAX)
    note(`${(stealShare * 100).toFixed(1)} % of the processor was stolen by other guests of this host: measure again`);
  const table = toMarkdown(rows, machine);
  console.log(options.json ? JSON.stringify({ machine, stealShare, rows, failed }, undefined, 2) : table);
  if (options.write && failed.length === 0) writeResults(table);
  return failed.length === 0 && rows.every(({ ok }) => ok) ? 0 : 1;
}

interface Options {
  readonly chosen: typeof measures;
  readonly quick: boolean;
  readonly beside: string | undefined;
  readonly json: boolean;
  readonly write: boolean;
}

function readOptions(args: readonly string[]): Options | undefined {
  try {
    const flag = { type: 'boolean', default: false } as const;
    const { values } = parseArgs({
      args: [...args],
      options: { only: { type: 'string' }, beside: { type: 'string' }, quick: flag, json: flag, write: flag, help: flag },
    });
    const names =
      values.only?.split(',').map((name) => name.trim()) ?? measures.filter(({ byName }) => byName === undefined).map(({ name }) => name);
    const unknown = names.find((name) => !measures.some((measure) => measure.name === name));
    if (unknown !== undefined) throw new Error(`There is no measure ${JSON.stringify(unknown)}`);
    if (values.help) throw new Error('The benchmarks of Martlet');
    return {
      chosen: measures.filter(({ name }) => names.includes(name)),
      quick: values.quick,
      beside: values.beside,
      json: values.json,
      write: values.write,
    };
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n${usage}`);
    return undefined;
  }
}

function note(text: string): void {
  console.error(`[bench] ${text}`);
}

function writeResults(table: string): void {
  const text = readFileSync(README, 'utf8');
  const [from, to] = [text.indexOf(MARKS[0]), text.indexOf(MARKS[1])];
  if (from === -1 || to < from) throw new Error('Cannot write the results: benchmarks/README.md has lost its marks');
  writeFileSync(README, `${text.slice(0, from)}${MARKS[0]}\n${table}\n${text.slice(to)}`);
}
