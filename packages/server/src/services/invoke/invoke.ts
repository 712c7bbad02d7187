/** The story of one execution; see `invocation.ts` for its words. */
import { timingSafeEqual } from 'node:crypto';
import { isPlatformError, PlatformError, type Limits } from '@martlet/protocol';
import { actingUser, mayExecute, type Principal } from '../../domain/principal.ts';
import type { Clock } from '../../ports/system/clock.ts';
import type { Ids } from '../../ports/system/ids.ts';
import type { FunctionRow } from '../../ports/store.ts';
import type { Worker } from '../workers/worker.ts';
import type { WorkerPool, WorkerTarget } from '../workers/worker-pool.ts';
import type { Admission } from './admission.ts';
import { after } from './after.ts';
import { createLineFollowers } from './follow-lines.ts';
import type { FunctionRoutes, RoutedFunction } from './function-routes.ts';
import type { Caller, Invoke, Invoked, InvokeRequest, PendingExecution, Starter } from './invocation.ts';
import { LiveList } from './live-list.ts';
import type { Recorder } from './recorder.ts';
import { RunningExecution } from './running-execution.ts';

export type { FollowedLine, Invoke, Invoked, InvokeRequest, Outcome, PendingExecution } from './invocation.ts';

export interface InvokeOptions {
  readonly routes: FunctionRoutes;
  readonly admission: Admission;
  readonly pool: WorkerPool;
  readonly recorder: Recorder;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly limits: Limits;
  /** Origin at which functions reach the platform. */
  readonly platformUrl: string;
  targetOf(routed: RoutedFunction): WorkerTarget;
  /** State of the newest deployment, for the refusal of a function that has none active. */
  describeUnready(routed: RoutedFunction): Promise<string>;
  /** Told of every execution that has ended, for metrics. */
  onEnded(execution: RunningExecution): void;
}

/** What `invoke` offers beyond its port, to those who put the server together. */
export interface Invoker extends Invoke, Starter {
  /** The principal of a running execution by its token. */
  lookUpExecution(token: string): Principal | undefined;
  readonly inFlight: number;
  /** Refuses new executions and resolves when those in flight have ended, or after `graceMs`. */
  drain(graceMs: number): Promise<void>;
  close(): void;
}

const TOKEN_PREFIX = 'mx_';
/** A multiple of three: its text is cut from a longer one as it is. */
const TOKEN_BYTES = 18;
/** How long an execution that was told to stop may take before its worker is ended. */
const STOP_GRACE_MS = 1000;
/** How late a timeout may be. */
const WATCH_MS = 20;

