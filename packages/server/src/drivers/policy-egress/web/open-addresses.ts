/** From the host of a URL to the addresses that may be dialled for the platform itself: what is checked here is what is dialled. */
import { lookup } from 'node:dns/promises';
import { isIP, type LookupFunction } from 'node:net';
import { addressDenial, parseAddressRanges } from '../../../domain/egress-address.ts';
import { createDnsResolver } from '../dns-resolver.ts';
import { createOwnAddresses } from '../own-addresses.ts';

export interface OpenAddressesOptions {
  /** Hosts, with port or without, that may be private and without TLS. */
  readonly privateHosts: readonly string[];
  /** Ranges that are closed although they are public. */
  readonly extraDenied: readonly string[];
}

export type Address = { readonly address: string; readonly family: number };

export interface OpenAddresses {
  isPrivateHost(host: string): boolean;
  /** Why a URL may not be asked whatever it means, as words that follow it. */
  urlProblem(url: URL): string | undefined;
  /** @throws {Error} whose message says why there is none */
  of(url: URL): Promise<readonly Address[]>;
}

export function createOpenAddresses({ privateHosts, extraDenied }: OpenAddressesOptions): OpenAddresses {
  const hosts = new Set(privateHosts.map((host) => host.toLowerCase()));
  const resolve = createDnsResolver();
  const own = createOwnAddresses();
  const closed = parseAddressRanges(extraDenied);
  const isPrivateHost = (host: string): boolean => hosts.has(host.toLowerCase()) || hosts.has(host.toLowerCase().replace(/:\d+$/, ''));

  return {
    isPrivateHost,
    urlProblem: ({ protocol, host }) =>
      protocol === 'https:' || (protocol === 'http:' && isPrivateHost(host)) ? undefined : 'it is not an https URL',
    async of(url) {
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
    },
  };
}

/** For a request: the addresses that were checked, and no others. */
export function fixedLookup(addresses: readonly Address[]): LookupFunction {
  return (_name, { all }, done) => {
    const [first = { address: '', family: 4 }] = addresses;
    if (all === true) done(null, [...addresses]);
    else done(null, first.address, first.family);
  };
}
