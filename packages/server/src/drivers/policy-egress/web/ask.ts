/** One request to addresses that were checked. Whatever the other side does, asking ends: with the head of an answer, or with an error. */
import { request as requestPlain, type IncomingMessage, type RequestOptions } from 'node:http';
import { request as requestTls } from 'node:https';
import { fixedLookup, type Address } from './open-addresses.ts';

export interface Question extends Pick<RequestOptions, 'method' | 'headers'> {
  readonly body?: Uint8Array;
  readonly signal: AbortSignal;
}

export function ask(url: URL, addresses: readonly Address[], { body, signal, ...options }: Question): Promise<IncomingMessage> {
  const request = url.protocol === 'https:' ? requestTls : requestPlain;
  const answer = new Promise<IncomingMessage>((resolve, reject) => {
    const sent = request(url, { ...options, agent: false, signal, lookup: fixedLookup(addresses) }, resolve);
    sent.on('error', reject);
    // Without a listener Node drops the connection, and tells nobody that no answer will come.
    sent.on('upgrade', (response, socket) => {
      socket.destroy();
      reject(new Error(`it answered with status ${response.statusCode ?? 0}, and changes to another protocol`));
    });
    sent.on('close', () => reject(new Error('the connection ended without an answer')));
    sent.end(body);
  });
  return orAborted(answer, signal);
}

export function orAborted<Value>(promise: Promise<Value>, signal: AbortSignal): Promise<Value> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
