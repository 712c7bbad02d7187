/**
 * The server's end of the wall to one worker. Every byte that comes in is hostile: a frame that breaks the rules ends
 * the link, and whoever owns it kills the worker.
 */
import type { Duplex } from 'node:stream';
import {
  CHUNK_BYTES,
  CODE_CACHE_BYTES_MAX,
  FrameError,
  FrameReader,
  FrameType,
  FrameWriter,
  readByteCount,
  readFailure,
  readInputDescription,
  readLoaded,
  readLog,
  readResponse,
  readUsage,
  StreamTable,
  WORKER_FRAME_BYTES_MAX,
  writeByteCount,
  writeRequest,
  type FailureMessage,
  type InputDescription,
  type LoadedMessage,
  type RequestHead,
} from '@martlet/protocol/frames';
import type { Body } from '../invoke/invocation.ts';
import { Exchange, type ExchangeEvents, type ExchangeLink } from './exchange.ts';

export interface LinkEvents {
  onReady(): void;
  onLoaded(message: LoadedMessage): void;
  onLoadFailed(failure: FailureMessage): void;
  onCodeCache(bytes: Buffer): void;
  /** An exchange has ended; called after its own events. */
  onExchangeEnd(): void;
  /** Nothing more comes from the worker; it has ended, or has cut the wall and lives on. May be told twice. */
  onClosed(): void;
  /** The worker broke the rules of the wall. */
  onBroken(error: Error): void;
}

export class WorkerLink implements ExchangeLink {
  readonly #writer: FrameWriter;
  readonly #events: LinkEvents;
  readonly #exchanges = new StreamTable<Exchange>();
  #lastStream = 0;
  #pong: (() => void) | undefined;
  #codeCache: Buffer[] = [];
  #codeCacheBytes = 0;
  #codeCacheAsked = false;
  readonly #describing: ((description: InputDescription | undefined) => void)[] = [];

