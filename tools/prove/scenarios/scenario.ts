/** What a fault is to the proof: a world, load, something that goes wrong, quiet again; and then what was seen from outside. */
import type { Observations } from '../oracle/observations.ts';
import type { Random } from '../world/random.ts';
import type { StoreKind, World } from '../world/world.ts';

export interface ScenarioContext {
  readonly random: Random;
  /** How much of it: 1 in `npm test`, more in longer runs. */
  readonly scale: number;
  say(line: string): void;
}

export interface Outcome {
  /** Faults that were injected. */
  readonly faults: number;
  readonly kills: number;
  readonly observations: Observations;
  /** What this fault must show beside the promises that are checked in each. */
  readonly further: readonly string[];
}

export interface Scenario {
  readonly name: string;
  readonly kind: StoreKind;
  /** Why this machine cannot do it. */
  readonly whyNot?: () => string | undefined;
  readonly run: (context: ScenarioContext) => Promise<Outcome>;
}

/** Uses a world and closes it, whatever happens; what the servers said last is part of a failure. */
export async function inWorld<Result>(making: Promise<World>, use: (world: World) => Promise<Result>): Promise<Result> {
  const world = await making;
  try {
    return await use(world);
  } catch (error) {
    const said = world.nodes.map((node, number) => `server ${number}: ${node.output().slice(-3000)}`).join('\n');
    throw new Error(`${(error as Error).message}\n${said}`, { cause: error });
  } finally {
    await world.close();
  }
}
