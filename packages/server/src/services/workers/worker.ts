/**
 * One live sandboxed process.
 *
 *     starting ──ready──▶ blank ──load──▶ live ──retire──▶ retiring ──idle──▶ dead
 *         └──────────────────┴──────────────┴──────────kill──────────────────▶ dead
 *
 * A worker serves one deployment for life. Whatever ends abnormally ends the process; nothing is repaired.
 */
import { PlatformError } from '@martlet/protocol';
import {
  writeLoad,
  type FailureMessage,
  type InputDescription,
  type LoadedMessage,
  type LoadMessage,
  type RequestHead,
} from '@martlet/protocol/frames';
import type { SandboxExit, SandboxProcess } from '../../ports/sandbox.ts';
import type { Body } from '../invoke/invocation.ts';
import type { Exchange, ExchangeEvents } from './exchange.ts';
import { WorkerLink } from './worker-link.ts';

/** Why a worker's end came; the first cause wins. */
export type EndReason =
  | 'crashed'
  | 'out_of_memory'
  | 'timed_out'
  | 'canceled'
  | 'load_failed'
  | 'broke_protocol'
  | 'idle'
  | 'evicted'
  | 'retired'
  | 'closed';

export interface WorkerCode {
  readonly message: LoadMessage;
  readonly code: Uint8Array;
  readonly sourceMap: Uint8Array;
  /** Empty when there is none. */
  readonly codeCache: Uint8Array;
}

export interface WorkerEvents {
  onLoaded(worker: Worker, message: LoadedMessage): void;
  onCodeCache(worker: Worker, bytes: Buffer): void;
  /** After each execution. */
  onIdleChange(worker: Worker): void;
  /** Once, when the process and everything in it is gone and all its executions have been told. */
  onDead(worker: Worker): void;
}

const CLOSED_GRACE_MS = 500;

export class Worker {
  readonly process: SandboxProcess;
  /** Resolves to whether it became ready, as opposed to dead. */
  readonly ready: Promise<boolean>;
  state: 'starting' | 'blank' | 'live' | 'retiring' | 'dead' = 'starting';
  /** Set when it is loaded. */
  deploymentId = '';
  inFlight = 0;
  /** Executions it has ended. */
  served = 0;
  /** Executions in a row that failed by the fault of their code. */
  failuresInRow = 0;
  memoryBytes = 0;
  memoryLimitBytes = 0;
  idleSince = 0;
  endReason: EndReason | undefined;
  loadFailure: FailureMessage | undefined;
  exit: SandboxExit | undefined;
  readonly dead: Promise<void>;
  readonly #link: WorkerLink;
  readonly #events: WorkerEvents;
  #becomeReady: (ready: boolean) => void = () => undefined;

  constructor(process: SandboxProcess, events: WorkerEvents) {
    this.process = process;
    this.#events = events;
    this.ready = new Promise((resolve) => {
      this.#becomeReady = resolve;
    });
    this.#link = new WorkerLink(process.channel, {
      onReady: () => {
        if (this.state !== 'starting') return;
        this.state = 'blank';
        this.#becomeReady(true);
      },
      onLoaded: (message) => events.onLoaded(this, message),
      onLoadFailed: (failure) => {
        this.loadFailure = failure;
        this.#link.failAll(failure);
        this.kill('load_failed');
      },
      onCodeCache: (bytes) => events.onCodeCache(this, bytes),
      onExchangeEnd: () => this.#onExchangeEnd(),
      onBroken: () => this.kill('broke_protocol'),
      // Mostly the process is ending, which `exited` tells better; one that lives on can serve nobody any longer.
      onClosed: () => {
        if (this.state !== 'dead') setTimeout(() => this.state !== 'dead' && this.kill('crashed'), CLOSED_GRACE_MS).unref();
      },
    });
    this.dead = process.exited.then((exit) => this.#onExit(exit));
  }

  /** @throws {PlatformError} `worker_start_failed` when it has died meanwhile: a dead worker made live would serve for ever and never answer */
  load(code: WorkerCode): void {
    if (this.state !== 'blank')
      throw new PlatformError('worker_start_failed', `Cannot start a worker: it ended before it was loaded. ${this.process.stderr()}`);
    this.state = 'live';
    this.deploymentId = code.message.deploymentId;
    this.#link.load(writeLoad(code));
  }

  execute(head: RequestHead, body: Body, events: ExchangeEvents): Exchange {
    this.inFlight += 1;
    const exchange = this.#link.request(head, body, events);
    // It may have died between its start and this request; nobody would tell the exchange any more.
    if (this.state === 'dead') queueMicrotask(() => this.#link.loseAll());
    return exchange;
  }

  makeCodeCache(): void {
    this.#link.makeCodeCache();
  }

  /** What its function says of its input; undefined when it ends before it has. */
  describeInput(): Promise<InputDescription | undefined> {
    return this.state === 'dead' ? Promise.resolve(undefined) : this.#link.describeInput();
  }

  /** Takes no more executions and ends when those in flight have; at once when there are none. */
  retire(): void {
    if (this.state !== 'live') return;
    this.state = 'retiring';
    if (this.inFlight === 0) this.kill('retired');
  }

  /**
   * Takes no more executions and gives those in flight a last moment, unless the event loop is blocked, when they could
   * not use it. When the guilty one stops by itself in that time, the others go on.
   */
  async condemn(reason: EndReason, graceMs: number, hasStopped: () => boolean): Promise<void> {
    if (this.state === 'dead') return;
    this.state = 'retiring';
    const startedAt = performance.now();
    if (this.inFlight > 1 && (await answersWithin(this.#link.ping(), Math.min(250, graceMs)))) {
      while (this.inFlight > 1 && !hasStopped() && performance.now() - startedAt < graceMs) await sleep(20);
    }
    if (!hasStopped()) this.kill(reason);
  }

  kill(reason: EndReason): void {
    this.endReason ??= reason;
    if (this.state !== 'dead') this.state = 'retiring';
    this.process.kill();
  }

  #onExchangeEnd(): void {
    this.inFlight -= 1;
    this.served += 1;
    if (this.state === 'retiring' && this.inFlight === 0) this.kill('retired');
    else this.#events.onIdleChange(this);
  }

  #onExit(exit: SandboxExit): void {
    this.exit = exit;
    this.state = 'dead';
    if (exit.outOfMemory && this.endReason !== 'timed_out') this.endReason = 'out_of_memory';
    this.endReason ??= 'crashed';
    this.#becomeReady(false);
    this.#link.loseAll();
    this.#events.onDead(this);
  }
}

async function answersWithin(answer: Promise<void>, ms: number): Promise<boolean> {
  return Promise.race([answer.then(() => true), sleep(ms).then(() => false)]);
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
