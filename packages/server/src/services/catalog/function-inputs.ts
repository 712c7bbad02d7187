/**
 * What functions say of their declared input. Only their own code knows, so a worker is asked, once per deployment: its
 * answer is kept beside the code cache. Code that cannot declare an input is not asked.
 */
import { readInputDescription, writeInputDescription, type InputDescription } from '@martlet/protocol/frames';
import { LRUCache } from 'lru-cache';
import type { Artifacts } from '../../ports/artifacts.ts';
import type { Log } from '../../ports/system/log.ts';
import type { DeploymentRow } from '../../ports/store.ts';
import { builtKeys } from '../built-artifact.ts';
import type { RoutedFunction } from '../invoke/function-routes.ts';
import type { WorkerPool, WorkerTarget } from '../workers/worker-pool.ts';

export interface FunctionInputsOptions {
  readonly artifacts: Artifacts;
  readonly pool: Pick<WorkerPool, 'live' | 'start'>;
  readonly log: Log;
  targetOf(routed: RoutedFunction): WorkerTarget;
}

export interface FunctionInputs {
  /** Undefined when the code could not be asked; it is tried again later. Never rejects. */
  of(routed: RoutedFunction, deployment: DeploymentRow): Promise<InputDescription | undefined>;
}

/** Code that takes longer to load is not worth waiting for. */
const ANSWER_MS = 5000;
const RETRY_MS = 60_000;
const KNOWN_MAX = 20_000;
/** The forms in which a bundle exports this name; in CommonJS sources also as a part of an object. */
const MAY_DECLARE = /\binput\s*:|exports\s*(?:\.\s*input\b|\[)|export\s*\{[^}]*\binput\b/;

export function createFunctionInputs({ artifacts, pool, log, targetOf }: FunctionInputsOptions): FunctionInputs {
  const known = new LRUCache<string, Promise<InputDescription | undefined>>({ max: KNOWN_MAX });

  return {
    of(routed, deployment) {
      const cached = known.get(deployment.id);
      if (cached !== undefined) return cached;
      const asked = find(routed, deployment).catch((error: unknown) => {
        log.warn({ error, deploymentId: deployment.id }, 'Cannot find out the input of a function');
        return undefined;
      });
      known.set(deployment.id, asked);
      void asked.then((description) => description === undefined && known.set(deployment.id, asked, { ttl: RETRY_MS }));
      return asked;
    },
  };

  async function find(routed: RoutedFunction, deployment: DeploymentRow): Promise<InputDescription | undefined> {
    const key = keyOf(deployment);
    const stored = await artifacts.get(key);
    if (stored !== undefined) return readInputDescription(stored);
    if (!(await mayDeclare(deployment))) return { declared: false };
    const description = await ask(routed, deployment);
    if (description !== undefined) await artifacts.put(key, writeInputDescription(description));
    return description;
  }

  async function mayDeclare({ artifactHash, artifactFormat }: DeploymentRow): Promise<boolean> {
    if (artifactFormat === 'tree') return true;
    const code = await artifacts.get(builtKeys(artifactHash ?? '').code);
    return code !== undefined && MAY_DECLARE.test(code.toString('latin1'));
  }

  async function ask(routed: RoutedFunction, { id }: DeploymentRow): Promise<InputDescription | undefined> {
    const live = pool.live(id);
    const worker = live ?? (await pool.start(targetOf(routed)));
    const { promise: late, resolve } = Promise.withResolvers<undefined>();
    const timer = setTimeout(() => resolve(undefined), ANSWER_MS);
    try {
      return await Promise.race([worker.describeInput(), late]);
    } finally {
      clearTimeout(timer);
      // Nobody called it: the memory is better spent on those that are called.
      if (live === undefined && worker.inFlight === 0 && worker.served === 0) worker.retire();
    }
  }
}

/** Never shared between projects that have the same code: what it says may depend on their variables. */
function keyOf({ projectId, id }: DeploymentRow): string {
  return `caches/${projectId.toLowerCase()}/${id.toLowerCase()}/input`;
}
