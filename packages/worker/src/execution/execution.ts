/**
 * One execution inside the worker: its request, its abort signal, what waits for it and how it ends. An execution ends
 * exactly once: with a response frame that says so, or with a `finished` frame.
 *
 *     handling ──respond──▶ responding ──body sent──▶ responded ──waitUntil settled──▶ finished
 *         └──────fail──────────┴─────────────────────────┘
 */
import { AsyncLocalStorage, AsyncResource } from 'node:async_hooks';
import type { LogLevel } from '@martlet/protocol';
import {
  FrameType,
  LOG_LINE_COST,
  SendCredit,
  writeJson,
  writeLog,
  writeResponse,
  writeUsage,
  writeByteCount,
  type FailureMessage,
  type FrameWriter,
  type LoadMessage,
  type RequestHead,
  type Usage,
} from '@martlet/protocol/frames';
import { cutLogLine } from '../console/cut-log-line.ts';
import type { StreamedBody } from '../web/request-body.ts';

/** The execution whose code runs now, carried along promises, timers and events. */
export const executions = new AsyncLocalStorage<Execution>();

/** Made before any user code runs: knows of no execution, and of no context that a function has entered. */
const outside = new AsyncResource('MartletWall');

/**
 * Runs a part of the execution and comes back from it, whatever contexts were entered in there. `executions.run` alone
 * would let a function's own `enterWith` live on in the next execution that arrived in the same chunk of frames; it also
 * copies the context a second time when it comes back.
 */
export function runWithin(execution: Execution, part: () => void): void {
  outside.runInAsyncScope(() => {
    executions.enterWith(execution);
    part();
  });
}

export interface ExecutionOptions {
  readonly stream: number;
  readonly head: RequestHead;
  readonly writer: FrameWriter;
  /** The body when it arrives in chunks. */
  readonly streamedBody: StreamedBody | undefined;
  readonly limits: Pick<LoadMessage, 'logging' | 'logBytes' | 'logLineBytes'>;
  /** Called right before the frame that ends it: the last moment for log lines. */
  readonly onFinishing: (execution: Execution) => void;
  /** Called when it has ended. */
  readonly onFinished: (execution: Execution) => void;
}

export class Execution {
  readonly stream: number;
  readonly head: RequestHead;
  readonly streamedBody: StreamedBody | undefined;
  readonly startedAt = Date.now();
  readonly #writer: FrameWriter;
  readonly #onFinishing: (execution: Execution) => void;
  readonly #onFinished: (execution: Execution) => void;
  readonly #cpuAtStart = usedSoFar().cpuMicros;
  #credit: SendCredit | undefined;
  #completed: PromiseWithResolvers<void> | undefined;
  #abort: AbortController | undefined;
  #abortReason: Error | undefined;
  readonly #limits: ExecutionOptions['limits'];
  #waiting = 0;
  #logBytes = 0;
  #logDropped = 0;
  #state: 'handling' | 'responding' | 'responded' | 'finished' = 'handling';

  constructor(options: ExecutionOptions) {
    this.stream = options.stream;
    this.head = options.head;
    this.streamedBody = options.streamedBody;
    this.#writer = options.writer;
    this.#limits = options.limits;
    this.#onFinishing = options.onFinishing;
    this.#onFinished = options.onFinished;
  }

  /** Credit for body bytes towards the server. */
  get credit(): SendCredit {
    return (this.#credit ??= new SendCredit());
  }

  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController();
      if (this.#abortReason !== undefined) this.#abort.abort(this.#abortReason);
    }
    return this.#abort.signal;
  }

  get aborted(): boolean {
    return this.#abortReason !== undefined;
  }

  get finished(): boolean {
    return this.#state === 'finished';
  }

  /** Settles when it has ended. */
  get completed(): Promise<void> {
    this.#completed ??= Promise.withResolvers();
    return this.#completed.promise;
  }

