/** A server that stands still beyond its lease, as a paused machine does, and comes back believing that nothing has happened. */
import { setTimeout as pause } from 'node:timers/promises';
import { startLoad } from '../world/load.ts';
import { observe } from '../world/observe.ts';
import { createWorld } from '../world/world.ts';
import { inWorld, type Scenario } from './scenario.ts';

/** The lease of a node is 15 s; another one then has to notice. */
const FROZEN_MS = 19_000;
/** Functions that are still running when it comes back are what it would write about. */
const RUN_MS_MAX = 6000;

export const frozenNode: Scenario = {
  name: 'frozen-node',
  kind: 'postgres',
  run: ({ random, scale, say }) =>
    inWorld(createWorld({ kind: 'postgres' }), async (world) => {
      const load = startLoad(world, { random, clients: 5, msMax: RUN_MS_MAX });
      const frozen: { from: number; until: number }[] = [];
      const times = Math.max(1, Math.round(scale / 8));
      for (let time = 0; time < times; time += 1) {
        const victim = world.nodes[time % world.nodes.length];
        await pause(2000);
        const from = Date.now();
        victim?.freeze();
        await pause(FROZEN_MS);
        victim?.thaw();
        frozen.push({ from, until: Date.now() });
        say(`${time + 1} of ${times} nodes frozen for ${FROZEN_MS / 1000} s`);
        await pause(3000);
      }
      await load.stop();
      return { faults: times, kills: 0, further: [], observations: await observe(world, { calm: false, frozen }) };
    }),
};
