/** The addresses of this machine's own interfaces, which are closed even where they are public. */
import { networkInterfaces } from 'node:os';
import { type AddressRange, parseAddressRanges } from '../../domain/egress-address.ts';

/** Interfaces come and go with VPNs and hot-plugged cards; asking the kernel costs too much for each connection. */
const REFRESH_MS = 1000;

export function createOwnAddresses(): () => readonly AddressRange[] {
  let ranges: readonly AddressRange[] = [];
  let readAt = Number.NEGATIVE_INFINITY;
  return () => {
    if (performance.now() - readAt >= REFRESH_MS) {
      readAt = performance.now();
      ranges = parseAddressRanges(Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map((entry) => entry.address)));
    }
    return ranges;
  };
}