  abort(message: string): void {
    this.#abortReason ??= new DOMException(message, 'AbortError');
    this.streamedBody?.fail(this.#abortReason);
    this.#credit?.release();
    this.#abort?.abort(this.#abortReason);
  }

  waitUntil(work: Promise<unknown>): void {
    this.#waiting += 1;
    Promise.resolve(work)
      .catch(this.#logRejection)
      .finally(() => {
        this.#waiting -= 1;
        this.#finishWhenIdle();
      });
  }

  log(level: LogLevel, stream: 'logs' | 'errors', text: string): void {
    if (this.#state === 'finished' || !this.#limits.logging) return;
    const line = cutLogLine(text, this.#limits.logLineBytes);
    this.#logBytes += line.length + LOG_LINE_COST;
    if (this.#logBytes > this.#limits.logBytes) {
      // With its line end, so that dropped empty lines show as well.
      this.#logDropped += line.length + 1;
      return;
    }
    this.#writer.send(
      FrameType.log,
      this.stream,
      writeLog({ level, stream, text: line, time: performance.timeOrigin + performance.now() }),
    );
  }

  /** Sends a whole response, a text as UTF-8. */
  respond(status: number, headers: readonly string[], body: string | Uint8Array): void {
    if (this.#state !== 'handling') return;
    const usage = this.#waiting === 0 ? this.#usage() : undefined;
    writeResponse(this.#writer, this.stream, { status, headers, body, usage });
    this.#state = 'responded';
    if (usage !== undefined) this.#finish();
  }

  /** Sends the head of a response whose body follows in chunks. @returns false when it is too late for that */
  beginResponse(status: number, headers: readonly string[]): boolean {
    if (this.#state !== 'handling') return false;
    writeResponse(this.#writer, this.stream, { status, headers, body: undefined, usage: undefined });
    this.#state = 'responding';
    return true;
  }

  sendChunk(chunk: Uint8Array): void {
    if (this.#state === 'responding') this.#writer.send(FrameType.responseChunk, this.stream, chunk);
  }

  endResponse(): void {
    if (this.#state !== 'responding') return;
    this.#writer.send(FrameType.responseEnd, this.stream);
    this.#state = 'responded';
    this.#finishWhenIdle();
  }

  /** Ends the execution as failed; later words about it are of no consequence. */
  fail(failure: FailureMessage): void {
    if (this.#state === 'responded' || this.#state === 'finished') return;
    this.#writer.send(FrameType.failed, this.stream, writeJson(failure));
    this.#state = 'responded';
    this.#finishWhenIdle();
  }

  get responseBegun(): boolean {
    return this.#state !== 'handling';
  }

  readonly #logRejection = (reason: unknown): void => {
    this.log('error', 'errors', `A promise given to waitUntil() was rejected: ${describe(reason)}`);
  };

  #finishWhenIdle(): void {
    if (this.#state !== 'responded' || this.#waiting > 0) return;
    this.#writer.send(FrameType.finished, this.stream, writeUsage(this.#usage()));
    this.#finish();
  }

  #finish(): void {
    this.#state = 'finished';
    this.#completed?.resolve();
    this.#onFinished(this);
  }

  /** Taken right before the frame that ends the execution. */
  #usage(): Usage {
    this.#onFinishing(this);
    if (this.#logDropped > 0) this.#writer.send(FrameType.logDropped, this.stream, writeByteCount(Math.min(this.#logDropped, 0xffff_ffff)));
    return { cpuMicros: Math.max(0, usedSoFar().cpuMicros - this.#cpuAtStart), memoryKb: used.memoryKb };
  }
}

/**
 * Asking the kernel costs 0.6 µs. At thousands of executions a second they overlap and share what it says anyway, so an
 * answer of a moment ago is as good.
 */
const USED_FRESH_MS = 0.2;
let used: Usage = { cpuMicros: 0, memoryKb: 0 };
let usedReadAt = -1;

function usedSoFar(): Usage {
  const now = performance.now();
  if (now - usedReadAt < USED_FRESH_MS) return used;
  usedReadAt = now;
  const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
  used = { cpuMicros: Math.round(userCPUTime + systemCPUTime), memoryKb: maxRSS };
  return used;
}

let describe: (error: unknown) => string = String;
/** The source-mapped stack of an error; set once the code of the function is known. */
export function setErrorDescription(description: (error: unknown) => string): void {
  describe = description;
}
