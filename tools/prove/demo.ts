/** Starts its own PostgreSQL and three servers, gives them work, kills one of them in the middle, and says what became of all of it. */
import { setTimeout as pause } from 'node:timers/promises';
import { check } from './oracle/check.ts';
import { wasAccepted } from './oracle/journal.ts';
import { findPostgres } from '../../packages/server/test/postgres/postgres-server.ts';
import { startLoad } from './world/load.ts';
import { observe } from './world/observe.ts';
import { createRandom } from './world/random.ts';
import { createWorld, type World } from './world/world.ts';

const WORK_MS = 5000;

/** @returns the exit code */
export async function demo(): Promise<number> {
  const found = findPostgres();
  if ('missing' in found) {
    console.error(`Cannot show it: ${found.missing}.`);
    return 1;
  }
  const started = performance.now();
  const tell = (line: string): void => console.log(`${((performance.now() - started) / 1000).toFixed(1).padStart(5)} s  ${line}`);
  tell('starting a PostgreSQL and three servers on it');
  const world = await createWorld({ kind: 'postgres', nodes: 3 });
  try {
    return await show(world, tell);
  } finally {
    await world.close();
    tell('stopped everything');
  }
}

async function show(world: World, tell: (line: string) => void): Promise<number> {
  tell(`serving at ${world.nodes.map(({ url }) => url).join(', ')}`);
  tell(`sending executions and events to all three; a schedule ticks each second`);
  const load = startLoad(world, { random: createRandom(1), clients: 5, msMax: 1500 });
  await pause(WORK_MS);
  await world.nodes[1]?.kill();
  const running = [...world.effects.runs.values()].filter(({ ended, lastAt }) => !ended && Date.now() - lastAt < 500).length;
  tell(`killed the second one (kill -9) while ${running} functions ran; the load goes on`);
  await pause(WORK_MS);
  await load.stop();
  const accepted = [...world.journal.entries.values()].filter(wasAccepted).length;
  tell(`load stopped: ${accepted} wishes were accepted; waiting for the two others to end all of it (the dead one has a lease of 15 s)`);
  const seen = await observe(world, { calm: false, frozen: [] });
  const again = seen.records.filter(({ attempt, functionId }) => attempt > 1 && functionId !== seen.functions['fails']).length;
  tell(`${seen.records.length} executions on record, ${again} of them run a second time because their server was gone`);
  let violations = 0;
  for (const verdict of check(seen)) {
    violations += verdict.violations.length;
    tell(`${verdict.violations.length === 0 ? 'held  ' : 'BROKEN'} ${verdict.promise} (${verdict.trials} looked at)`);
    for (const violation of verdict.violations.slice(0, 5)) tell(`         ${violation}`);
  }
  return violations === 0 ? 0 : 1;
}
