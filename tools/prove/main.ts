/** `npm run prove`: injects faults into real servers, judges what is seen from outside, prints promise, trials, violations. */
import { parseArgs } from 'node:util';
import { check, type Verdict } from './oracle/check.ts';
import { calm, failpoints, randomKills } from './scenarios/kills.ts';
import { databaseTrouble } from './scenarios/database.ts';
import { frozenNode } from './scenarios/pauses.ts';
import { clockSteps, diskFull, overload } from './scenarios/resources.ts';
import type { Scenario } from './scenarios/scenario.ts';
import { createRandom } from './world/random.ts';
import { findPostgres } from '../../packages/server/test/postgres/postgres-server.ts';
import { proveMutants } from './mutants/run-mutants.ts';
import { printTables } from './tables.ts';

export interface Ran {
  readonly name: string;
  readonly seed: number;
  readonly seconds: number;
  readonly faults: number;
  readonly kills: number;
  readonly verdicts: readonly Verdict[];
  /** Why it did not run; undefined where it did. */
  readonly skipped: string | undefined;
}

const SCALES = { test: 1, quick: 15, long: 100 };

/** Two lanes side by side: one on SQLite, one on PostgreSQL, each with its faults one after the other. */
const lanes: readonly (readonly Scenario[])[] = [
  [calm('sqlite'), failpoints('sqlite'), randomKills('sqlite'), randomKills('sqlite'), diskFull, overload, clockSteps],
  [calm('postgres'), failpoints('postgres'), randomKills('postgres'), frozenNode, randomKills('postgres'), databaseTrouble],
];

export async function main(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: 'boolean' },
      scale: { type: 'string' },
      seed: { type: 'string' },
      only: { type: 'string', multiple: true },
      json: { type: 'boolean' },
      mutants: { type: 'boolean' },
    },
  });
  const seed = values.seed === undefined ? Date.now() % 1_000_000 : Number(values.seed);
  if (values.mutants === true) return proveMutants(values.only ?? []);
  const scale = values.scale === undefined ? (values.quick === true ? SCALES.quick : SCALES.long) : Number(values.scale);
  const wanted = (scenario: Scenario): boolean => values.only === undefined || values.only.some((name) => scenario.name.startsWith(name));
  const single = (values.only ?? []).flatMap(singlePoint);
  const chosen = single.length > 0 ? [single] : lanes.map((lane) => lane.filter(wanted));
  const ran = (await Promise.all(chosen.map((lane) => runLane(lane, { seed, scale })))).flat();
  if (ran.length === 0)
    throw new Error(
      `Nothing is called so; there are ${lanes
        .flat()
        .map(({ name }) => name)
        .join(', ')}`,
    );
  if (values.json === true) console.log(JSON.stringify({ seed, scale, ran }));
  else printTables(ran, seed);
  return ran.some(({ verdicts }) => verdicts.some(({ violations }) => violations.length > 0)) ? 1 : 0;
}

/** `point-sqlite-jobs.claim:after:3` is that failpoint alone, three times over. */
function singlePoint(name: string): Scenario[] {
  const [, kind, point] = /^point-(sqlite|postgres)-(.+)$/.exec(name) ?? [];
  return point === undefined ? [] : [failpoints(kind === 'postgres' ? 'postgres' : 'sqlite', [point, point, point])];
}

async function runLane(lane: readonly Scenario[], { seed, scale }: { seed: number; scale: number }): Promise<Ran[]> {
  const ran: Ran[] = [];
  for (const [index, scenario] of lane.entries()) ran.push(await runScenario(scenario, { seed: seed + index, scale }));
  return ran;
}

export async function runScenario(scenario: Scenario, { seed, scale }: { seed: number; scale: number }): Promise<Ran> {
  const started = performance.now();
  const seconds = (): number => (performance.now() - started) / 1000;
  const say = (line: string): void => console.error(`${scenario.name} (${seconds().toFixed(0)} s): ${line}`);
  const nothing = { name: scenario.name, seed, faults: 0, kills: 0 };
  const skipped = whySkipped(scenario);
  if (skipped !== undefined) return { ...nothing, seconds: 0, verdicts: [], skipped };
  try {
    const { observations, further, faults, kills } = await scenario.run({ random: createRandom(seed), scale, say });
    const verdicts = [...check(observations), { promise: `shown-by-${scenario.name}`, trials: faults, violations: further }];
    say(`done, ${verdicts.reduce((sum, { violations }) => sum + violations.length, 0)} violations`);
    return { name: scenario.name, seed, faults, kills, verdicts, seconds: seconds(), skipped: undefined };
  } catch (error) {
    const violations = [error instanceof Error ? error.message : String(error)];
    return { ...nothing, seconds: seconds(), verdicts: [{ promise: 'runs', trials: 1, violations }], skipped: undefined };
  }
}

function whySkipped({ kind, whyNot }: Scenario): string | undefined {
  const found = findPostgres();
  if (kind === 'postgres' && 'missing' in found) return found.missing;
  return whyNot?.();
}
