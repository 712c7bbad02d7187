import * as fc from 'fast-check';
import ipaddr from 'ipaddr.js';
import { describe, expect, test } from 'vitest';
import { addressDenial, parseAddressRanges } from './egress-address.ts';

/** Every special range of the IANA registries, written down here on its own and not taken from a library. */
const CLOSED_V4 = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
  '255.255.255.255/32',
  '168.63.129.16/32',
];
const CLOSED_V6 = [
  '::/128',
  '::1/128',
  '::/96',
  '::ffff:0:0/96',
  '::ffff:0:0:0/96',
  '64:ff9b::/96',
  '64:ff9b:1::/48',
  '100::/64',
  '2001::/23',
  '2001:db8::/32',
  '2002::/16',
  '3fff::/20',
  '4000::/2',
  '5f00::/16',
  'fc00::/7',
  'fe80::/10',
  'fec0::/10',
  'ff00::/8',
  'fd00:ec2::254/128',
  '2600:1:2:3:0:5efe::/96',
  '2600:1:2:3:200:5efe::/96',
];

const inRange = (cidr: string) => {
  const [network, bits] = ipaddr.parseCIDR(cidr);
  const bytes = network.toByteArray();
  return fc.uint8Array({ minLength: bytes.length, maxLength: bytes.length }).map((random) => {
    const mixed = bytes.map((byte, index) => {
      const fixed = Math.max(0, Math.min(8, bits - index * 8));
      const mask = (0xff << (8 - fixed)) & 0xff;
      return (byte & mask) | ((random[index] ?? 0) & ~mask & 0xff);
    });
    return ipaddr.fromByteArray(mixed);
  });
};

describe('addresses', () => {
  test.each([...CLOSED_V4, ...CLOSED_V6])('every address of %s is denied, in each of its spellings', (cidr) => {
    fc.assert(
      fc.property(inRange(cidr), (address) => {
        const spellings = [address.toString(), address.toNormalizedString()];
        if (address instanceof ipaddr.IPv6) spellings.push(address.toString().toUpperCase(), `${address.toString()}%eth0`);
        for (const text of spellings) expect(addressDenial(text), text).toBeTypeOf('string');
      }),
    );
  });

  test.each(CLOSED_V4)('every address of %s is denied inside an IPv6 address too', (cidr) => {
    fc.assert(
      fc.property(inRange(cidr), (address) => {
        const [a = 0, b = 0, c = 0, d = 0] = address.toByteArray();
        const hex = `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
        const carriers = [
          `::ffff:${address}`,
          `::ffff:${hex}`,
          `::${hex}`,
          `64:ff9b::${hex}`,
          `64:ff9b:1::${hex}`,
          `2002:${hex}::1`,
          `2001:0:${hex}::1`,
          `2600::200:5efe:${hex}`,
        ];
        for (const text of carriers) expect(addressDenial(text), text).toBeTypeOf('string');
      }),
    );
  });

  test('public addresses pass', () => {
    for (const address of [
      '1.1.1.1',
      '8.8.8.8',
      '100.63.255.255',
      '100.128.0.0',
      '172.15.0.1',
      '172.32.0.1',
      '169.253.1.1',
      '223.255.255.255',
      '2606:4700:4700::1111',
      '2a00:1450:4001:82a::200e',
    ]) {
      expect(addressDenial(address), address).toBeUndefined();
    }
  });

  test('what is not an address in its normal form is denied', () => {
    for (const text of [
      '',
      'localhost',
      '127.1',
      '0x7f.0.0.1',
      '0177.0.0.1',
      '010.8.8.8',
      '2130706433',
      '8.8.8.8 ',
      '[::1]',
      '1.1.1.1/32',
      '2606:4700::1%1',
    ]) {
      expect(addressDenial(text), text).toBeTypeOf('string');
    }
    fc.assert(fc.property(fc.string(), (text) => ipaddr.isValid(text) || addressDenial(text) === 'not an address'));
  });

  test('the refusal names the kind of address', () => {
    expect(addressDenial('169.254.169.254')).toBe('a link-local address');
    expect(addressDenial('10.1.2.3')).toBe('a private address');
    expect(addressDenial('168.63.129.16')).toBe('a metadata address');
  });
});

describe('ranges that are closed in addition', () => {
  test('addresses and ranges of both families are denied, neighbours are not', () => {
    const ranges = parseAddressRanges(['8.8.8.0/24', '2606:4700::/32', '9.9.9.9', 'fe80::1%eth0']);
    expect(addressDenial('8.8.8.200', ranges)).toBe('an address of this server or its network');
    expect(addressDenial('2606:4700:1::1', ranges)).toBeTypeOf('string');
    expect(addressDenial('9.9.9.9', ranges)).toBeTypeOf('string');
    for (const address of ['8.8.9.1', '2606:4701::1', '9.9.9.10']) expect(addressDenial(address, ranges)).toBeUndefined();
  });

  test('what is not a range is an error that names it', () => {
    for (const text of ['', 'example.com', '1.2.3.4/33', '::/129']) expect(() => parseAddressRanges([text])).toThrow(JSON.stringify(text));
  });
});
