/**
 * Keeps stored bytes as long as a deployment refers to them. Deployments share sources and builds by their hash, so
 * bytes are removed only under the lock of their hash, after a look at every row that could refer to them.
 */
import { deploymentStatuses } from '@martlet/protocol';
import type { Artifacts } from '../../ports/artifacts.ts';
import type { DeploymentRow, DeploymentStore } from '../../ports/store.ts';
import { builtKeys } from '../built-artifact.ts';

export interface SharedArtifacts {
  /** Runs `work`, which stores bytes under a hash and then the row that refers to them, with nobody removing them in between. */
  keep<T>(hash: string, work: () => Promise<T>): Promise<T>;
  /** Removes what only this deployment, whose row is gone, referred to. */
  release(row: DeploymentRow): Promise<void>;
}

export const sourceKey = (hash: string): string => `sources/${hash}`;

export function createSharedArtifacts({ artifacts, deployments }: { artifacts: Artifacts; deployments: DeploymentStore }): SharedArtifacts {
  const tails = new Map<string, Promise<void>>();

  const alone = async <T>(hash: string, work: () => Promise<T>): Promise<T> => {
    const before = tails.get(hash);
    const { promise: after, resolve } = Promise.withResolvers<void>();
    tails.set(hash, after);
    await before;
    try {
      return await work();
    } finally {
      resolve();
      if (tails.get(hash) === after) tails.delete(hash);
    }
  };

  const releaseHash = (key: 'sourceHash' | 'artifactHash', { hash, prefix }: { hash: string; prefix: string }): Promise<void> =>
    alone(hash, async () => {
      // Deletion is rare and has no deadline; an index over hashes would be paid for by every deployment.
      const rows = await deployments.listByStatus(deploymentStatuses);
      if (!rows.some((row) => row[key] === hash)) await artifacts.deletePrefix(prefix);
    });

  return {
    keep: alone,
    async release({ id, projectId, sourceHash, artifactHash }) {
      await artifacts.deletePrefix(`caches/${projectId.toLowerCase()}/${id.toLowerCase()}/`);
      if (sourceHash !== '') await releaseHash('sourceHash', { hash: sourceHash, prefix: sourceKey(sourceHash) });
      if (artifactHash !== null) await releaseHash('artifactHash', { hash: artifactHash, prefix: builtKeys(artifactHash).all });
    },
  };
}
