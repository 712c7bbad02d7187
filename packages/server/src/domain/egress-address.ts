/**
 * Which addresses a function may reach: public unicast ones. An address passes only when it is known to be public;
 * whatever cannot be read, is special or carries another address inside is denied.
 */
import { PlatformError } from '@martlet/protocol';
import ipaddr from 'ipaddr.js';

export type AddressRange = [ipaddr.IPv4 | ipaddr.IPv6, number];

/** Names for the ranges of ipaddr.js, for the person who reads the refusal. */
const RANGE_NAMES: Readonly<Record<string, string>> = {
  unspecified: 'an unspecified address',
  broadcast: 'a broadcast address',
  multicast: 'a multicast address',
  linkLocal: 'a link-local address',
  loopback: 'a loopback address',
  carrierGradeNat: 'a carrier-grade NAT address',
  private: 'a private address',
  uniqueLocal: 'a private address',
  deprecatedSiteLocal: 'a site-local address',
  ipv4Mapped: 'an IPv4 address inside an IPv6 address',
  rfc6145: 'an IPv4 address inside an IPv6 address',
  rfc6052: 'a NAT64 address',
  '6to4': 'a 6to4 address',
  teredo: 'a Teredo address',
  benchmarking: 'a benchmarking address',
};

/** The agent of Azure's hosts answers here with certificates of the machine: the one metadata service with a public address. */
const AZURE_HOST_AGENT = '168.63.129.16';

/** All IPv6 unicast that was ever given out is in here; it leaves out IPv4-compatible, NAT64, discard and unassigned space. */
const IPV6_GLOBAL_UNICAST = ipaddr.IPv6.parseCIDR('2000::/3');

/** RFC 5214: an interface identifier `[02]00:5efe:<IPv4>` makes a tunnel router send to that IPv4 address. */
const ISATAP = 0x5efe;

/**
 * Why a function may not reach an address, as words that follow "it is"; undefined where it may.
 * `address` is a literal as resolvers and the URL parser give it, without brackets. `denied` are further closed ranges.
 */
export function addressDenial(address: string, denied: readonly AddressRange[] = []): string | undefined {
  // ipaddr.js reads octal and short forms too, in its own way: what was not normalised before is not believed.
  if (!ipaddr.IPv4.isValidFourPartDecimal(address) && !ipaddr.IPv6.isValid(address)) return 'not an address';
  if (address.includes('%')) return 'an address with a zone';
  const parsed = ipaddr.parse(address);
  const range = parsed.range();
  if (range !== 'unicast') return RANGE_NAMES[range] ?? 'a reserved address';
  if (parsed.toString() === AZURE_HOST_AGENT) return 'a metadata address';
  if (parsed instanceof ipaddr.IPv6) {
    if (!parsed.match(IPV6_GLOBAL_UNICAST)) return 'a reserved address';
    if (parsed.parts[5] === ISATAP && ((parsed.parts[4] ?? 0) & 0xfdff) === 0) return 'an ISATAP address';
  }
  return denied.some((closed) => inRange(parsed, closed)) ? 'an address of this server or its network' : undefined;
}

/**
 * Reads addresses and CIDR ranges that shall be closed in addition.
 * @throws {PlatformError} `config_invalid`
 */
export function parseAddressRanges(texts: readonly string[]): AddressRange[] {
  return texts.map((text) => {
    // The zone of an interface's own link-local address says nothing about which address it is.
    const plain = text.replace(/%[^/]*/, '');
    try {
      if (plain.includes('/')) return ipaddr.parseCIDR(plain);
      const address = ipaddr.parse(plain);
      return [address, address.kind() === 'ipv4' ? 32 : 128];
    } catch (cause) {
      throw new PlatformError('config_invalid', {
        message: `Cannot close the address range ${JSON.stringify(text)}: it is neither an address nor a range such as 203.0.113.0/24.`,
        cause,
      });
    }
  });
}

function inRange(address: ipaddr.IPv4 | ipaddr.IPv6, [network, bits]: AddressRange): boolean {
  if (address instanceof ipaddr.IPv4) return network instanceof ipaddr.IPv4 && address.match(network, bits);
  return network instanceof ipaddr.IPv6 && address.match(network, bits);
}
