/** Posts webhooks to public addresses. Of the answer the status is all that is kept. */
import { request as requestPlain, type IncomingMessage } from 'node:http';
import { request as requestTls } from 'node:https';
import type { WebPost, WebSender } from '../../../ports/web-sender.ts';
import { createOpenAddresses, fixedLookup, type Address, type OpenAddressesOptions } from './open-addresses.ts';

const DRAINED_BYTES = 65_536;

export function createWebSender(options: OpenAddressesOptions): WebSender {
  const addresses = createOpenAddresses(options);
  return {
    urlProblem(text) {
      const url = URL.parse(text);
      if (url === null) return 'it is not a URL';
      if (url.username !== '' || url.password !== '') return 'it holds credentials; the signature says who sends';
      return addresses.urlProblem(url);
    },
    async post(post) {
      const url = new URL(post.url);
      const problem = addresses.urlProblem(url);
      if (problem !== undefined) throw new Error(problem);
      // The name servers may be as slow as the receiver: both together have the time of one attempt.
      const signal = AbortSignal.any([post.signal, AbortSignal.timeout(post.timeoutMs)]);
      try {
        return await send(url, await orAborted(addresses.of(url), signal), { ...post, signal });
      } catch (error) {
        if (post.signal.aborted) throw post.signal.reason;
        if (signal.aborted) throw new Error(`no answer within ${post.timeoutMs} ms`, { cause: error });
        throw error;
      }
    },
  };
}

function send(url: URL, addresses: readonly Address[], { headers, body, signal }: WebPost): Promise<number> {
  const request = url.protocol === 'https:' ? requestTls : requestPlain;
  return new Promise((resolve, reject) => {
    const sent = request(
      url,
      {
        method: 'POST',
        agent: false,
        headers: { ...headers, 'content-length': body.byteLength },
        signal,
        lookup: fixedLookup(addresses),
      },
      (response) => {
        resolve(response.statusCode ?? 0);
        drain(response);
      },
    );
    sent.on('error', reject);
    sent.end(body);
  });
}

/** A receiver whose answer is cut off may take that for a failure, and one that never ends is cut off; so is what is late, by the signal. */
function drain(response: IncomingMessage): void {
  let bytes = 0;
  response.on('error', () => response.destroy());
  response.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > DRAINED_BYTES) response.destroy();
  });
}

function orAborted<Value>(promise: Promise<Value>, signal: AbortSignal): Promise<Value> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