  constructor(channel: Duplex, events: LinkEvents) {
    this.#writer = new FrameWriter(channel);
    this.#events = events;
    const reader = new FrameReader(WORKER_FRAME_BYTES_MAX, (type, stream, payload) => this.#onFrame(type, stream, payload));
    channel.on('data', (bytes: Buffer) => {
      try {
        reader.push(bytes);
      } catch (error) {
        channel.removeAllListeners('data');
        this.#events.onBroken(error instanceof Error ? error : new Error(String(error)));
      }
    });
    // A broken pipe is the worker's end, which its owner learns from the sandbox.
    channel.on('error', () => undefined);
    channel.once('end', () => this.#events.onClosed());
    channel.once('close', () => this.#events.onClosed());
  }

  get exchanges(): Iterable<Exchange> {
    return this.#exchanges.values();
  }

  load(payload: Buffer): void {
    this.#writer.send(FrameType.load, 0, payload);
  }

  /** Sends a request and hands its events on until it ends. */
  request(head: RequestHead, body: Body, events: ExchangeEvents): Exchange {
    this.#lastStream += 1;
    const stream = this.#lastStream;
    const exchange = new Exchange(stream, this, events);
    this.#exchanges.add(exchange);
    if (body instanceof Uint8Array) writeRequest(this.#writer, stream, { head, body });
    else {
      writeRequest(this.#writer, stream, { head, body: undefined });
      void this.#pump(exchange, body);
    }
    return exchange;
  }

  cancel(stream: number, reason: string): void {
    this.#writer.send(FrameType.cancel, stream, Buffer.from(reason));
  }

  grant(stream: number, bytes: number): void {
    this.#writer.send(FrameType.credit, stream, writeByteCount(bytes));
  }

  makeCodeCache(): void {
    this.#codeCacheAsked = true;
    this.#writer.send(FrameType.makeCodeCache, 0);
  }

  /** What the function says of its input, once it is loaded; undefined when the worker ends before it has. */
  describeInput(): Promise<InputDescription | undefined> {
    this.#writer.send(FrameType.describeInput, 0);
    return new Promise((resolve) => {
      this.#describing.push(resolve);
    });
  }

  /** Resolves when the worker's event loop turns. */
  ping(): Promise<void> {
    this.#writer.send(FrameType.ping, 0);
    return new Promise((resolve) => {
      this.#pong = resolve;
    });
  }

  /** The code cannot be loaded: everybody who waits for it is answered. */
  failAll(failure: FailureMessage): void {
    for (const exchange of this.#exchanges.values()) exchange.onFailed(failure);
  }

  /** The worker is gone. */
  loseAll(): void {
    for (const resolve of this.#describing.splice(0)) resolve(undefined);
    for (const exchange of this.#exchanges.values()) {
      this.#exchanges.delete(exchange.stream);
      exchange.onLost();
      this.#events.onExchangeEnd();
    }
  }

  async #pump(exchange: Exchange, body: ReadableStream<Uint8Array>): Promise<void> {
    const reader = body.getReader();
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done || exchange.ended) break;
        await this.#sendChunks(exchange, value);
      }
      if (exchange.ended) await reader.cancel('The execution has ended');
      else this.#writer.send(FrameType.requestEnd, exchange.stream);
    } catch {
      // The caller's body broke off, so its caller is gone.
      exchange.cancel('The caller has gone away');
    }
  }

  async #sendChunks(exchange: Exchange, bytes: Uint8Array): Promise<void> {
    let at = 0;
    while (at < bytes.length && !exchange.ended) {
      if (exchange.sendCredit.left <= 0) await exchange.sendCredit.available();
      const end = Math.min(bytes.length, at + Math.min(CHUNK_BYTES, exchange.sendCredit.left));
      this.#writer.send(FrameType.requestChunk, exchange.stream, bytes.subarray(at, end));
      exchange.sendCredit.take(end - at);
      at = end;
    }
  }

  #onFrame(type: number, stream: number, payload: Buffer): void {
    if (stream === 0) this.#onWorkerFrame(type, payload);
    else this.#onExchangeFrame(type, stream, payload);
  }

  #onWorkerFrame(type: number, payload: Buffer): void {
    switch (type) {
      case FrameType.ready:
        return this.#events.onReady();
      case FrameType.loaded:
        return this.#events.onLoaded(readLoaded(payload));
      case FrameType.loadFailed:
        return this.#events.onLoadFailed(readFailure(payload));
      case FrameType.pong:
        return this.#pong?.();
      case FrameType.codeCacheChunk:
        this.#codeCacheBytes += payload.length;
        if (!this.#codeCacheAsked || this.#codeCacheBytes > CODE_CACHE_BYTES_MAX)
          throw new FrameError('Cannot take a code cache of this size, or one that nobody asked for');
        // All but the last are full: many small ones would take far more memory than their bytes.
        if (this.#codeCache.length * CHUNK_BYTES >= this.#codeCacheBytes) throw new FrameError('Cannot take a code cache in crumbs');
        this.#codeCache.push(Buffer.from(payload));
        return undefined;
      case FrameType.codeCacheEnd:
        if (!this.#codeCacheAsked) throw new FrameError('Cannot take a code cache that nobody asked for');
        this.#codeCacheAsked = false;
        this.#events.onCodeCache(Buffer.concat(this.#codeCache));
        this.#codeCache = [];
        this.#codeCacheBytes = 0;
        return undefined;
      case FrameType.inputDescription: {
        if (this.#describing.length === 0) throw new FrameError('Cannot take the description of an input that nobody asked for');
        const description = readInputDescription(payload);
        return this.#describing.shift()?.(description);
      }
      default:
        throw new FrameError(`Cannot understand a frame of type ${type} about the worker`);
    }
  }

  #onExchangeFrame(type: number, stream: number, payload: Buffer): void {
    const exchange = this.#exchanges.get(stream);
    if (exchange === undefined) {
      // Credit may cross the end of its execution on the way.
      if (type === FrameType.credit && stream <= this.#lastStream) return;
      throw new FrameError(`Cannot take a frame of type ${type} about an execution that does not run`);
    }
    switch (type) {
      case FrameType.response:
        exchange.onResponse(readResponse(payload));
        break;
      case FrameType.responseChunk:
        exchange.onChunk(payload);
        break;
      case FrameType.responseEnd:
        exchange.onBodyEnd();
        break;
      case FrameType.failed:
        exchange.onFailed(readFailure(payload));
        break;
      case FrameType.finished:
        exchange.onFinished(readUsage(payload));
        break;
      case FrameType.log:
        exchange.onLog(readLog(payload));
        break;
      case FrameType.logDropped:
        exchange.onLogDropped(readByteCount(payload));
        break;
      case FrameType.credit:
        exchange.sendCredit.grant(readByteCount(payload));
        break;
      default:
        throw new FrameError(`Cannot understand a frame of type ${type} about an execution`);
    }
    if (!exchange.ended) return;
    this.#exchanges.delete(stream);
    this.#events.onExchangeEnd();
  }
}
