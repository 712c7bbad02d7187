/** Deployments with everything real below them but the disk of the store. */
import { join } from 'node:path';
import { defaultLimits, type Limits } from '@martlet/protocol';
import { createDiskArtifacts } from '../../src/drivers/disk-artifacts/disk-artifacts.ts';
import { createMemoryStore } from '../../src/drivers/memory-store/memory-store.ts';
import { createSystemClock } from '../../src/drivers/system/system-clock.ts';
import { createSystemIds } from '../../src/drivers/system/system-ids.ts';
import type { Artifacts } from '../../src/ports/artifacts.ts';
import type { Builder } from '../../src/ports/builder.ts';
import type { FunctionRow, Store } from '../../src/ports/store.ts';
import { createBuilds, type Builds } from '../../src/services/builds.ts';
import { createSharedArtifacts } from '../../src/services/builds/shared-artifacts.ts';
import { newsViews } from '../../src/gateway/api/views/news-views.ts';
import { createPlatformNews } from '../../src/services/events/platform-news.ts';
import { createChanges, type Change } from '../../src/services/changes.ts';
import { createDeployments, type Deployments } from '../../src/services/deployments.ts';
import { aFunction, aProject } from '../support/rows.ts';
import { createBench, type Bench } from './builder-bench.ts';

export interface DeployBench {
  readonly bench: Bench;
  readonly store: Store;
  readonly artifacts: Artifacts;
  readonly builds: Builds;
  readonly deployments: Deployments;
  readonly announced: Change[];
  newFunction(facts?: Partial<FunctionRow>): Promise<FunctionRow>;
  /** The function as it is now. */
  current(fn: FunctionRow): Promise<FunctionRow>;
  /** The same store and disk under a server that was started anew. */
  restarted(): { builds: Builds; deployments: Deployments };
  close(): Promise<void>;
}

export interface DeployBenchOptions {
  readonly limits?: Partial<Limits>;
  /** Stands in front of the real builder. */
  readonly around?: (builder: Builder) => Builder;
  readonly store?: Store;
}

const SILENT = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

export async function createDeployBench({
  limits,
  around = (builder) => builder,
  store = createMemoryStore(),
}: DeployBenchOptions = {}): Promise<DeployBench> {
  const bench = createBench();
  await store.open();
  await store.projects.ensure(aProject());
  const clock = createSystemClock();
  const ids = createSystemIds(clock);
  const artifacts = createDiskArtifacts({ folder: join(bench.folder, 'artifacts') });
  const changes = createChanges();
  const announced: Change[] = [];
  changes.subscribe((change) => announced.push(change));
  const news = createPlatformNews({ store, clock, ids, views: newsViews, onStored: () => undefined });
  const shared = createSharedArtifacts({ artifacts, deployments: store.deployments });
  const services = (): { builds: Builds; deployments: Deployments } => {
    const facts = { store, artifacts, shared, clock, ids, changes, news, limits: { ...defaultLimits, ...limits }, log: SILENT };
    const builds = createBuilds({ ...facts, builder: around(bench.builder) });
    return { builds, deployments: createDeployments({ ...facts, builds }) };
  };
  const first = services();
  return {
    ...first,
    bench,
    store,
    artifacts,
    announced,
    async newFunction(facts) {
      const id = ids.next();
      const fn = aFunction({ id, path: id, ...facts });
      await store.functions.insert(fn);
      return fn;
    },
    async current(fn) {
      const row = await store.functions.get(fn.projectId, fn.id);
      if (row === null) throw new Error('The function is gone');
      return row;
    },
    restarted: services,
    async close() {
      await first.builds.close();
      await bench.close();
      await store.close();
    },
  };
}
