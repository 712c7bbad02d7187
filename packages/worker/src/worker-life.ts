/** What the worker does with each frame: load once, then start, feed and abort executions. */
import {
  CHUNK_BYTES,
  FrameType,
  readByteCount,
  readLoad,
  readRequest,
  StreamTable,
  writeByteCount,
  writeJson,
  type FrameWriter,
  type LoadMessage,
} from '@martlet/protocol/frames';
import { createBase44Runtime } from './base44-runtime.ts';
import { installEgress } from './egress/egress-shim.ts';
import { Execution, executions, runWithin, setErrorDescription } from './execution/execution.ts';
import { findHandler } from './execution/handler.ts';
import { checkInput } from './input/check-input.ts';
import { findDeclaredInput, type DeclaredInput } from './input/declared-input.ts';
import { describeInput } from './input/describe-input.ts';
import { codeFile, loadFunction, type LoadedCode } from './execution/load-function.ts';
import { emptyBody, InlineBody, StreamedBody, type RequestBody } from './web/request-body.ts';
import { serve, type ServedFunction } from './execution/serve.ts';
import { createStackMapper, type StackMapper } from './stack/stack-map.ts';
import { takeDenoHandler } from './deno/deno-shim.ts';
import { flushOutput, loadLog } from './output.ts';

/** For the dummy requests of a blank. */
const NO_LOG = { logging: false, logBytes: 0, logLineBytes: 0 };

export class WorkerLife {
  readonly #writer: FrameWriter;
  readonly #running = new StreamTable<Execution>();
  #message: LoadMessage | undefined;
  #served: ServedFunction | undefined;
  #loading: Promise<void> | undefined;
  #code: LoadedCode | undefined;
  #input: DeclaredInput | undefined;
  #stacks: StackMapper = createStackMapper({ file: '', sourceMap: Buffer.alloc(0) });

  constructor(writer: FrameWriter) {
    this.#writer = writer;
  }

  onFrame(type: number, stream: number, payload: Buffer): void {
    switch (type) {
      case FrameType.request:
        return this.#start(stream, payload);
      case FrameType.requestChunk:
        return this.#running.get(stream)?.streamedBody?.push(Buffer.from(payload));
      case FrameType.requestEnd:
        return this.#running.get(stream)?.streamedBody?.end();
      case FrameType.credit:
        return this.#running.get(stream)?.credit.grant(readByteCount(payload));
      case FrameType.cancel:
        return this.#abort(stream, payload.toString());
      case FrameType.ping:
        return this.#writer.send(FrameType.pong, 0);
      case FrameType.load:
        this.#loading = this.#load(payload);
        return undefined;
      case FrameType.makeCodeCache:
        return this.#sendCodeCache();
      case FrameType.describeInput:
        void this.#loading?.then(() => this.#sendInputDescription());
        return undefined;
      default:
        throw new Error(`Cannot understand a frame of type ${type}`);
    }
  }

  /** For the warm-up of a blank: serves without having loaded. */
  serveWith(served: ServedFunction): void {
    this.#served = served;
  }

  /** Executions that run now, for errors that nobody caught. */
  isRunning(execution: Execution): boolean {
    return this.#running.get(execution.stream) === execution;
  }

  get stacks(): StackMapper {
    return this.#stacks;
  }

  #start(stream: number, payload: Buffer): void {
    const { head, body } = readRequest(payload);
    const limit = this.#message?.requestBodyBytes ?? Infinity;
    const streamedBody =
      body === undefined
        ? new StreamedBody(limit, (bytes) => this.#writer.send(FrameType.credit, stream, writeByteCount(bytes)))
        : undefined;
    const execution = new Execution({
      stream,
      head,
      writer: this.#writer,
      streamedBody,
      limits: this.#message ?? NO_LOG,
      onFinishing: flushOutput,
      onFinished: this.#onFinished,
    });
    this.#running.add(execution);
    const source = streamedBody ?? (body === undefined || body.length === 0 ? emptyBody : new InlineBody(body as Uint8Array<ArrayBuffer>));
    if (this.#served !== undefined) this.#serve(execution, source, this.#served);
    else void this.#loading?.then(() => this.#served !== undefined && this.#serve(execution, source, this.#served));
  }

  /** Listeners of the signal write to the log of the execution, whoever made them run. */
  #abort(stream: number, reason: string): void {
    const execution = this.#running.get(stream);
    if (execution !== undefined) runWithin(execution, () => execution.abort(reason));
  }

  #serve(execution: Execution, body: RequestBody, served: ServedFunction): void {
    if (this.#code !== undefined) loadLog.moveTo(execution);
    runWithin(execution, () => serve(execution, body, served));
  }

  readonly #onFinished = (execution: Execution): void => {
    this.#running.delete(execution.stream);
  };

  async #load(payload: Buffer): Promise<void> {
    const startedAt = performance.now();
    const { message, code, sourceMap, codeCache } = readLoad(payload);
    this.#message = message;
    const stacks = createStackMapper({ file: codeFile(message), sourceMap });
    this.#stacks = stacks;
    setErrorDescription((error) => stacks.describeError(error).stack);
    Object.assign(process.env, message.env);
    if (message.egress !== undefined) installEgress(message.egress);
    try {
      const runtime = createBase44Runtime({ env: process.env, waitUntil: (work) => executions.getStore()?.waitUntil(work) });
      this.#code = await loadFunction({ message, code, codeCache, virtualModules: { 'base44:runtime': runtime } });
      const handler = findHandler(this.#code.exports, takeDenoHandler());
      this.#input = findDeclaredInput(this.#code.exports);
      const checked = this.#input === undefined ? handler : checkInput(handler, this.#input);
      this.#served = { message, handler: checked, describeError: (error) => stacks.describeError(error) };
      const loaded = { handler: handler.shape, cacheRejected: this.#code.cacheRejected, loadMs: performance.now() - startedAt };
      this.#writer.send(FrameType.loaded, 0, writeJson(loaded));
    } catch (error) {
      const failure = stacks.describeError(error);
      // The server fails every execution that waits for the code; the log of the first one says why.
      for (const execution of this.#running.values()) {
        loadLog.moveTo(execution);
        execution.log('error', 'errors', failure.stack);
      }
      this.#writer.send(FrameType.loadFailed, 0, writeJson({ kind: 'load_failed', ...failure }));
    }
  }

  /** Code that could not be loaded declares nothing, neither that it has an input nor that it has none. */
  #sendInputDescription(): void {
    if (this.#code !== undefined && this.#served !== undefined)
      this.#writer.send(FrameType.inputDescription, 0, describeInput(this.#input));
  }

  #sendCodeCache(): void {
    const cache = this.#code?.codeCache() ?? Buffer.alloc(0);
    for (let at = 0; at < cache.length; at += CHUNK_BYTES)
      this.#writer.send(FrameType.codeCacheChunk, 0, cache.subarray(at, at + CHUNK_BYTES));
    this.#writer.send(FrameType.codeCacheEnd, 0);
  }
}
