/** Variables of functions and projects. Secrets are sealed before they reach the store and leave it only for workers. */
import { PlatformError, isCustomId } from '@martlet/protocol';
import type { Clock } from '../ports/system/clock.ts';
import type { Ids } from '../ports/system/ids.ts';
import type { ListQuery, Page, Store, VariableChange, VariableRow } from '../ports/store.ts';
import type { Vault } from '../ports/vault.ts';
import type { Changes } from './changes.ts';
import { requireFunction } from './functions.ts';

/** Whose variables: of a function, or with null of the project. */
export interface VariableOwner {
  readonly projectId: string;
  readonly functionId: string | null;
}

export interface VariableInput {
  readonly key?: string | undefined;
  readonly value?: string | undefined;
  readonly secret?: boolean | undefined;
}

export interface Variables {
  /** `id` may be `unique()`. Variables are secret unless said otherwise. @throws {PlatformError} `function_not_found`, `variable_already_exists` */
  create(owner: VariableOwner, id: string, input: VariableInput & { readonly key: string; readonly value: string }): Promise<VariableRow>;
  /** @throws {PlatformError} `function_not_found`, `variable_not_found` */
  get(owner: VariableOwner, id: string): Promise<VariableRow>;
  /** @throws {PlatformError} `function_not_found` */
  list(owner: VariableOwner, query: ListQuery): Promise<Page<VariableRow>>;
  /** @throws {PlatformError} `function_not_found`, `variable_not_found`, `variable_already_exists`, `variable_cannot_unset_secret` */
  update(owner: VariableOwner, id: string, input: VariableInput): Promise<VariableRow>;
  /** @throws {PlatformError} `function_not_found`, `variable_not_found` */
  delete(owner: VariableOwner, id: string): Promise<void>;
  /** What a worker of the function is given, opened; a variable of the function wins over one of the project. */
  environment(projectId: string, functionId: string): Promise<Record<string, string>>;
}

export interface VariablesOptions {
  readonly store: Store;
  readonly vault: Vault;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly changes: Changes;
}

export function createVariables(options: VariablesOptions): Variables {
  const { store, vault, clock, ids } = options;
  return {
    async create(owner, wantedId, { key, value, secret = true }) {
      await assertOwner(store, owner);
      const id = wantedId === 'unique()' ? ids.next() : wantedId;
      if (!isCustomId(id))
        throw new PlatformError(
          'general_argument_invalid',
          "Invalid `variableId` param: Parameter must contain at most 36 chars. Valid chars are a-z, A-Z, 0-9, period, hyphen, and underscore. Can't start with a special char",
        );
      const now = clock.now();
      const row: VariableRow = {
        ...owner,
        id,
        createdAt: now,
        updatedAt: now,
        key,
        secret,
        value: secret ? vault.seal(value, sealContext({ ...owner, key })) : value,
      };
      await store.variables.insert(row);
      await changed(options, owner);
      return row;
    },

    async get(owner, id) {
      await assertOwner(store, owner);
      return requireVariable(store, owner, id);
    },

    async list(owner, query) {
      await assertOwner(store, owner);
      return store.variables.list(owner.projectId, owner.functionId, query);
    },

    async update(owner, id, input) {
      await assertOwner(store, owner);
      const row = await requireVariable(store, owner, id);
      const change = changeOf(row, input, vault);
      const updated = await store.variables.update(owner.projectId, owner.functionId, id, { ...change, updatedAt: clock.now() });
      if (updated === null) throw notFound(id);
      await changed(options, owner);
      return updated;
    },

    async delete(owner, id) {
      await assertOwner(store, owner);
      if (!(await store.variables.delete(owner.projectId, owner.functionId, id))) throw notFound(id);
      await changed(options, owner);
    },

    async environment(projectId, functionId) {
      const rows = await store.variables.listEffective(projectId, functionId);
      return Object.fromEntries(rows.map((row) => [row.key, openVariable(vault, row)]));
    },
  };
}

/** The plain value of a variable. @throws {Error} when a sealed value does not open */
export function openVariable(vault: Vault, row: VariableRow): string {
  return row.secret ? vault.open(row.value, sealContext(row)) : row.value;
}

/** What a sealed value is bound to; the function part is empty for variables of a project. Ids hold no slash. */
export function sealContext({ projectId, functionId, key }: Pick<VariableRow, 'projectId' | 'functionId' | 'key'>): string {
  return `${projectId}/${functionId ?? ''}/${key}`;
}

function changeOf(row: VariableRow, input: VariableInput, vault: Vault): VariableChange {
  if (input.key === undefined && input.value === undefined && input.secret === undefined) {
    throw new PlatformError('general_argument_invalid', 'Cannot update the variable: none of `key`, `value` and `secret` is given.');
  }
  if (row.secret && input.secret === false) {
    throw new PlatformError(
      'variable_cannot_unset_secret',
      'Secret variables cannot be marked as non-secret. Please re-create the variable if this is your intention.',
    );
  }
  const key = input.key ?? row.key;
  const secret = input.secret ?? row.secret;
  // A sealed value is bound to its key, so a new key needs a new seal.
  const plain = input.value ?? openVariable(vault, row);
  return { key, secret, value: secret ? vault.seal(plain, sealContext({ ...row, key })) : plain };
}

/** The contract marks a function as not live after any change of its variables; workers get the new ones by `changes`. */
async function changed({ store, changes }: VariablesOptions, { projectId, functionId }: VariableOwner): Promise<void> {
  if (functionId !== null) await store.functions.update(projectId, functionId, { live: false });
  changes.announce({ kind: 'variables', projectId, ...(functionId === null ? {} : { functionId }) });
}

async function assertOwner(store: Store, { projectId, functionId }: VariableOwner): Promise<void> {
  if (functionId !== null) await requireFunction(store, projectId, functionId);
}

async function requireVariable(store: Store, { projectId, functionId }: VariableOwner, id: string): Promise<VariableRow> {
  const row = await store.variables.get(projectId, functionId, id);
  if (row === null) throw notFound(id);
  return row;
}

const notFound = (id: string): PlatformError =>
  new PlatformError('variable_not_found', `Variable with the requested ID could not be found: "${id.slice(0, 40)}".`);
