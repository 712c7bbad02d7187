/** Reads JSON from public addresses: resolves a name, checks what it means, and dials exactly that. */
import { request as requestPlain, type IncomingMessage } from 'node:http';
import { request as requestTls } from 'node:https';
import type { WebReader } from '../../../ports/web-reader.ts';
import { createOpenAddresses, fixedLookup, type Address, type OpenAddressesOptions } from './open-addresses.ts';

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
      try {
        return await read(url, await addresses.of(url));
      } catch (error) {
        throw cannot(error instanceof Error ? error.message : String(error), error);
      }
    },
  };
}

function read(url: URL, addresses: readonly Address[]): Promise<unknown> {
  const request = url.protocol === 'https:' ? requestTls : requestPlain;
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  return new Promise((resolve, reject) => {
    const sent = request(
      url,
      {
        agent: false,
        headers: { accept: 'application/json', 'accept-encoding': 'identity' },
        signal,
        lookup: fixedLookup(addresses),
      },
      (response) => readWhole(response).then(resolve, reject),
    );
    sent.on('error', (error) => reject(signal.aborted ? new Error(`no answer within ${TIMEOUT_MS} ms`) : error));
    sent.end();
  });
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
