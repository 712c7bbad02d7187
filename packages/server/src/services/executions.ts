/** Records of executions, and executing through the control API, where the caller waits for the whole response. */
import { createHash } from 'node:crypto';
import { PlatformError, type Limits } from '@martlet/protocol';
import { ShortBody } from '@martlet/protocol/frames';
import { executeRefusal } from '../domain/contract/execute-roles.ts';
import { isTerminal } from '../domain/execution-state.ts';
import { actingUser, mayExecute, type Principal } from '../domain/principal.ts';
import { actsForProject } from '../domain/principal-scopes.ts';
import type { Clock } from '../ports/system/clock.ts';
import type { ExecutionRow, FunctionRow, ListQuery, Page, Store } from '../ports/store.ts';
import { executionNotFound, findExecution, followExecution, mayRead, type ExecutionKey } from './executions/find-execution.ts';
import { requireFunction, type FunctionSource } from './functions.ts';
import type { Enqueue } from './queue/enqueue.ts';
import { explainExecution } from './queue/why.ts';
import type { AnswerBody } from './invoke/invocation.ts';
import type { FollowedLine, Invoke, Invoked, PendingExecution } from './invoke/invoke.ts';

/** What a caller that waits is given at most; more has to be fetched from the function itself, as a stream. */
const RESPONSE_BYTES_MAX = 20_971_520;
/** How long the answer waits for work that goes on after the response (`waitUntil`); then the record says `processing`. */
const AFTERMATH_MS = 1000;
const EMPTY = new Uint8Array(0);

export interface NewExecution {
  readonly principal: Principal;
  readonly method: string;
  /** Origin of the URL that the function sees. */
  readonly origin: string;
  /** With query; starts with a slash. */
  readonly path: string;
  /** Flat: name, value, … */
  readonly headers: readonly string[];
  readonly body: Uint8Array;
  readonly clientIp: string;
  readonly signal: AbortSignal | undefined;
}

/** Of an execution that nobody waits for. */
export interface LaterExecution extends Omit<NewExecution, 'signal'> {
  readonly runAt?: number | undefined;
  readonly expiresAt?: number | undefined;
  readonly priority?: number | undefined;
  readonly concurrencyKey?: string | undefined;
  readonly idempotencyKey?: string | undefined;
}

/** An execution with what only the caller that waited for it gets to see. */
export interface WaitedExecution extends PendingExecution {
  readonly responseHeaders: readonly string[];
  readonly responseBody: Uint8Array;
}

export interface FollowWhich {
  readonly functionId?: string | undefined;
  readonly executionId?: string | undefined;
  readonly signal: AbortSignal;
}

export interface Executions {
  /**
   * Executes and waits for the whole response.
   * @throws {PlatformError} `function_not_found`, `deployment_not_found`, `user_unauthorized`, `execution_sync_timed_out`,
   * `general_bad_request` for a response that is too large, and what `Invoke` refuses with
   */
  create(projectId: string, functionId: string, request: NewExecution): Promise<WaitedExecution>;
  /**
   * Accepts an execution that runs later: when this resolves it is on disk, and runs to an end whatever happens to the server.
   * @throws {PlatformError} `function_not_found`, `deployment_not_found`, `user_unauthorized`, and what `Enqueue` refuses with
   */
  createLater(projectId: string, functionId: string, request: LaterExecution): Promise<ExecutionRow>;
  /** @throws {PlatformError} `function_not_found`, `execution_not_found`, also for a reader that may not see it */
  get(key: ExecutionKey, reader: Principal): Promise<PendingExecution>;
  /** Its story. @throws {PlatformError} as `get` */
  why(key: ExecutionKey, reader: Principal): Promise<{ readonly row: ExecutionRow } & Awaited<ReturnType<typeof explainExecution>>>;
  /** Of one function or of all; users see their own. @throws {PlatformError} `function_not_found` */
  list(which: Omit<ExecutionKey, 'id'>, query: ListQuery, reader: Principal): Promise<Page<ExecutionRow>>;
  /** Those that run now. */
  live(projectId: string): readonly ExecutionRow[];
  /** Ends it if it runs; one that has ended stays as it is. @throws {PlatformError} `user_unauthorized` for guests, `execution_not_found` */
  cancel(key: ExecutionKey, reader: Principal): Promise<PendingExecution>;
  /** @throws {PlatformError} `user_unauthorized` for guests and users, `function_not_found`, `execution_not_found`, `execution_in_progress` */
  delete(key: ExecutionKey & { readonly functionId: string }, reader: Principal): Promise<void>;
  /**
   * Log lines: of an execution all there are and then the new ones until it ends; otherwise the new ones until the signal.
   * @throws {PlatformError} `function_not_found`, `execution_not_found`
   */
  follow(projectId: string, which: FollowWhich): Promise<AsyncIterable<FollowedLine>>;
}

