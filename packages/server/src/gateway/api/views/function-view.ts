import type { FunctionResource } from '@martlet/protocol';
import { specificationOf } from '../../../domain/contract/runtimes.ts';
import { formatDate } from '../../../domain/contract/dates.ts';
import type { FunctionDetails } from '../../../services/functions.ts';
import { viewVariable } from './variable-view.ts';

/** A function as the contract shows it; what this server has nothing for is there and empty. */
export function viewFunction({ row, active, latest, variables }: FunctionDetails): FunctionResource {
  const specification = specificationOf(row.memoryMb);
  return {
    $id: row.id,
    $createdAt: formatDate(row.createdAt),
    $updatedAt: formatDate(row.updatedAt),
    name: row.name,
    path: row.path,
    execute: [...row.execute],
    enabled: row.enabled,
    live: row.live,
    logging: row.logging,
    runtime: row.runtime,
    deploymentRetention: row.deploymentRetention,
    deploymentId: row.activeDeploymentId ?? '',
    deploymentCreatedAt: formatDate(active?.createdAt ?? null),
    latestDeploymentId: latest?.id ?? '',
    latestDeploymentCreatedAt: formatDate(latest?.createdAt ?? null),
    latestDeploymentStatus: latest?.status ?? '',
    scopes: [...row.scopes],
    vars: variables.map(viewVariable),
    events: [...row.events],
    schedule: row.schedule,
    timezone: row.timezone,
    timeout: row.timeoutSeconds,
    memory: row.memoryMb,
    concurrency: row.concurrency,
    retries: row.retries,
    egress: row.egress,
    durability: row.durability,
    entrypoint: row.entrypoint,
    commands: row.commands,
    version: 'v5',
    installationId: '',
    providerRepositoryId: '',
    providerBranch: '',
    providerRootDirectory: '',
    providerSilentMode: false,
    providerBranches: [],
    providerPaths: [],
    specification,
    buildSpecification: specification,
    runtimeSpecification: specification,
  };
}
