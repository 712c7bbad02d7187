/** Projects, keys, functions and variables in memory. */
import { PlatformError } from '@martlet/protocol';
import type { functionAttributes, keyAttributes, variableAttributes } from '../../domain/list-attributes.ts';
import type { FunctionRow, FunctionStore, KeyRow, KeyStore, ProjectStore, VariableRow, VariableStore } from '../../ports/store.ts';
import { removeExecutions } from './memory-executions.ts';
import { followSettings } from './memory-schedules.ts';
import { listRows, type AttributeReaders } from './list-rows.ts';
import { changed } from './memory-table.ts';
import { functionKey, type MemoryTables } from './memory-tables.ts';

export function memoryProjects({ projects }: MemoryTables): ProjectStore {
  return {
    get: async (id) => projects.get(id),
    async ensure(row) {
      return projects.get(row.id) ?? projects.put(row);
    },
  };
}

const keyReaders: AttributeReaders<typeof keyAttributes, KeyRow> = {
  $id: (row) => row.id,
  $createdAt: (row) => row.createdAt,
  $updatedAt: (row) => row.updatedAt,
  $sequence: (_row, entry) => entry.sequence,
  name: (row) => row.name,
  prefix: (row) => row.prefix,
};

export function memoryKeys({ keys }: MemoryTables): KeyStore {
  const at = (projectId: string, id: string) => (row: KeyRow) => row.projectId === projectId && row.id === id;
  return {
    async insert(row) {
      if (keys.first((other) => other.id === row.id || other.hash === row.hash) !== null)
        throw new PlatformError('key_already_exists', `A key with the id "${row.id}" exists already.`);
      keys.put(row);
    },
    getByHash: async (hash) => keys.first((row) => row.hash === hash),
    get: async (projectId, id) => keys.first(at(projectId, id)),
    async list(projectId, query) {
      const entries = keys.entries((row) => row.projectId === projectId);
      return listRows({ noun: 'Key', entries, attributes: keyReaders, insertion: ['$sequence'] }, query);
    },
    count: async () => keys.rows(() => true).length,
    async touch(id, usedAt) {
      const row = keys.get(id);
      if (row !== null) keys.put({ ...row, lastUsedAt: usedAt });
    },
    delete: async (projectId, id) => keys.delete(at(projectId, id)).length > 0,
  };
}

const functionReaders: AttributeReaders<typeof functionAttributes, FunctionRow> = {
  $id: (row) => row.id,
  $createdAt: (row) => row.createdAt,
  $updatedAt: (row) => row.updatedAt,
  $sequence: (_row, entry) => entry.sequence,
  name: (row) => row.name,
  path: (row) => row.path,
  enabled: (row) => row.enabled,
  live: (row) => row.live,
  runtime: (row) => row.runtime,
  deploymentId: (row) => row.activeDeploymentId,
  schedule: (row) => row.schedule,
  timeout: (row) => row.timeoutSeconds,
  memory: (row) => row.memoryMb,
  entrypoint: (row) => row.entrypoint,
  commands: (row) => row.commands,
};

