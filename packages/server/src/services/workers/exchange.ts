/**
 * The server's side of one execution on the wall. Frames of the worker come in through `on…`, the outcome goes out
 * through promises, bodies are streams with credit.
 *
 *     waiting ──response──▶ (streaming ──end──▶) answered ──finished──▶ ended
 *        └────failed / lost────────┴────────────────┘
 */
import type { LogLine } from '@martlet/protocol';
import { FrameError, ReceivedBody, SendCredit, type FailureMessage, type ResponseHead, type Usage } from '@martlet/protocol/frames';
import type { AnswerBody } from '../invoke/invocation.ts';

/** How the worker answered. `lost`: the worker is no more; the reason comes from whoever ended it. */
export type Answer =
  | { readonly kind: 'response'; readonly head: ResponseHead; readonly body: AnswerBody }
  | { readonly kind: 'failed'; readonly failure: FailureMessage };

export interface ExchangeEvents {
  onAnswer(answer: Answer): void;
  onLog(line: LogLine): void;
  onLogDropped(bytes: number): void;
  /** Exactly once, last. `usage` is undefined when the worker is gone. */
  onEnd(usage: Usage | undefined): void;
}

/** What an exchange may ask of its link. */
export interface ExchangeLink {
  grant(stream: number, bytes: number): void;
  cancel(stream: number, reason: string): void;
}

export class Exchange {
  readonly stream: number;
  responseBytes = 0;
  readonly #link: ExchangeLink;
  readonly #events: ExchangeEvents;
  #body: ReceivedBody | undefined;
  #sendCredit: SendCredit | undefined;
  #state: 'waiting' | 'streaming' | 'answered' | 'ended' = 'waiting';

  constructor(stream: number, link: ExchangeLink, events: ExchangeEvents) {
    this.stream = stream;
    this.#link = link;
    this.#events = events;
  }

  get ended(): boolean {
    return this.#state === 'ended';
  }

  /** Credit of request body bytes towards the worker; only a body that goes in chunks needs it. */
  get sendCredit(): SendCredit {
    return (this.#sendCredit ??= new SendCredit());
  }

  /** @throws {FrameError} */
  onResponse(head: ResponseHead): void {
    if (this.#state !== 'waiting') throw new FrameError('Cannot take a second response for one execution');
    if (head.body === undefined) {
      this.#state = 'streaming';
      this.#body = new ReceivedBody({
        grant: (bytes) => this.#link.grant(this.stream, bytes),
        onCancel: () => this.cancel('The caller has gone away'),
      });
      this.#events.onAnswer({ kind: 'response', head, body: this.#body.stream });
      return;
    }
    this.#state = 'answered';
    this.responseBytes = head.body.length;
    this.#events.onAnswer({ kind: 'response', head, body: head.body });
    if (head.usage !== undefined) this.#end(head.usage);
  }

  /** @throws {FrameError} */
  onChunk(payload: Buffer): void {
    if (this.#state !== 'streaming') throw new FrameError('Cannot take a chunk of a body that is not open');
    if (payload.length === 0) throw new FrameError('Cannot take a chunk without bytes: it needs no credit');
    this.responseBytes += payload.length;
    // The payload is a view into a read buffer; the chunk outlives it.
    this.#body?.push(new Uint8Array(payload));
  }

  /** @throws {FrameError} */
  onBodyEnd(): void {
    if (this.#state !== 'streaming') throw new FrameError('Cannot end a body that is not open');
    this.#state = 'answered';
    this.#body?.end();
  }

  onFailed(failure: FailureMessage): void {
    const state = this.#state;
    this.#state = 'answered';
    if (state === 'streaming') this.#body?.fail(new Error(failure.message));
    if (state === 'waiting' || state === 'streaming') this.#events.onAnswer({ kind: 'failed', failure });
  }

  onLog(line: LogLine): void {
    this.#events.onLog(line);
  }

  onLogDropped(bytes: number): void {
    this.#events.onLogDropped(bytes);
  }

  /** @throws {FrameError} */
  onFinished(usage: Usage): void {
    if (this.#state !== 'answered') throw new FrameError('Cannot finish an execution that has not answered');
    this.#end(usage);
  }

  /** The worker is gone. */
  onLost(): void {
    this.#body?.fail(new Error('The worker of the function has ended'));
    this.#end(undefined);
  }

  cancel(reason: string): void {
    if (this.#state !== 'ended') this.#link.cancel(this.stream, reason);
  }

  #end(usage: Usage | undefined): void {
    if (this.#state === 'ended') return;
    this.#state = 'ended';
    this.#sendCredit?.release();
    this.#events.onEnd(usage);
  }
}
