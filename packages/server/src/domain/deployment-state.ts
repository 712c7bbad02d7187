/** Rules of a deployment's life: which statuses follow, which deployment answers, what its settings mean for the function. */
import type { DeploymentStatus, FunctionConfig } from '@martlet/protocol';
import type { DeploymentRow, FunctionChange } from '../ports/store.ts';

/** Statuses in which a build may still be canceled, begun or ended. */
export const PENDING = ['waiting', 'processing', 'building'] as const satisfies readonly DeploymentStatus[];
/** Statuses from which a build is begun. */
export const QUEUED = ['waiting', 'processing'] as const satisfies readonly DeploymentStatus[];

export function isPending(status: DeploymentStatus): boolean {
  return status === 'waiting' || status === 'processing' || status === 'building';
}

/**
 * Whether a deployment whose build has just become ready is to answer from now on. The newest wins: a build that took
 * long must not put an old deployment before a newer one. Ids of deployments sort by the time they were made.
 */
export function takesPointer(ready: Pick<DeploymentRow, 'id' | 'activate'>, activeDeploymentId: string | null): boolean {
  return ready.activate && (activeDeploymentId === null || ready.id > activeDeploymentId);
}

/**
 * Whether the artifact of a deployment can serve for a new one without another build: the same bytes, built in the
 * same way.
 */
export function isSameBuild(former: DeploymentRow, wanted: Pick<DeploymentRow, 'sourceHash' | 'entrypoint' | 'commands'>): boolean {
  return (
    former.status === 'ready' && former.artifactHash !== null && wanted.sourceHash !== '' &&
    former.sourceHash === wanted.sourceHash && former.entrypoint === wanted.entrypoint && former.commands === wanted.commands
  );
}

/** What the settings beside the code change in the function: only what they set. Where it is called stays as it is. */
export function settingsChange(config: FunctionConfig): FunctionChange {
  const change = {
    schedule: config.schedule, timezone: config.timezone, events: config.events, execute: config.execute, scopes: config.scopes,
    timeoutSeconds: config.timeout, memoryMb: config.memory, concurrency: config.concurrency, retries: config.retries,
    egress: config.egress, logging: config.logging, durability: config.durability,
  };
  return Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined)) as FunctionChange;
}