export function createInvoke(options: InvokeOptions): Invoker {
  const { routes, admission, pool, recorder, clock, ids, limits } = options;
  const running = new LiveList<RunningExecution>();
  const followers = createLineFollowers();
  const executionWatch = { limits, onLine: followers.line, onEnd };
  const watch = setInterval(endLate, WATCH_MS);
  watch.unref();
  let draining = false;
  let onIdle: (() => void) | undefined;

  return {
    start,
    invoke: (request) => new Promise((resolve, reject) => start(request, { answered: resolve, refused: reject })),
    cancel(projectId, executionId) {
      const execution = running.find(({ id }) => id === executionId);
      if (execution === undefined || execution.routed.fn.projectId !== projectId) return false;
      execution.fail('execution_canceled', 'The execution was canceled.');
      stop(execution, 'The execution was canceled');
      return true;
    },
    live: (projectId) =>
      running
        .all()
        .filter((execution) => execution.routed.fn.projectId === projectId)
        .map((execution) => execution.row()),
    pending: (executionId) => recorder.pending(executionId) ?? pendingJob(executionId),
    followLines: (query) => followers.follow(query),
    lookUpExecution,
    get inFlight() {
      return running.size;
    },
    close: () => clearInterval(watch),
    async drain(graceMs) {
      draining = true;
      if (running.size === 0) return;
      await Promise.race([
        new Promise<void>((resolve) => {
          onIdle = resolve;
        }),
        new Promise<void>((resolve) => {
          setTimeout(resolve, graceMs);
        }),
      ]);
    },
  };

  function start(request: InvokeRequest, caller: Caller): void {
    try {
      if (draining) throw new PlatformError('server_draining', { retryAfterSeconds: 1 });
      const started = after(request.routed ?? routes.byId(request.projectId, request.functionId), (routed) =>
        after(ready(request, routed), (readyFunction) => admit(request, readyFunction, caller)),
      );
      if (started instanceof Promise) started.catch((error: unknown) => caller.refused(error));
    } catch (error) {
      caller.refused(error);
    }
  }

  function admit(request: InvokeRequest, routed: ReadyFunction, caller: Caller): void | Promise<void> {
    const place = admission.enter(routed.fn, request.signal, request.attempt !== undefined);
    const execution = createExecution(request, routed);
    if (place === undefined) return run(execution, routed, caller);
    return place.then(() => run(execution.admittedNow(), routed, caller));
  }

  function run(execution: RunningExecution, { fn, deployment }: ReadyFunction, caller: Caller): void | Promise<void> {
    begin(execution);
    const worker = pool.live(deployment.id);
    if (worker === undefined) return startWorkerAndExecute(execution).then(() => tell(caller, execution, fn));
    execute(execution, worker, execution.admittedAt);
    tell(caller, execution, fn);
  }

  function tell(caller: Caller, execution: RunningExecution, fn: FunctionRow): void {
    if (fn.durability === 'strict') execution.onAnswered((invoked) => void tellOnceRecorded(caller, invoked));
    else execution.onAnswered((invoked) => caller.answered(invoked));
  }

  /** A stream has its record after its end, which comes after the answer has begun. */
  async function tellOnceRecorded(caller: Caller, invoked: Invoked): Promise<void> {
    if (invoked.outcome.kind === 'failed' || !(invoked.outcome.body instanceof ReadableStream)) await invoked.ended;
    caller.answered(invoked);
  }

  /** @throws {PlatformError} when the function is not there, has nothing to run, or the caller may not run it */
  function ready(request: InvokeRequest, routed: RoutedFunction | null): ReadyFunction | Promise<never> {
    if (routed === null) throw new PlatformError('function_not_found');
    const { fn } = routed;
    if (!fn.enabled && request.principal.kind !== 'key' && request.attempt === undefined)
      throw new PlatformError('function_disabled', `Cannot execute "${fn.path}": it is disabled.`);
    if (!isReady(routed)) return refuseUnready(routed);
    // Whether a job may run was asked when it was accepted.
    if (request.attempt === undefined && !mayExecute(request.principal, fn.projectId, fn.execute)) {
      const roles = fn.execute.length === 0 ? 'no role may, only API keys' : `only ${fn.execute.join(', ')} may`;
      throw new PlatformError('user_unauthorized', `Cannot execute "${fn.path}" as ${request.principal.kind}: ${roles}.`);
    }
    if (request.hops > limits.hops)
      throw new PlatformError(
        'execution_hops_exceeded',
        `Cannot execute "${fn.path}": ${request.hops} functions called each other already.`,
      );
    return routed;
  }

  async function refuseUnready(routed: RoutedFunction): Promise<never> {
    throw new PlatformError('function_not_ready', { message: await options.describeUnready(routed), retryAfterSeconds: 1 });
  }

  function pendingJob(executionId: string): PendingExecution | undefined {
    const execution = running.find(({ id, request }) => id === executionId && request.attempt !== undefined);
    return execution === undefined ? undefined : { row: execution.row(), lines: execution.recording?.unwritten?.() ?? [], linesGoOn: true };
  }

  function createExecution(request: InvokeRequest, routed: RoutedFunction): RunningExecution {
    const id = request.attempt?.executionId ?? ids.next();
    const token = `${TOKEN_PREFIX}${id}.${ids.secret(TOKEN_BYTES)}`;
    return new RunningExecution({ id, token, request, routed, now: clock.now() }, executionWatch);
  }

  function begin(execution: RunningExecution): void {
    const { request } = execution;
    running.add(execution);
    execution.recording = request.attempt?.record(execution) ?? recorder.began(execution);
    const { signal } = request;
    if (signal?.aborted === true) callerGone(execution);
    else signal?.addEventListener('abort', () => callerGone(execution), { once: true });
  }

  async function startWorkerAndExecute(execution: RunningExecution): Promise<void> {
    try {
      const worker = await pool.start(options.targetOf(execution.routed));
      // The first one of those who wait together is the one whose start was cold.
      execution.cold = true;
      execute(execution, worker, performance.now());
    } catch (error) {
      const refusal = error instanceof PlatformError ? error : new PlatformError('worker_start_failed', { cause: error });
      execution.note('error', refusal.message);
      execution.endUnserved(refusal.code, refusal.message);
      throw refusal;
    }
  }

  function execute(execution: RunningExecution, worker: Worker, now: number): void {
    const { request, routed } = execution;
    // Also one that was canceled while its worker started: it has its answer, and must not run.
    if (request.signal?.aborted === true || execution.hasAnswered) {
      execution.endUnserved('execution_canceled', 'The caller went away before the function was reached.');
      return;
    }
    execution.cold ??= false;
    execution.handedOverAt = now;
    execution.worker = worker;
    const timeoutMs = routed.fn.timeoutSeconds * 1000;
    execution.deadline = execution.handedOverAt + timeoutMs;
    const user = actingUser(request.principal);
    const head = {
      executionId: execution.id,
      token: execution.token,
      trigger: request.trigger,
      method: request.method,
      url: request.origin + request.path,
      clientIp: request.clientIp,
      userId: user?.userId ?? request.attempt?.userId ?? '',
      userToken: user?.token ?? request.attempt?.userToken ?? '',
      event: request.attempt?.event ?? '',
      platformUrl: options.platformUrl,
      timeoutMs,
      headers: request.headers,
    };
    execution.exchange = worker.execute(head, request.body, execution);
  }

  /** One look at all instead of a timer for each: timers cost a sixth of the throughput here. */
  function endLate(): void {
    const now = performance.now();
    for (const execution of running.all()) if (execution.deadline <= now) timeOut(execution);
  }

  function timeOut(execution: RunningExecution): void {
    execution.deadline = Infinity;
    const seconds = execution.routed.fn.timeoutSeconds;
    const message = `The function ran longer than its timeout of ${seconds} s and was stopped.`;
    execution.note('error', message);
    execution.fail('execution_timed_out', message);
    execution.exchange?.cancel(message);
    // User code may be anywhere: only the end of its process is the end of the execution.
    void execution.worker?.condemn('timed_out', STOP_GRACE_MS, () => execution.hasEnded);
  }

  function callerGone(execution: RunningExecution): void {
    if (execution.hasEnded) return;
    const reason = execution.request.signal?.reason;
    if (isPlatformError(reason)) execution.fail(reason.code, reason.message);
    else execution.fail('execution_canceled', 'The caller went away.');
    // Of an attempt nothing may run on: another server may begin the next one.
    if (execution.request.attempt === undefined) execution.exchange?.cancel('The caller went away');
    else stop(execution, 'The attempt was interrupted');
  }

  function stop(execution: RunningExecution, reason: string): void {
    execution.exchange?.cancel(reason);
    setTimeout(() => {
      if (!execution.hasEnded) void execution.worker?.condemn('canceled', STOP_GRACE_MS, () => execution.hasEnded);
    }, STOP_GRACE_MS);
  }

  function onEnd(execution: RunningExecution, now: number): void {
    running.remove(execution);
    admission.leave(execution.routed.fn);
    if (execution.worker !== undefined) execution.worker.failuresInRow = execution.failed ? execution.worker.failuresInRow + 1 : 0;
    execution.recording?.ended(now);
    followers.ended(execution);
    options.onEnded(execution);
    if (running.size === 0) onIdle?.();
  }

  function lookUpExecution(token: string): Principal | undefined {
    const dot = token.indexOf('.');
    if (!token.startsWith(TOKEN_PREFIX) || dot === -1) return undefined;
    const executionId = token.slice(TOKEN_PREFIX.length, dot);
    const execution = running.find(({ id }) => id === executionId);
    if (execution === undefined || !sameText(execution.token, token)) return undefined;
    const { fn } = execution.routed;
    return {
      kind: 'execution',
      projectId: fn.projectId,
      executionId: execution.id,
      scopes: new Set(fn.scopes),
      hops: execution.request.hops,
    };
  }
}

function isReady(routed: RoutedFunction): routed is ReadyFunction {
  return routed.deployment !== null;
}

type ReadyFunction = RoutedFunction & { readonly deployment: NonNullable<RoutedFunction['deployment']> };

function sameText(a: string, b: string): boolean {
  const left = Buffer.from(a);
  const right = Buffer.from(b);
  return left.length === right.length && timingSafeEqual(left, right);
}
