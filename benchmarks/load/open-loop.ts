/**
 * Requests at a fixed rate, whether the server keeps up or not. Latency counts from the moment at which a request
 * should have been sent, so that a server that stalls cannot hide the requests that had to wait for it.
 */
import { encodeRequest, openConnection, type HttpConnection, type RequestFacts } from './http-connection.ts';

export interface OpenLoopOptions {
  readonly port: number;
  readonly request: RequestFacts;
  /** Requests per second. */
  readonly rate: number;
  /** What is measured; a second before it warms up and is not. */
  readonly seconds: number;
}

const CONNECTIONS = 64;
const WARM_UP_SECONDS = 1;
/** How long the last replies are waited for. */
const GRACE_MS = 5000;

/** Latencies in milliseconds, one per request. @throws {Error} when a request failed or was never answered */
export function openLoop({ port, request: facts, rate, seconds }: OpenLoopOptions): Promise<number[]> {
  const request = encodeRequest(facts);
  const warmUp = Math.floor(rate * WARM_UP_SECONDS);
  const total = warmUp + Math.floor(rate * seconds);
  const free: HttpConnection[] = Array.from({ length: CONNECTIONS }, () => openConnection(port));
  const all = [...free];
  const queue: number[] = [];
  const latencies: number[] = [];
  const { promise, resolve, reject } = Promise.withResolvers<number[]>();
  const began = performance.now();
  let due = 0;

  function end(error?: Error): void {
    for (const connection of all) connection.close();
    due = total;
    queue.length = 0;
    if (error === undefined) resolve(latencies.slice(warmUp));
    else reject(error);
  }
  function send(connection: HttpConnection, intended: number): void {
    connection.send(request, (status) => {
      if (status !== 200) return end(new Error(`Cannot use a round: a request was answered with ${status}`));
      latencies.push(performance.now() - intended);
      const next = queue.shift();
      if (next === undefined) free.push(connection);
      else send(connection, next);
      if (latencies.length === total) end();
    });
  }
  // Timers have a grain of a millisecond, which is more than what is measured here: the loop turns without rest.
  function turn(): void {
    const now = performance.now();
    for (; due < total; due += 1) {
      const intended = began + (due * 1000) / rate;
      if (intended > now) break;
      const connection = free.pop();
      if (connection === undefined) queue.push(intended);
      else send(connection, intended);
    }
    if (due < total) setImmediate(turn);
    else
      setTimeout(
        () => latencies.length < total && end(new Error(`Cannot use a round: ${total - latencies.length} requests were not answered`)),
        GRACE_MS,
      ).unref();
  }
  turn();
  return promise;
}