export interface ExecutionsOptions {
  readonly store: Store;
  /** A look-up that may be cached: accepting an execution asks for its function each time. */
  readonly findFunction: (projectId: string, id: string) => Promise<FunctionRow | null>;
  readonly invoke: Invoke;
  readonly enqueue: Enqueue;
  readonly clock: Clock;
  readonly limits: Pick<Limits, 'syncWaitSeconds'>;
}

export function createExecutions({ store, findFunction, invoke, enqueue, clock, limits }: ExecutionsOptions): Executions {
  const functions = { functions: { get: findFunction } };
  const executions: Executions = {
    async create(projectId, functionId, request) {
      const row = await requireVisible(store, { projectId, functionId }, request.principal);
      assertExecutable(row, request.principal);
      const seconds = limits.syncWaitSeconds;
      const late = new PlatformError(
        'execution_sync_timed_out',
        `Synchronous function execution timed out. Use asynchronous execution instead, or ensure the execution duration doesn't exceed ${seconds} seconds.`,
      );
      return withDeadline({ ms: seconds * 1000, late, signal: request.signal }, async (signal) =>
        waitFor(
          await invoke.invoke({
            ...request,
            projectId,
            functionId,
            signal,
            trigger: 'http',
            hops: request.principal.kind === 'execution' ? request.principal.hops + 1 : 0,
          }),
        ),
      );
    },

    async createLater(projectId, functionId, request) {
      const row = await requireVisible(functions, { projectId, functionId }, request.principal);
      assertExecutable(row, request.principal);
      const { principal, method, origin, path, headers, body, clientIp, idempotencyKey, ...when } = request;
      const hops = principal.kind === 'execution' ? principal.hops + 1 : 0;
      const idempotency =
        idempotencyKey === undefined
          ? null
          : { key: `client:${idempotencyKey}`, hash: hashOf([method, path, JSON.stringify(headers)], body) };
      return enqueue.enqueue({
        ...when,
        projectId,
        functionId,
        deploymentId: row.activeDeploymentId ?? '',
        trigger: 'http',
        userId: actingUser(principal)?.userId ?? null,
        request: { method, origin, path, headers, clientIp, hops, event: '' },
        body,
        idempotency,
      });
    },

    async get(key, reader) {
      if (key.functionId !== null) await requireVisible(store, { projectId: key.projectId, functionId: key.functionId }, reader);
      const found = await findExecution({ store, invoke }, key);
      if (!mayRead(reader, found.row)) throw executionNotFound(key.id);
      return found;
    },

    async why(key, reader) {
      const { row } = await executions.get(key, reader);
      return { row, ...(await explainExecution({ store, clock }, row)) };
    },

    async list({ projectId, functionId }, query, reader) {
      if (functionId !== null) await requireVisible(store, { projectId, functionId }, reader);
      return store.executions.list(projectId, functionId, query, reader.kind === 'user' ? reader.userId : undefined);
    },

    live: (projectId) => invoke.live(projectId),

    async cancel(key, reader) {
      if (reader.kind === 'anonymous')
        throw new PlatformError('user_unauthorized', 'Cannot cancel an execution for a caller who is nobody: use an API key.');
      await executions.get(key, reader);
      // One that waits is canceled in the store; one that runs by whoever runs it, which may be another server.
      await store.jobs.cancel({ projectId: key.projectId, executionId: key.id, now: clock.now() });
      invoke.cancel(key.projectId, key.id);
      return findExecution({ store, invoke }, key);
    },

    async delete({ projectId, functionId, id }, reader) {
      // Guests and users hold the scope that executing asks for; the record is not theirs to remove.
      if (!actsForProject(reader)) throw new PlatformError('user_unauthorized', 'Cannot delete an execution without an API key.');
      await requireFunction(store, projectId, functionId);
      const row = invoke.pending(id)?.row ?? (await store.executions.get(projectId, functionId, id));
      if (row === null || row.projectId !== projectId || row.functionId !== functionId) throw executionNotFound(id);
      if (!isTerminal(row.status) || invoke.pending(id) !== undefined) {
        throw new PlatformError(
          'execution_in_progress',
          "Can't delete ongoing execution. Please wait for execution to finish before deleting it.",
        );
      }
      if (!(await store.executions.delete(projectId, functionId, id))) throw executionNotFound(id);
    },

    async follow(projectId, { functionId, executionId, signal }) {
      if (functionId !== undefined) await requireFunction(store, projectId, functionId);
      if (executionId !== undefined)
        return followExecution({ store, invoke }, { projectId, functionId: functionId ?? null, id: executionId }, signal);
      return invoke.followLines({ projectId, signal, ...(functionId === undefined ? {} : { functionId }) });
    },
  };
  return executions;
}

