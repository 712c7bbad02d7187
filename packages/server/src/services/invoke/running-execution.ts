/** One execution from its admission to its end: gathers the facts of its record from what the worker says. */
import { errorSpecs, type ErrorCode, type Limits, type LogLine } from '@martlet/protocol';
import { FrameError, LOG_LINE_COST, type Usage } from '@martlet/protocol/frames';
import { recordedRequestHeaders, recordedResponseHeaders } from '../../domain/recorded-headers.ts';
import { actingUser } from '../../domain/principal.ts';
import { statusOfResponse } from '../../domain/execution-state.ts';
import type { ExecutionRow } from '../../ports/store.ts';
import type { Answer, Exchange, ExchangeEvents } from '../workers/exchange.ts';
import type { EndReason, Worker } from '../workers/worker.ts';
import type { Invoked, InvokeRequest, Outcome } from './invocation.ts';
import type { RoutedFunction } from './function-routes.ts';
import type { Recording } from './recorder.ts';

/** What one execution is about. */
export interface ExecutionFacts {
  readonly id: string;
  readonly token: string;
  readonly request: InvokeRequest;
  readonly routed: RoutedFunction;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** What all executions share. */
export interface ExecutionWatch {
  readonly limits: Pick<Limits, 'logBytes' | 'logLineBytes'>;
  readonly onLine: ((execution: RunningExecution, line: LogLine) => void) | undefined;
  /** `now`: of `performance.now()`. */
  readonly onEnd: (execution: RunningExecution, now: number) => void;
}

/** Stands until there is one; whoever listens for the answer never sees it. */
const NO_OUTCOME: Outcome = { kind: 'failed', code: 'general_server_error', message: 'The execution has no outcome yet.' };

export class RunningExecution implements ExchangeEvents, Invoked {
  readonly id: string;
  readonly token: string;
  readonly request: InvokeRequest;
  readonly routed: RoutedFunction;
  readonly beganAt = performance.now();
  outcome: Outcome = NO_OUTCOME;
  exchange: Exchange | undefined;
  worker: Worker | undefined;
  place = -1;
  /** Its record, once it was admitted. */
  recording: Recording | undefined;
  /** Of `performance.now()`; until it is in the hands of a worker there is none. */
  deadline = Infinity;
  /** Like the other times of `performance.now()`; one reading stands for all that happens without a wait in between. */
  admittedAt = this.beganAt;
  handedOverAt = 0;
  cold: boolean | null = null;
  endedAt: number | null = null;
  readonly #now: number;
  readonly #watch: ExecutionWatch;
  readonly #lines: LogLine[] = [];
  #answered = false;
  #onAnswered: ((invoked: Invoked) => void) | undefined;
  #errorCode: ErrorCode | null = null;
  #status = 0;
  #responseHeaders: readonly string[] = [];
  #responseBytes = 0;
  #usage: Usage | undefined;
  #finalRow: ExecutionRow | undefined;
  #runMs = 0;
  #logBytes = 0;
  #logsDropped = 0;

  constructor(facts: ExecutionFacts, watch: ExecutionWatch) {
    this.id = facts.id;
    this.token = facts.token;
    this.request = facts.request;
    this.routed = facts.routed;
    this.#now = facts.now;
    this.#watch = watch;
  }

