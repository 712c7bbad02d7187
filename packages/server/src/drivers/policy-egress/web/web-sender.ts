/** Posts webhooks to public addresses. Of the answer the status is all that is kept. */
import type { IncomingMessage } from 'node:http';
import { finished } from 'node:stream';
import type { WebSender } from '../../../ports/web-sender.ts';
import { ask, orAborted } from './ask.ts';
import { createOpenAddresses, type OpenAddressesOptions } from './open-addresses.ts';

const DRAINED_BYTES = 65_536;
const DRAINED_MS = 1000;

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
        const open = await orAborted(addresses.of(url), signal);
        const headers = { ...post.headers, 'content-length': post.body.byteLength };
        const response = await ask(url, open, { method: 'POST', headers, body: post.body, signal });
        // Only now its socket is gone, and what is counted as under way is what is open.
        await drained(response);
        return response.statusCode ?? 0;
      } catch (error) {
        if (post.signal.aborted) throw post.signal.reason;
        if (signal.aborted) throw new Error(`no answer within ${post.timeoutMs} ms`, { cause: error });
        throw error;
      }
    },
  };
}

/** A receiver whose answer is cut off may take that for a failure; one that goes on and on is cut off all the same. Its status is known, so the rest cannot fail. */
function drained(response: IncomingMessage): Promise<void> {
  let bytes = 0;
  const timer = setTimeout(() => response.destroy(), DRAINED_MS);
  response.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > DRAINED_BYTES) response.destroy();
  });
  return new Promise((resolve) => {
    finished(response, () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
