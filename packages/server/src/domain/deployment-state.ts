/** Rules of a deployment's life: which statuses follow, which deployment answers, what its settings mean for the function. */
import type { DeploymentStatus, FunctionConfig } from '@martlet/protocol';

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
export function takesPointer(ready: { readonly id: string; readonly activate: boolean }, activeDeploymentId: string | null): boolean {
  return ready.activate && (activeDeploymentId === null || ready.id > activeDeploymentId);
}

/** What a deployment is built from. */
export interface BuildFacts {
  /** Empty: its source is not stored. */
  readonly sourceHash: string;
  readonly entrypoint: string;
  readonly commands: string;
}

/** Whether the artifact of a deployment can serve for a new one without another build: the same bytes, built in the same way. */
export function isSameBuild(
  former: BuildFacts & { readonly status: DeploymentStatus; readonly artifactHash: string | null },
  wanted: BuildFacts,
): boolean {
  const isUsable = former.status === 'ready' && former.artifactHash !== null && wanted.sourceHash !== '';
  return (
    isUsable && former.sourceHash === wanted.sourceHash && former.entrypoint === wanted.entrypoint && former.commands === wanted.commands
  );
}

/** Settings of a function under the names that its row has for them. */
export type FunctionSettings = Pick<
  FunctionConfig,
  'schedule' | 'timezone' | 'events' | 'execute' | 'scopes' | 'concurrency' | 'retries' | 'egress' | 'logging' | 'durability'
> & { timeoutSeconds?: number; memoryMb?: number };

/** What the settings beside the code change in the function: only what they set. Where it is called stays as it is. */
export function settingsChange(config: FunctionConfig): { [Key in keyof FunctionSettings]?: Exclude<FunctionSettings[Key], undefined> } {
  const { name: _name, timeout, memory, ...settings } = config;
  const change = { ...settings, timeoutSeconds: timeout, memoryMb: memory };
  return Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined));
}
