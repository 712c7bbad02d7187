/** Variables and secrets: of one function, or of the project for all of its functions. */
import { segment } from '../functions/function-executions.ts';
import { Query } from '../query.ts';
import type { CallApi } from '../transport/http.ts';
import type { ListOptions, Variable, VariableList } from './resources.ts';

/** Whose they are; without a function the project's. */
export interface VariableOf {
  readonly functionId?: string | undefined;
}

export interface VariableValues {
  readonly key?: string | undefined;
  readonly value?: string | undefined;
  /** True: the value is sealed and never shown again. */
  readonly secret?: boolean | undefined;
}

export interface Variables {
  list(of?: VariableOf & ListOptions): Promise<VariableList>;
  get(variableId: string, of?: VariableOf): Promise<Variable>;
  /** `secret` is true unless it is said. */
  create(variable: VariableOf & VariableValues & { readonly key: string; readonly value: string }): Promise<Variable>;
  update(variableId: string, values: VariableOf & VariableValues): Promise<Variable>;
  delete(variableId: string, of?: VariableOf): Promise<void>;
}

/** Secrets by name. */
export interface Secrets {
  /** Names only: values are never shown again. */
  list(of?: VariableOf): Promise<string[]>;
  /** Makes it, or gives it another value. */
  set(name: string, value: string, of?: VariableOf): Promise<void>;
  /** False where there was none. */
  delete(name: string, of?: VariableOf): Promise<boolean>;
}

const PAGE = 100;

export function createVariables(api: CallApi): Variables {
  const rootOf = ({ functionId }: VariableOf = {}): string =>
    functionId === undefined ? '/project/variables' : `/functions/${segment('functionId', functionId)}/variables`;
  const pathOf = (variableId: string, of?: VariableOf): string => `${rootOf(of)}/${segment('variableId', variableId)}`;
  return {
    list: async ({ functionId, ...query } = {}) => api('GET', rootOf({ functionId }), { query }),
    get: async (variableId, of) => api('GET', pathOf(variableId, of)),
    create: async ({ functionId, ...body }) => api('POST', rootOf({ functionId }), { body }),
    update: async (variableId, { functionId, ...body }) => api('PUT', pathOf(variableId, { functionId }), { body }),
    delete: async (variableId, of) => api('DELETE', pathOf(variableId, of)),
  };
}

export function createSecrets(variables: Variables): Secrets {
  async function all(of: VariableOf): Promise<Variable[]> {
    const found: Variable[] = [];
    for (;;) {
      const last = found.at(-1);
      const queries = [Query.equal('secret', true), Query.limit(PAGE), ...(last === undefined ? [] : [Query.cursorAfter(last.$id)])];
      const page = (await variables.list({ ...of, queries, total: false })).variables;
      found.push(...page);
      if (page.length < PAGE) return found;
    }
  }

  async function find(name: string, of: VariableOf): Promise<Variable | undefined> {
    return (await variables.list({ ...of, queries: [Query.equal('key', name)], total: false })).variables[0];
  }

  return {
    list: async (of = {}) => (await all(of)).map(({ key }) => key),
    async set(name, value, of = {}) {
      const known = await find(name, of);
      if (known === undefined) await variables.create({ ...of, key: name, value, secret: true });
      else await variables.update(known.$id, { ...of, value });
    },
    async delete(name, of = {}) {
      const known = await find(name, of);
      if (known !== undefined) await variables.delete(known.$id, of);
      return known !== undefined;
    },
  };
}
