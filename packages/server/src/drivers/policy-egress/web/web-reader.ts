/** Reads JSON from public addresses: resolves a name, checks what it means, and dials exactly that. */
import { request as requestPlain, type IncomingMessage } from 'node:http';
import { request as requestTls } from 'node:https';
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { addressDenial, parseAddressRanges } from '../../../domain/egress-address.ts';
import type { WebReader } from '../../../ports/web-reader.ts';
import { createDnsResolver } from '../dns-resolver.ts';
import { createOwnAddresses } from '../own-addresses.ts';

const TIMEOUT_MS = 5000;
const BYTES_MAX = 1_048_576;

export interface WebReaderOptions {
  /** Hosts, with port or without, that may be private and without TLS. */
  readonly privateHosts: readonly string[];
  /** Ranges that are closed although they are public. */
  readonly extraDenied: readonly string[];
}

type Address = { readonly address: string; readonly family: number };

export function createWebReader({ privateHosts, extraDenied }: WebReaderOptions): WebReader {
  const hosts = new Set(privateHosts.map((host) => host.toLowerCase()));
  const resolve = createDnsResolver();
  const own = createOwnAddresses();
  const closed = parseAddressRanges(extraDenied);
  const isPrivateHost = (host: string): boolean => hosts.has(host.toLowerCase()) || hosts.has(host.toLowerCase().replace(/:\d+$/, ''));

  async function addressesOf(url: URL): Promise<readonly Address[]> {
    const name = url.hostname.replace(/^\[|\]$/g, '');
    if (isPrivateHost(url.host)) return lookup(name, { all: true });
    const literal = isIP(name);
    const found = literal === 0 ? await resolve(name) : [{ address: name, family: literal }];
    const denied = [...own(), ...closed];
    const open = found.filter(({ address }) => addressDenial(address, denied) === undefined);
    if (open.length > 0) return open;
    const [first] = found;
    throw new Error(
      first === undefined
        ? 'the name has no address'
        : `${first.address} is ${addressDenial(first.address, denied)}, and only public addresses are dialled`,
    );
  }

  return {
    isPrivateHost,
    async readJson(text) {
      const url = new URL(text);
      const cannot = (reason: string, cause?: unknown) => new Error(`Cannot read ${url.origin}${url.pathname}: ${reason}`, { cause });
      if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isPrivateHost(url.host))) throw cannot('it is not an https URL');
      try {
        return await read(url, await addressesOf(url));
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
        // The addresses that were checked, and no others.
        lookup: (_name, { all }, done) => {
          const [first = { address: '', family: 4 }] = addresses;
          if (all === true) done(null, [...addresses]);
          else done(null, first.address, first.family);
        },
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
