/** kill -9: at random moments, and at each call to the store where a crash could tear something apart. */
import { setTimeout as pause } from 'node:timers/promises';
import { startLoad } from '../world/load.ts';
import { observe } from '../world/observe.ts';
import { createWorld, type StoreKind } from '../world/world.ts';
import { inWorld, type Outcome, type Scenario, type ScenarioContext } from './scenario.ts';

/** A server lives at most this long after its start, so that some are killed before they have taken anything. */
const LIFE_MS_MAX = 1500;
const REACHED_MS_MAX = 20_000;

/** Without any fault each attempt counts, and delays are those of the policy. Long enough for a lease to run out. */
export const calm = (kind: StoreKind): Scenario => ({
  name: `calm-${kind}`,
  kind,
  run: ({ random }) =>
    inWorld(createWorld({ kind, nodes: kind === 'sqlite' ? 1 : 2 }), async (world) => {
      const load = startLoad(world, { random, everyMs: 200 });
      await pause(kind === 'sqlite' ? 6000 : 20_000);
      await load.stop();
      return { faults: 0, kills: 0, further: [], observations: await observe(world, { calm: true, frozen: [] }) };
    }),
});

export const randomKills = (kind: StoreKind): Scenario => ({
  name: `kills-${kind}`,
  kind,
  run: (context) => killAgainAndAgain(kind, context),
});

async function killAgainAndAgain(kind: StoreKind, { random, scale, say }: ScenarioContext): Promise<Outcome> {
  const kills = kind === 'sqlite' || scale > 1 ? 5 * scale : 2;
  return inWorld(createWorld({ kind, ...(scale === 1 && kind === 'postgres' && { nodes: 2 }) }), async (world) => {
    const load = startLoad(world, { random });
    for (let kill = 0; kill < kills; kill += 1) {
      await pause(random.below(LIFE_MS_MAX));
      const victim = world.nodes[random.below(world.nodes.length)] ?? world.nodes[0];
      await victim?.kill();
      await victim?.start();
      if (kill % 10 === 9) say(`${kill + 1} of ${kills} kills`);
    }
    await load.stop();
    return { faults: kills, kills, further: [], observations: await observe(world, { calm: false, frozen: [] }) };
  });
}

/** Before a call nothing of it is stored; after it all is, and nobody knows. */
const POINTS = [
  'jobs.enqueue:before:4',
  'jobs.enqueue:after:4',
  'jobs.claim:before:3',
  'jobs.claim:after:3',
  'jobs.settle:before:3',
  'jobs.settle:after:3',
  'jobs.addLines:after:1',
  'jobs.promote:before:1',
  'jobs.promote:after:1',
  'jobs.lost:after:2',
  'events.append:before:2',
  'events.append:after:2',
  'events.dispatch:before:2',
  'events.dispatch:after:2',
  'schedules.advance:before:2',
  'schedules.advance:after:2',
  'nodes.join:after:1',
] as const;

export const failpoints = (kind: StoreKind, points: readonly string[] = POINTS): Scenario => ({
  name: `failpoints-${kind}`,
  kind,
  run: ({ random, say }) =>
    inWorld(createWorld({ kind }), async (world) => {
      const load = startLoad(world, { random, clients: 4, msMax: 1500 });
      const further: string[] = [];
      const victim = world.nodes[random.below(world.nodes.length)] ?? world.nodes[0];
      if (victim === undefined) throw new Error('There is no server');
      await victim.kill();
      for (const point of points) {
        // It may reach the point before it is ready, which is as good.
        await victim.start({ MARTLET_KILL_AT: point }).catch(() => undefined);
        if (!(await victim.endsWithin(REACHED_MS_MAX))) {
          further.push(`${point} was not reached`);
          await victim.kill();
        }
        say(point);
      }
      await victim.start();
      await load.stop();
      return {
        faults: points.length,
        kills: points.length + 1,
        further,
        observations: await observe(world, { calm: false, frozen: [] }),
      };
    }),
});