export function memoryFunctions(tables: MemoryTables): FunctionStore {
  const { functions } = tables;

  function refuseTaken(row: FunctionRow, self: FunctionRow | null): void {
    const taken = functions.first(
      (other) => other !== self && other.projectId === row.projectId && (other.id === row.id || other.path === row.path),
    );
    if (taken !== null)
      throw new PlatformError('function_already_exists', `A function with the id "${row.id}" or the name "${row.path}" exists already.`);
  }

  return {
    async insert(row) {
      refuseTaken(row, null);
      functions.put(row);
      followSettings(tables, row);
    },
    get: async (projectId, id) => functions.get(functionKey(projectId, id)),
    listeners: async (projectId) => functions.rows((row) => row.projectId === projectId && row.events.length > 0),
    async getByPath(projectId, paths) {
      const rows = functions.rows((row) => row.projectId === projectId);
      return paths.map((path) => rows.find((row) => row.path === path)).find((row) => row !== undefined) ?? null;
    },
    async list(projectId, query, search = '') {
      const words = search
        .toLowerCase()
        .split(/\s+/)
        .filter((word) => word !== '');
      const entries = functions.entries((row) => row.projectId === projectId);
      const isFound = (row: FunctionRow) => words.every((word) => searchText(row).includes(word));
      return listRows({ noun: 'Function', entries, search: isFound, attributes: functionReaders, insertion: ['$sequence'] }, query);
    },
    async update(projectId, id, change) {
      const row = functions.get(functionKey(projectId, id));
      if (row === null) return null;
      refuseTaken(changed(row, change), row);
      const put = functions.put(changed(row, change));
      followSettings(tables, put);
      return put;
    },
    async delete(projectId, id) {
      const isOf = (row: { projectId: string; functionId: string | null }) => row.projectId === projectId && row.functionId === id;
      removeExecutions(tables, isOf);
      for (const row of tables.deployments.delete(isOf)) tables.buildLogs.delete(row.id);
      tables.variables.delete(isOf);
      tables.schedules.delete(isOf);
      return functions.delete((row) => row.projectId === projectId && row.id === id).length > 0;
    },
  };
}

function searchText(row: FunctionRow): string {
  return `${row.id} ${row.name} ${row.path} ${row.runtime}`.toLowerCase();
}

const variableReaders: AttributeReaders<typeof variableAttributes, VariableRow> = {
  $id: (row) => row.id,
  $createdAt: (row) => row.createdAt,
  $updatedAt: (row) => row.updatedAt,
  $sequence: (_row, entry) => entry.sequence,
  key: (row) => row.key,
  secret: (row) => row.secret,
  resourceType: (row) => (row.functionId === null ? 'project' : 'function'),
  resourceId: (row) => row.functionId ?? row.projectId,
};

export function memoryVariables({ variables, functions }: MemoryTables): VariableStore {
  const ownedBy = (projectId: string, functionId: string | null) => (row: VariableRow) =>
    row.projectId === projectId && row.functionId === functionId;
  const one = (projectId: string, functionId: string | null, id: string) =>
    variables.first((row) => ownedBy(projectId, functionId)(row) && row.id === id);

  function refuseTaken(row: VariableRow, self: VariableRow | null): void {
    const isSame = ownedBy(row.projectId, row.functionId);
    const taken = variables.first((other) => other !== self && isSame(other) && (other.id === row.id || other.key === row.key));
    if (taken !== null)
      throw new PlatformError('variable_already_exists', `A variable with this id or the key "${row.key}" exists already.`);
  }

  return {
    async insert(row) {
      refuseTaken(row, null);
      const isOrphan = row.functionId !== null && functions.get(functionKey(row.projectId, row.functionId)) === null;
      if (isOrphan)
        throw new PlatformError('function_not_found', `Cannot add a variable: the function "${row.functionId}" does not exist.`);
      variables.put(row);
    },
    get: async (projectId, functionId, id) => one(projectId, functionId, id),
    async list(projectId, functionId, query) {
      const entries = variables.entries(ownedBy(projectId, functionId));
      return listRows({ noun: 'Variable', entries, attributes: variableReaders, insertion: ['$sequence'] }, query);
    },
    listEffective: async (projectId, functionId) => [
      ...variables.rows(ownedBy(projectId, null)),
      ...variables.rows(ownedBy(projectId, functionId)),
    ],
    // oxlint-disable-next-line max-params -- the port's signature
    async update(projectId, functionId, id, change) {
      const row = one(projectId, functionId, id);
      if (row === null) return null;
      refuseTaken(changed(row, change), row);
      return variables.put(changed(row, change));
    },
    delete: async (projectId, functionId, id) => variables.delete((row) => ownedBy(projectId, functionId)(row) && row.id === id).length > 0,
  };
}
