/** Reads JSON from public addresses: resolves a name, checks what it means, and dials exactly that. */
import type { IncomingMessage } from 'node:http';
import type { WebReader } from '../../../ports/web-reader.ts';
import { ask, orAborted } from './ask.ts';
import { createOpenAddresses, type OpenAddressesOptions } from './open-addresses.ts';

const TIMEOUT_MS = 5000;
const BYTES_MAX = 1_048_576;

export function createWebReader(options: OpenAddressesOptions): WebReader {
  const addresses = createOpenAddresses(options);
  return {
    isPrivateHost: addresses.isPrivateHost,
    async readJson(text) {
      const url = new URL(text);
      const cannot = (reason: string, cause?: unknown) => new Error(`Cannot read ${url.origin}${url.pathname}: ${reason}`, { cause });
      const problem = addresses.urlProblem(url);
      if (problem !== undefined) throw cannot(problem);
      const signal = AbortSignal.timeout(TIMEOUT_MS);
      try {
        const open = await orAborted(addresses.of(url), signal);
        const headers = { accept: 'application/json', 'accept-encoding': 'identity' };
        return await readWhole(await ask(url, open, { headers, signal }));
      } catch (error) {
        if (signal.aborted) throw cannot(`no answer within ${TIMEOUT_MS} ms`, error);
        throw cannot(error instanceof Error ? error.message : String(error), error);
      }
    },
  };
}

async function readWhole(response: IncomingMessage): Promise<unknown> {
  if (response.statusCode !== 200) {
    response.destroy();
    throw new Error(`it answered with status ${response.statusCode ?? 0}`);
  }
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > BYTES_MAX) throw new Error(`it is over ${BYTES_MAX} bytes`);
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString());
  } catch {
    throw new Error('it is not JSON');
  }
}