/** Tells whether two requests with one idempotency key ask for the same. */
function hashOf(texts: readonly string[], body: Uint8Array): string {
  const hash = createHash('sha256');
  for (const text of texts) hash.update(`${text.length}:${text}`);
  return hash.update(body).digest('hex');
}

/** For callers that do not act for the project a disabled function is not there. */
async function requireVisible(
  store: FunctionSource,
  { projectId, functionId }: { projectId: string; functionId: string },
  principal: Principal,
): Promise<FunctionRow> {
  const row = await requireFunction(store, projectId, functionId);
  if (!row.enabled && !actsForProject(principal))
    throw new PlatformError('function_not_found', 'Function with the requested ID could not be found.');
  return row;
}

/** In the order of the contract: a function without a deployment is not found, whoever asks. */
function assertExecutable(row: FunctionRow, principal: Principal): void {
  if (row.activeDeploymentId === null)
    throw new PlatformError('deployment_not_found', 'Deployment not found. Create a deployment before trying to execute a function');
  if (!mayExecute(principal, row.projectId, row.execute))
    throw new PlatformError('user_unauthorized', executeRefusal(principal, row.execute));
}

/** Runs `work` with a signal that aborts at the deadline or with the caller's; then the error is `late`. */
async function withDeadline<T>(
  deadline: { ms: number; late: PlatformError; signal: AbortSignal | undefined },
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const overdue = new AbortController();
  const { promise: expired, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    reject(deadline.late);
    overdue.abort(deadline.late);
  }, deadline.ms);
  try {
    const signal = deadline.signal === undefined ? overdue.signal : AbortSignal.any([deadline.signal, overdue.signal]);
    return await Promise.race([work(signal), expired]);
  } finally {
    clearTimeout(timer);
  }
}

async function waitFor(invoked: Invoked): Promise<WaitedExecution> {
  const { outcome } = invoked;
  const responseBody = outcome.kind === 'response' ? await readWhole(outcome.body) : EMPTY;
  await settledWithin(invoked.ended, AFTERMATH_MS);
  return {
    row: invoked.row(),
    lines: invoked.lines(),
    responseHeaders: outcome.kind === 'response' ? outcome.headers : [],
    responseBody,
  };
}

async function readWhole(body: AnswerBody): Promise<Uint8Array> {
  if (body instanceof ShortBody) return body.bytes;
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body instanceof Uint8Array ? [body] : body) {
    bytes += chunk.length;
    // Leaving the loop cancels the stream.
    if (bytes > RESPONSE_BYTES_MAX)
      throw new PlatformError(
        'general_bad_request',
        `Failed to parse response: it is over ${RESPONSE_BYTES_MAX} bytes; call the function under /functions/<path> to get it as a stream.`,
      );
    chunks.push(chunk);
  }
  return chunks.length === 1 ? (chunks[0] ?? EMPTY) : Buffer.concat(chunks);
}

async function settledWithin(promise: Promise<void>, ms: number): Promise<void> {
  const { promise: timeUp, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  await Promise.race([promise, timeUp]);
  clearTimeout(timer);
}
