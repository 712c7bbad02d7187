/** Moves the pointer of a function to a deployment that is ready, and with it the settings that stand beside its code. */
import type { FunctionConfig } from '@martlet/protocol';
import { settingsChange, takesPointer } from '../../domain/deployment-state.ts';
import type { DeploymentRow, FunctionRow } from '../../ports/store.ts';
import type { BuildsOptions } from './build-order.ts';

export interface Activation {
  readonly row: DeploymentRow;
  readonly config: FunctionConfig;
  /** Only where no newer deployment is active. */
  readonly onlyIfNewest: boolean;
}

/** @returns the function as it is then, or null where it is gone */
export async function activateDeployment(
  { store, clock, changes, news }: Pick<BuildsOptions, 'store' | 'clock' | 'changes' | 'news'>,
  { row, config, onlyIfNewest }: Activation,
): Promise<FunctionRow | null> {
  const { projectId, functionId, id } = row;
  const fn = await store.functions.get(projectId, functionId);
  if (fn === null || (onlyIfNewest && !takesPointer(row, fn.activeDeploymentId))) {
    changes.announce({ kind: 'deployment', projectId, functionId });
    return fn;
  }
  const change = { ...settingsChange(config), activeDeploymentId: id, live: true, updatedAt: clock.now() };
  const changed = await news.tell([news.deployment(row, 'update', id)], ({ functions }) => functions.update(projectId, functionId, change));
  changes.announce({ kind: 'deployment', projectId, functionId });
  return changed;
}
