import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { addressDenial } from './egress-address.ts';
import { compileEgressPolicy, formatTarget, parseEgressTarget } from './egress-policy.ts';

function target(authority: string) {
  const parsed = parseEgressTarget(authority);
  if (parsed === undefined) throw new Error(`${authority} is no target`);
  return parsed;
}
const allows = (allow: string[], authority: string) => compileEgressPolicy({ allow })(target(authority)) === undefined;

describe('targets', () => {
  test.each([
    ['Example.COM:443', 'example.com'],
    ['example.com.:443', 'example.com'],
    ['bücher.example:443', 'xn--bcher-kva.example'],
    ['ｅｘａｍｐｌｅ。com:443', 'example.com'],
    ['127.1:443', '127.0.0.1'],
    ['0x7f.1:443', '127.0.0.1'],
    ['0177.0.0.01:443', '127.0.0.1'],
    ['2130706433:443', '127.0.0.1'],
    ['１２７.0.0.1:443', '127.0.0.1'],
    ['127。0。0。1:443', '127.0.0.1'],
    ['127.0.0.1.:443', '127.0.0.1'],
    ['%31%32%37.0.0.1:443', '127.0.0.1'],
    ['[::1]:443', '::1'],
    ['[0:0:0:0:0:0:0:1]:443', '::1'],
    ['[::ffff:169.254.169.254]:443', '::ffff:a9fe:a9fe'],
  ])('%s means %s', (authority, host) => {
    expect(target(authority).host).toBe(host);
    expect(target(authority).isAddress).toBe(/^[\d.]+$|:/.test(host));
  });

  test.each([
    '',
    ':80',
    'a',
    'a:',
    'a:0',
    'a:65536',
    'a:-1',
    'a:1e3',
    'a:80:80',
    '::1:80',
    '[::1]',
    '[fe80::1%eth0]:80',
    '[::1:80',
    'ok@127.0.0.1:80',
    'a/b:80',
    'a\\b:80',
    'a?b:80',
    'a#b:80',
    'a b:80',
    'a\tb:80',
    '256.1.1.1:80',
    '1.2.3.4.5:80',
    '%00:80',
    '.:80',
    `${'a'.repeat(254)}:80`,
  ])('%j is no target', (authority) => expect(parseEgressTarget(authority)).toBeUndefined());

  test('every IPv4 spelling of every address is seen as the address that it means', () => {
    const octet = fc.nat(255);
    const spell = (value: number, form: number) =>
      form === 0
        ? String(value)
        : form === 1
          ? `0x${value.toString(16)}`
          : form === 2
            ? `0${value.toString(8)}`
            : `0x0000${value.toString(16).toUpperCase()}`;
    fc.assert(
      fc.property(
        fc.tuple(octet, octet, octet, octet),
        fc.array(fc.nat(3), { minLength: 4, maxLength: 4 }),
        fc.integer({ min: 1, max: 4 }),
        fc.boolean(),
        (octets, forms, count, dot) => {
          const [a, b, c, d] = octets;
          const last =
            count === 1 ? ((a * 256 + b) * 256 + c) * 256 + d : count === 2 ? (b * 256 + c) * 256 + d : count === 3 ? c * 256 + d : d;
          const parts = [...octets.slice(0, count - 1), last].map((value, index) => spell(value, forms[index] ?? 0));
          const parsed = target(`${parts.join('.')}${dot ? '.' : ''}:80`);
          expect(parsed).toEqual({ host: octets.join('.'), port: 80, isAddress: true });
          expect(addressDenial(parsed.host)).toBe(addressDenial(octets.join('.')));
        },
      ),
    );
  });

  test('a target that was read is its own normal form, whatever came in', () => {
    const part = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('.', ':', '[', ']', '%', 'a', '127', '0x', '::', ':80'));
    fc.assert(
      fc.property(
        fc.array(part).map((parts) => parts.join('')),
        (authority) => {
          const parsed = parseEgressTarget(authority);
          if (parsed === undefined) return;
          expect(parseEgressTarget(formatTarget(parsed))).toEqual(parsed);
          expect(parsed.host).toMatch(/^[!-~]+$/);
          if (!parsed.isAddress) expect(addressDenial(parsed.host)).toBe('not an address');
        },
      ),
      { numRuns: 2000 },
    );
  });
});

describe('policies', () => {
  test('public is every port but 25, none is nothing', () => {
    const everything = compileEgressPolicy('public');
    for (const port of [80, 443, 5432, 587, 65_535]) expect(everything(target(`example.com:${port}`))).toBeUndefined();
    expect(everything(target('example.com:25'))).toContain('port 25');
    expect(compileEgressPolicy('none')(target('example.com:443'))).toContain('none');
  });

  test('a host means itself on 80 and 443, and nothing that only looks like it', () => {
    for (const authority of ['api.example.com:443', 'API.example.com.:80']) expect(allows(['api.example.com'], authority)).toBe(true);
    for (const authority of [
      'api.example.com:8080',
      'example.com:443',
      'x.api.example.com:443',
      'api.example.com.evil.test:443',
      'apiXexample.com:443',
    ]) {
      expect(allows(['api.example.com'], authority), authority).toBe(false);
    }
  });

  test('a star means sub-domains at any depth, and not the domain itself', () => {
    for (const authority of ['a.example.com:443', 'a.b.example.com:443']) expect(allows(['*.example.com'], authority)).toBe(true);
    for (const authority of ['example.com:443', 'evilexample.com:443', 'a.example.com.evil.test:443'])
      expect(allows(['*.example.com'], authority), authority).toBe(false);
  });

  test('a port opens just that port, and never 25', () => {
    expect(allows(['db.example.com:5432'], 'db.example.com:5432')).toBe(true);
    expect(allows(['db.example.com:5432'], 'db.example.com:443')).toBe(false);
    expect(allows(['mail.example.com:25'], 'mail.example.com:25')).toBe(false);
  });

  test('addresses and international names can be allowed in any spelling', () => {
    expect(allows(['[2606:4700::1]:443'], '[2606:4700:0:0::1]:443')).toBe(true);
    expect(allows(['0x08.8.8.8'], '8.8.8.8:443')).toBe(true);
    expect(allows(['*.bücher.example'], 'a.xn--bcher-kva.example:443')).toBe(true);
  });

  test.each([
    '',
    '*',
    '*.',
    '*.*.com',
    'a*.example.com',
    '*.3.4',
    '*.[::1]',
    'https://example.com',
    'example.com/',
    'a:0',
    'a:99999',
    '2606:4700::1',
  ])('%j is not a pattern and allows nothing', (pattern) => {
    for (const authority of ['example.com:443', '1.2.3.4:443', 'a:443']) expect(allows([pattern], authority)).toBe(false);
  });
});
