/**
 * Requests and responses of `node:http` whose short bodies do not pass through streams. Node parses every request with
 * all that it refuses, and writes every head but that of a usual short answer (known-heads.ts); what is left out is the life of a `Readable` and a `Writable` around a body that came,
 * or goes, in one piece: 9 of the 16 µs that such a body costs here (docs/decisions/0005-hot-path.md).
 *
 * Nothing else changes: whoever treats them as any request and response gets what Node does.
 */
import { IncomingMessage, ServerResponse } from 'node:http';
import { endHead } from './known-heads.ts';

/** What Node keeps about a message and does not describe. Where it is not as it is known here, the streams are used. */
type Insides = Record<
  | '_dumpAndCloseReadable'
  | '_header'
  | '_headerSent'
  | 'outputData'
  | '_keepAliveTimeout'
  | '_defaultKeepAlive'
  | '_expect_continue'
  | '_sent100'
  | 'maxRequestsOnConnectionReached'
  | '_maxRequestsPerSocket',
  unknown
>;

interface Collector {
  resolve(body: Uint8Array): void;
  reject(error: unknown): void;
}

const EMPTY = new Uint8Array(0);

export class LeanRequest extends IncomingMessage {
  #collector: Collector | undefined;
  #chunks: Buffer | Buffer[] | undefined;
  #inStream = false;

  /**
   * The whole body without a stream; the caller has seen that it is short. Undefined when some of it is in the stream
   * already, since it arrived before anybody asked. Rejects when the connection breaks first.
   */
  collect(): Promise<Uint8Array> | undefined {
    if (this.#inStream || this.destroyed) return undefined;
    return new Promise((resolve, reject) => {
      this.#collector = { resolve, reject };
    });
  }

  /** Node's parser hands every piece of a body to this, and null at its end. */
  override push(chunk: unknown, encoding?: BufferEncoding): boolean {
    const collector = this.#collector;
    if (collector === undefined) {
      this.#inStream = true;
      return super.push(chunk, encoding);
    }
    if (chunk !== null) {
      this.#keep(chunk as Buffer);
      return true;
    }
    this.#collector = undefined;
    const chunks = this.#chunks;
    this.#chunks = undefined;
    // As Node does it for requests without a body: a stream that nobody will read need not come to its end.
    const dump = (this as unknown as Insides)['_dumpAndCloseReadable'];
    if (typeof dump === 'function') dump.call(this);
    else super.push(null);
    collector.resolve(Array.isArray(chunks) ? Buffer.concat(chunks) : (chunks ?? EMPTY));
    return false;
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#collector?.reject(error ?? new Error('The connection was closed'));
    this.#collector = undefined;
    // oxlint-disable-next-line no-underscore-dangle -- Node's name of it
    super._destroy(error, callback);
  }

  #keep(chunk: Buffer): void {
    if (this.#chunks === undefined) this.#chunks = chunk;
    else if (Array.isArray(this.#chunks)) this.#chunks.push(chunk);
    else this.#chunks = [this.#chunks, chunk];
  }
}

export class LeanResponse extends ServerResponse<LeanRequest> {
  #isSent = false;

  /** Whether it is out; a short answer is so once the socket has it, and the rest is between the kernel and the caller. */
  get isOut(): boolean {
    return this.#isSent || this.writableFinished;
  }

  /**
   * Ends a response whose head `writeHead` has made, with a whole short body in Latin-1: both go to the socket as one text.
   * A response that waits behind an earlier one of its connection ends as usual.
   */
  endShort(body: string): void {
    const { socket } = this;
    const insides = this as unknown as Insides;
    const head = insides['_header'];
    const waiting = insides['outputData'];
    const isNext = socket?.writable === true && typeof head === 'string' && insides['_headerSent'] === false;
    if (!isNext || !Array.isArray(waiting) || waiting.length > 0) {
      this.end(body, 'latin1');
      return;
    }
    socket.write(head + body, 'latin1');
    this.#isOutNow();
  }

  /**
   * Whether head and body may go to the socket as one text of ours: nothing of the answer is written or set yet, it is the
   * next one of its connection, has a body, and the connection stays open for the next request in the usual way.
   */
  get takesWhole(): boolean {
    const { socket, req } = this;
    const insides = this as unknown as Insides;
    const waiting = insides['outputData'];
    const isNext = socket?.writable === true && insides['_header'] === null && Array.isArray(waiting) && waiting.length === 0;
    if (!isNext || req.method === 'HEAD' || req.httpVersionMajor !== 1 || req.httpVersionMinor !== 1) return false;
    const stays = this.shouldKeepAlive && insides['_defaultKeepAlive'] === true && insides['maxRequestsOnConnectionReached'] !== true;
    // Node says how many requests are left where they are counted, and ends connections whose body it did not ask for.
    if (!stays || Number(insides['_maxRequestsPerSocket']) > 0 || (insides['_expect_continue'] === true && insides['_sent100'] !== true))
      return false;
    return typeof insides['_keepAliveTimeout'] === 'number' && insides['_keepAliveTimeout'] > 0 && this.getHeaderNames().length === 0;
  }

  /** Sends an answer that `takesWhole`: the head as `beginHead` made it, the body in Latin-1. */
  sendWhole(status: number, head: string, body: string): void {
    const insides = this as unknown as Insides;
    const whole = head + endHead(insides['_keepAliveTimeout'] as number);
    this.socket?.write(whole + body, 'latin1');
    this.statusCode = status;
    insides['_header'] = whole;
    this.#isOutNow();
  }

  #isOutNow(): void {
    (this as unknown as Insides)['_headerSent'] = true;
    this.finished = true;
    this.#isSent = true;
    // The server's sign to turn to the next request of the connection, or to close it.
    this.emit('finish');
  }
}
