/** Deployments and executions in memory. */
import { PlatformError } from '@martlet/protocol';
import { buildLogTail } from '../../domain/build-log-tail.ts';
import type { deploymentAttributes, executionAttributes } from '../../domain/list-attributes.ts';
import type { DeploymentRow, DeploymentStore, ExecutionRow, ExecutionStore, ExecutionWrite } from '../../ports/store.ts';
import { listRows, type AttributeReaders } from './list-rows.ts';
import { changed } from './memory-table.ts';
import { functionKey, storeEvents, type MemoryTables } from './memory-tables.ts';

const deploymentReaders: AttributeReaders<typeof deploymentAttributes, DeploymentRow> = {
  $id: (row) => row.id,
  $createdAt: (row) => row.createdAt,
  $updatedAt: (row) => row.updatedAt,
  $sequence: (_row, entry) => entry.sequence,
  type: (row) => row.type,
  status: (row) => row.status,
  activate: (row) => row.activate,
  entrypoint: (row) => row.entrypoint,
  sourceSize: (row) => row.sourceBytes,
  buildSize: (row) => row.buildBytes,
  totalSize: (row) => row.sourceBytes + row.buildBytes,
  buildDuration: (row) => row.buildMs,
};

export function memoryDeployments({ deployments, buildLogs, functions }: MemoryTables): DeploymentStore {
  const isOf = (projectId: string, functionId: string) => (row: DeploymentRow) =>
    row.projectId === projectId && row.functionId === functionId;
  return {
    async insert(row) {
      if (functions.get(functionKey(row.projectId, row.functionId)) === null) {
        throw new PlatformError('function_not_found', `Cannot add a deployment: the function "${row.functionId}" does not exist.`);
      }
      if (deployments.get(row.id) !== null)
        throw new PlatformError('general_server_error', 'Cannot add a deployment: its id exists already.');
      deployments.put(row);
    },
    get: async (projectId, functionId, id) => deployments.first((row) => isOf(projectId, functionId)(row) && row.id === id),
    latest: async (projectId, functionId) => deployments.rows(isOf(projectId, functionId)).at(-1) ?? null,
    async list(projectId, functionId, query) {
      const entries = deployments.entries(isOf(projectId, functionId));
      return listRows({ noun: 'Deployment', entries, attributes: deploymentReaders, insertion: ['$sequence'] }, query);
    },
    async update(id, from, change) {
      const row = deployments.get(id);
      return row !== null && from.includes(row.status) ? deployments.put(changed(row, change)) : null;
    },
    async delete(projectId, functionId, id) {
      const gone = deployments.delete((row) => isOf(projectId, functionId)(row) && row.id === id);
      for (const row of gone) buildLogs.delete(row.id);
      return gone.length > 0;
    },
    listByStatus: async (statuses) => deployments.rows((row) => statuses.includes(row.status)),
    async appendBuildLog(id, text) {
      if (deployments.get(id) === null)
        throw new PlatformError('deployment_not_found', `Cannot append to the build log: the deployment "${id}" does not exist.`);
      buildLogs.set(id, buildLogTail((buildLogs.get(id) ?? '') + text));
    },
    buildLog: async (id) => buildLogs.get(id) ?? '',
  };
}

const executionReaders: AttributeReaders<typeof executionAttributes, ExecutionRow> = {
  $id: (row) => row.id,
  $createdAt: (row) => row.createdAt,
  $updatedAt: (row) => row.updatedAt,
  $sequence: (_row, entry) => entry.sequence,
  functionId: (row) => row.functionId,
  deploymentId: (row) => row.deploymentId,
  trigger: (row) => row.trigger,
  status: (row) => row.status,
  errorCode: (row) => row.errorCode,
  requestMethod: (row) => row.requestMethod,
  requestPath: (row) => row.requestPath,
  responseStatusCode: (row) => row.responseStatus,
  duration: (row) => row.runMs,
};

/** With all that belongs to them. @returns how many */
export function removeExecutions(tables: MemoryTables, test: (row: ExecutionRow) => boolean): number {
  const { executions, executionLines, jobs, jobRequests, attempts, idempotencyKeys } = tables;
  const gone = executions.delete(test);
  const ids = new Set(gone.map((row) => row.id));
  for (const id of ids) {
    executionLines.delete(id);
    jobRequests.delete(id);
  }
  jobs.delete((job) => ids.has(job.executionId));
  attempts.splice(0, attempts.length, ...attempts.filter((attempt) => !ids.has(attempt.executionId)));
  for (const [key, { executionId }] of idempotencyKeys) if (ids.has(executionId)) idempotencyKeys.delete(key);
  return gone.length;
}

export function memoryExecutions(tables: MemoryTables): ExecutionStore {
  const { executions, executionLines, functions, jobs } = tables;
  const isTerminal = (row: ExecutionRow) => row.status === 'completed' || row.status === 'failed';

  const remove = (test: (row: ExecutionRow) => boolean): number => removeExecutions(tables, test);

  function writeOne({ row, lines, told = [] }: ExecutionWrite): void {
    const old = executions.get(row.id);
    if (old !== null && isTerminal(old)) return;
    const { createdAt, projectId, functionId } = old ?? row;
    executions.put({ ...row, createdAt, projectId, functionId });
    storeEvents(tables, told);
    executionLines.set(row.id, [...(executionLines.get(row.id) ?? []), ...structuredClone(lines)]);
  }

  return {
    async write(batch) {
      // Whole or not at all, as in a transaction.
      if (batch.some(({ row }) => Object.values(row).some((value) => value === undefined || Number.isNaN(value)))) {
        throw new PlatformError('general_server_error', 'Cannot write executions: a field has no value.');
      }
      batch.forEach(writeOne);
    },
    get: async (projectId, functionId, id) =>
      executions.first((row) => row.projectId === projectId && row.functionId === functionId && row.id === id),
    find: async (projectId, id) => executions.first((row) => row.projectId === projectId && row.id === id),
    // oxlint-disable-next-line max-params -- the port's signature
    async list(projectId, functionId, query, readerUserId) {
      const isListed = (row: ExecutionRow) =>
        row.projectId === projectId &&
        (functionId === null || row.functionId === functionId) &&
        (readerUserId === undefined || row.userId === readerUserId);
      return listRows(
        { noun: 'Execution', entries: executions.entries(isListed), attributes: executionReaders, insertion: ['$createdAt', '$sequence'] },
        query,
      );
    },
    lines: async (id) => executionLines.get(id) ?? [],
    delete: async (projectId, functionId, id) =>
      remove((row) => row.projectId === projectId && row.functionId === functionId && row.id === id) > 0,
    async failInterrupted(endedAt, graceMs) {
      const mayRunMs = (row: ExecutionRow): number =>
        2000 * (functions.get(functionKey(row.projectId, row.functionId))?.timeoutSeconds ?? 0);
      const interrupted = executions
        .rows((row) => (row.status === 'waiting' || row.status === 'processing') && jobs.get(row.id) === null)
        .filter((row) => graceMs === undefined || row.createdAt + mayRunMs(row) < endedAt - graceMs);
      for (const row of interrupted)
        executions.put({ ...row, status: 'failed', errorCode: 'execution_interrupted', endedAt, updatedAt: endedAt });
      return interrupted.length;
    },
    async deleteEndedBefore(time, limit) {
      const ended = executions
        .rows((row) => row.endedAt !== null && row.endedAt < time)
        .toSorted((a, b) => (a.endedAt ?? 0) - (b.endedAt ?? 0));
      const chosen = new Set(ended.slice(0, limit));
      return remove((row) => chosen.has(row));
    },
  };
}