  /** The one listener is told once, when the response has begun or it has failed; at once when that is so already. */
  onAnswered(listener: (invoked: Invoked) => void): void {
    if (this.#answered) listener(this);
    else this.#onAnswered = listener;
  }

  /** It has waited for its place. */
  admittedNow(): this {
    this.admittedAt = performance.now();
    return this;
  }

  /** Whether the function's own code made it fail. */
  get failed(): boolean {
    return this.#errorCode !== null && this.#errorCode !== 'execution_canceled' && this.#errorCode !== 'execution_answered_error';
  }

  /** Whether its caller has been told how it came out. */
  get hasAnswered(): boolean {
    return this.#answered;
  }

  get hasEnded(): boolean {
    return this.endedAt !== null;
  }

  /** Settles when nothing of it runs any longer and its final record is durable. */
  get ended(): Promise<void> {
    return this.recording?.whenRecorded() ?? Promise.resolve();
  }

  onAnswer(answer: Answer): void {
    if (answer.kind === 'failed') {
      this.fail(failureCodes[answer.failure.kind], answer.failure.message);
      return;
    }
    if (this.#answered) {
      if (answer.body instanceof ReadableStream) void answer.body.cancel('The caller has gone away');
      return;
    }
    this.#answered = true;
    const { status, headers, headerText } = answer.head;
    this.#status = status;
    this.#responseHeaders = headers;
    if (status >= 500) this.#errorCode = 'execution_answered_error';
    this.outcome = { kind: 'response', status, headers, headerText, body: answer.body };
    this.#onAnswered?.(this);
  }

  onLog(line: LogLine): void {
    // The worker has cut and counted already; one that sends more is not ours any longer, and may send without end.
    this.#logBytes += line.text.length + LOG_LINE_COST;
    const { limits } = this.#watch;
    if (this.#logBytes > limits.logBytes + 2 * limits.logLineBytes)
      throw new FrameError('Cannot take more log of an execution than its limit');
    this.#lines.push(line);
    this.#watch.onLine?.(this, line);
  }

  onLogDropped(bytes: number): void {
    this.#logsDropped += bytes;
  }

  onEnd(usage: Usage | undefined): void {
    const now = performance.now();
    this.#usage = usage;
    this.#runMs = now - this.handedOverAt;
    this.#responseBytes = this.exchange?.responseBytes ?? 0;
    if (usage === undefined) this.#lose(this.worker?.endReason ?? 'crashed');
    this.#end(now);
  }

  /** It failed; the first reason counts. The caller is answered unless a response has begun. */
  fail(code: ErrorCode, message: string): void {
    if (this.#errorCode === null || this.#errorCode === 'execution_answered_error') this.#errorCode = code;
    if (this.#answered) return;
    this.#answered = true;
    this.#status = errorSpecs[code].status;
    this.outcome = { kind: 'failed', code, message };
    this.#onAnswered?.(this);
  }

  /** It ends without having reached a worker. */
  endUnserved(code: ErrorCode, message: string): void {
    this.fail(code, message);
    this.#end(performance.now());
  }

  /** A line of the platform's own in the log of the execution. */
  note(level: LogLine['level'], text: string): void {
    const line: LogLine = { time: this.#now + (performance.now() - this.beganAt), level, stream: 'errors', text };
    this.#lines.push(line);
    this.#watch.onLine?.(this, line);
  }

  lines(): readonly LogLine[] {
    return this.#lines;
  }

  row(): ExecutionRow {
    return this.#finalRow ?? this.#makeRow();
  }

  #makeRow(): ExecutionRow {
    const { request, routed } = this;
    const now = this.#now;
    const { fn } = routed;
    return {
      id: this.id,
      createdAt: request.attempt?.createdAt ?? now,
      updatedAt: this.endedAt ?? now,
      projectId: fn.projectId,
      functionId: fn.id,
      deploymentId: routed.deployment?.id ?? '',
      trigger: request.trigger,
      status: this.endedAt === null ? 'processing' : statusOfResponse(this.#status, this.#errorCode),
      errorCode: this.#errorCode,
      userId: actingUser(request.principal)?.userId ?? request.attempt?.userId ?? null,
      requestMethod: request.method,
      requestPath: request.path,
      requestHeaders: recordedRequestHeaders(request.headers),
      requestBytes: request.body instanceof Uint8Array ? request.body.length : contentLength(request.headers),
      responseStatus: this.#status,
      responseHeaders: recordedResponseHeaders(this.#responseHeaders),
      responseBytes: this.#responseBytes,
      cold: this.cold,
      queueMs: toMicros(this.admittedAt - this.beganAt),
      coldMs: this.cold === true ? toMicros(this.handedOverAt - this.admittedAt) : 0,
      runMs: toMicros(this.endedAt === null && this.handedOverAt > 0 ? performance.now() - this.handedOverAt : this.#runMs),
      memoryPeakBytes: (this.#usage?.memoryKb ?? 0) * 1024,
      cpuMicros: this.#usage?.cpuMicros ?? 0,
      logsDroppedBytes: this.#logsDropped,
      scheduledAt: request.attempt?.scheduledAt ?? null,
      attempt: request.attempt?.number ?? 0,
      endedAt: this.endedAt,
    };
  }

  #end(now: number): void {
    if (this.endedAt !== null) return;
    this.endedAt = this.#now + Math.round(now - this.beganAt);
    this.#finalRow = this.#makeRow();
    this.#watch.onEnd(this, now);
  }

  /** The worker is gone before the execution had finished. */
  #lose(reason: EndReason): void {
    const { code, message } = lossOf(reason, this.worker);
    if (this.#errorCode === null) this.note('error', message);
    this.fail(code, message);
  }
}

/** Milliseconds in whole microseconds; more digits are noise, and writing them as text costs more than the rest of the row. */
function toMicros(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}

const failureCodes = {
  threw: 'execution_threw',
  no_response: 'execution_no_response',
  response_invalid: 'execution_response_invalid',
  load_failed: 'execution_load_failed',
  body_too_large: 'request_too_large',
} as const satisfies Record<string, ErrorCode>;

function lossOf(reason: EndReason, worker: Worker | undefined): { code: ErrorCode; message: string } {
  switch (reason) {
    case 'out_of_memory':
      return {
        code: 'execution_out_of_memory',
        message: `The function used more than its ${Math.round((worker?.memoryLimitBytes ?? 0) / 1_048_576)} MB of memory and was stopped.`,
      };
    case 'timed_out':
    case 'canceled':
      return {
        code: 'execution_crashed',
        message: 'The process of the function was ended because of another execution in it, which did not stop.',
      };
    case 'load_failed':
      return { code: 'execution_load_failed', message: worker?.loadFailure?.message ?? errorSpecs.execution_load_failed.message };
    case 'closed':
    case 'idle':
    case 'evicted':
    case 'retired':
      return { code: 'execution_interrupted', message: errorSpecs.execution_interrupted.message };
    case 'broke_protocol':
      return {
        code: 'execution_crashed',
        message: 'The process of the function wrote something to the platform that is not allowed, and was ended.',
      };
    case 'crashed': {
      const { exitCode, signal } = worker?.exit ?? { exitCode: null, signal: null };
      return {
        code: 'execution_crashed',
        message: `The process of the function ended while it was executing (${signal === null ? `exit code ${exitCode ?? 'unknown'}` : `signal ${signal}`}).`,
      };
    }
  }
}

function contentLength(headers: readonly string[]): number {
  for (let at = 0; at < headers.length; at += 2) {
    if (headers[at]?.length === 14 && headers[at]?.toLowerCase() === 'content-length') return Number(headers[at + 1]) || 0;
  }
  return 0;
}
