/**
 * Credit of one direction of one stream: the sender may have `WINDOW_BYTES` on the way; the receiver grants more as the
 * bytes are consumed, half a window at a time, so that credit frames stay rare.
 */
import { FrameError } from './frame-reader.ts';
import { WINDOW_BYTES } from './frame-types.ts';

/** The sending side. */
export class SendCredit {
  #left = WINDOW_BYTES;
  #wake: (() => void) | undefined;

  get left(): number {
    return this.#left;
  }

  take(bytes: number): void {
    this.#left -= bytes;
  }

  /** @throws {FrameError} when the peer grants more than a window */
  grant(bytes: number): void {
    this.#left += bytes;
    if (this.#left > WINDOW_BYTES) throw new FrameError(`Cannot grant ${bytes} bytes of credit: the window would be ${this.#left}`);
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }

  /** Resolves when there is credit, or when `release` is called. One waiter at a time. */
  available(): Promise<void> {
    if (this.#left > 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  /** Wakes the waiter for good, because the stream has ended. */
  release(): void {
    this.#left = WINDOW_BYTES;
    this.#wake?.();
    this.#wake = undefined;
  }
}

/** The receiving side. */
export class ReceiveCredit {
  #onTheWay = 0;
  #consumed = 0;

  /** @throws {FrameError} when the peer sends more than it has credit for */
  receive(bytes: number): void {
    this.#onTheWay += bytes;
    if (this.#onTheWay > WINDOW_BYTES) throw new FrameError(`Cannot take ${bytes} bytes of body: the window of ${WINDOW_BYTES} is used up`);
  }

  /** Counts consumed bytes; returns the credit to grant now, often 0. */
  consume(bytes: number): number {
    this.#consumed += bytes;
    if (this.#consumed < WINDOW_BYTES / 2) return 0;
    const grant = this.#consumed;
    this.#consumed = 0;
    this.#onTheWay -= grant;
    return grant;
  }
}
