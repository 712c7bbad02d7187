/**
 * Fills the data folder of a stopped server with functions: copies of one that was really deployed, written through
 * the store's own driver. To deploy ten thousand one by one would measure nothing more and take an hour.
 */
import type { ListQuery, Store } from '../../packages/server/src/ports/store.ts';
import { createSystemClock } from '../../packages/server/src/drivers/system/system-clock.ts';
import { createSystemIds } from '../../packages/server/src/drivers/system/system-ids.ts';
import { withStore } from './stores.ts';

export interface SeedOptions {
  readonly dataDir: string;
  readonly project: string;
  /** Path of the function to copy. */
  readonly from: string;
  /** How many functions there shall be in the end, the copied one included. */
  readonly total: number;
}

/** The store commits what arrives together in one go. */
const AT_ONCE = 500;
const everything: ListQuery = { filters: [], order: [], limit: 1, offset: 0, withTotal: true };

export async function seedFunctions(options: SeedOptions): Promise<void> {
  await withStore({ dataDir: options.dataDir, url: undefined }, (store) => copyFunction(store, options));
}

async function copyFunction(store: Store, { project, from, total }: SeedOptions): Promise<void> {
  const ids = createSystemIds(createSystemClock());
  const model = await store.functions.getByPath(project, [from]);
  const deployment = model === null ? null : await store.deployments.get(project, model.id, model.activeDeploymentId ?? '');
  if (model === null || deployment === null) throw new Error(`Cannot seed: ${from} has no active deployment in ${project}`);
  const { total: present } = await store.functions.list(project, everything);
  const copyOne = async (index: number) => {
    const [functionId, deploymentId] = [ids.next(), ids.next()];
    const name = `${from}-${index}`;
    await store.functions.insert({ ...model, id: functionId, name, path: name, activeDeploymentId: deploymentId });
    await store.deployments.insert({ ...deployment, id: deploymentId, functionId });
  };
  for (let index = present; index < total; index += AT_ONCE) {
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, total - index) }, (_, offset) => copyOne(index + offset)));
  }
}
