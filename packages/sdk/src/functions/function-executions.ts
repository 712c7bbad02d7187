/** Executions of one function, in both forms of the Appwrite clients: an object, or the same values one after another. */
import type { Execution, ExecutionList, ExecutionMethod } from '../resources.ts';
import type { Http } from '../transport/http.ts';

export interface CreateExecution {
  readonly functionId: string;
  readonly body?: string | undefined;
  /** True: the answer is the waiting execution, not the ended one. */
  readonly async?: boolean | undefined;
  /** Path with query that the function sees; default `/`. */
  readonly xpath?: string | undefined;
  /** Default POST. */
  readonly method?: ExecutionMethod | undefined;
  readonly headers?: object | undefined;
  /** ISO 8601; needs `async`, like all below. */
  readonly scheduledAt?: string | undefined;
  /** Seconds after it was due from which on it is not worth running. */
  readonly expiresIn?: number | undefined;
  /** -100 to 100: higher runs first, within the function. */
  readonly priority?: number | undefined;
  /** Of one function, one execution with the same key runs at a time. */
  readonly concurrencyKey?: string | undefined;
  /** The same key again gives the same execution, and starts nothing. */
  readonly idempotencyKey?: string | undefined;
}

export interface ListExecutions {
  readonly functionId: string;
  /** Made with `Query`. */
  readonly queries?: readonly string[] | undefined;
  /** Whether to count all that match; default true. */
  readonly total?: boolean | undefined;
}

export interface OneExecution {
  readonly functionId: string;
  readonly executionId: string;
}

export interface FunctionExecutions {
  createExecution(execution: CreateExecution): Promise<Execution>;
  createExecution(
    functionId: string,
    body?: string,
    async?: boolean,
    xpath?: string,
    method?: ExecutionMethod,
    headers?: object,
    scheduledAt?: string,
  ): Promise<Execution>;
  listExecutions(which: ListExecutions): Promise<ExecutionList>;
  listExecutions(functionId: string, queries?: readonly string[], total?: boolean): Promise<ExecutionList>;
  getExecution(which: OneExecution): Promise<Execution>;
  getExecution(functionId: string, executionId: string): Promise<Execution>;
  /** Deletes the record of one that has ended; needs a key. */
  deleteExecution(which: OneExecution): Promise<void>;
  deleteExecution(functionId: string, executionId: string): Promise<void>;
}

export function createFunctionExecutions({ api }: Http): FunctionExecutions {
  return {
    async createExecution(...args: unknown[]) {
      const { functionId, xpath: path, idempotencyKey: key, ...rest } = named<CreateExecution>(args, CREATE);
      return api('POST', `${root({ functionId })}/executions`, {
        body: { ...rest, path },
        headers: key === undefined ? key : { 'idempotency-key': key },
      });
    },
    async listExecutions(...args: unknown[]) {
      const { functionId, ...query } = named<ListExecutions>(args, ['functionId', 'queries', 'total']);
      return api('GET', `${root({ functionId })}/executions`, { query });
    },
    async getExecution(...args: unknown[]) {
      return api('GET', pathOf(named<OneExecution>(args, ONE)));
    },
    async deleteExecution(...args: unknown[]) {
      await api('DELETE', pathOf(named<OneExecution>(args, ONE)));
    },
  };
}

const CREATE = ['functionId', 'body', 'async', 'xpath', 'method', 'headers', 'scheduledAt'] as const;
const ONE = ['functionId', 'executionId'] as const;

const root = ({ functionId }: { functionId: string }): string => `/functions/${segment('functionId', functionId)}`;
const pathOf = ({ functionId, executionId }: OneExecution): string =>
  `${root({ functionId })}/executions/${segment('executionId', executionId)}`;

/** Arguments by name, whichever form they came in. */
export function named<Parameters extends object>(args: readonly unknown[], names: readonly (keyof Parameters & string)[]): Parameters {
  const [first] = args;
  // The first of the other form is always a text.
  if (typeof first === 'object' && first !== null) return { ...first } as Parameters;
  return Object.fromEntries(names.map((name, index) => [name, args[index]])) as Parameters;
}

/** An id as a part of a path. @throws {TypeError} for one that is missing, or would be another path */
export function segment(parameter: string, id: unknown): string {
  if (typeof id !== 'string' || id === '') throw new TypeError(`Cannot call the server: the parameter \`${parameter}\` is missing.`);
  if (id === '.' || id === '..') throw new TypeError(`Cannot call the server: the parameter \`${parameter}\` is no id.`);
  return encodeURIComponent(id);
}
