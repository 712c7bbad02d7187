import type { DeploymentResource } from '@martlet/protocol';
import { formatDate } from '../../../domain/contract/dates.ts';
import type { DeploymentRow } from '../../../ports/store.ts';

/** What a deployment's resource has beside its row. */
export interface DeploymentFacts {
  readonly activeDeploymentId: string | null;
  readonly buildLog: string;
}

export function viewDeployment(row: DeploymentRow, { activeDeploymentId, buildLog }: DeploymentFacts): DeploymentResource {
  return {
    $id: row.id,
    $createdAt: formatDate(row.createdAt),
    $updatedAt: formatDate(row.updatedAt),
    type: row.type,
    resourceId: row.functionId,
    resourceType: 'functions',
    entrypoint: row.entrypoint,
    sourceSize: row.sourceBytes,
    buildSize: row.buildBytes,
    totalSize: row.sourceBytes + row.buildBytes,
    buildId: '',
    activate: row.activate,
    active: row.id === activeDeploymentId,
    status: row.status,
    buildLogs: buildLog,
    buildDuration: Math.ceil(row.buildMs / 1000),
    buildError: row.error ?? '',
    screenshotLight: '',
    screenshotDark: '',
    providerRepositoryName: '',
    providerRepositoryOwner: '',
    providerRepositoryUrl: '',
    providerCommitHash: '',
    providerCommitAuthorUrl: '',
    providerCommitAuthor: '',
    providerCommitMessage: '',
    providerCommitUrl: '',
    providerBranch: '',
    providerBranchUrl: '',
  };
}
