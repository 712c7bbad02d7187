/** What the proxy dials, whatever names and addresses functions and their name servers come up with. */
import { Socket } from 'node:net';
import * as fc from 'fast-check';
import { networkInterfaces } from 'node:os';
import { describe, expect, test } from 'vitest';
import { addressDenial, parseAddressRanges } from '../../src/domain/egress-address.ts';
import { compileEgressPolicy, parseEgressTarget } from '../../src/domain/egress-policy.ts';
import { openWay } from '../../src/drivers/policy-egress/open-way.ts';
import type { Refusal } from '../../src/drivers/policy-egress/refusal.ts';
import { createOwnAddresses } from '../../src/drivers/policy-egress/own-addresses.ts';
import type { Endpoint } from '../../src/drivers/policy-egress/thread-messages.ts';

const publicAddress = fc.constantFrom('1.1.1.1', '8.8.8.8', '2606:4700:4700::1111');
const privateAddress = fc.oneof(
  fc.ipV4().filter((address) => addressDenial(address) !== undefined),
  fc.ipV6().filter((address) => addressDenial(address) !== undefined),
  fc.constantFrom(
    '127.0.0.1',
    '169.254.169.254',
    '10.0.0.1',
    '::1',
    '::ffff:127.0.0.1',
    '::ffff:a9fe:a9fe',
    '64:ff9b::7f00:1',
    '2002:7f00:1::',
    'fd00:ec2::254',
    'fe80::1%lo',
    '100.100.100.200',
    '0.0.0.0',
    '::',
    '192.168.1.1',
    '127.1',
    'localhost',
    '',
  ),
);

/** Connects nowhere: it records where the proxy would have gone, and answers as if it had arrived or failed. */
function recorder(fails: (endpoint: Endpoint) => boolean = () => false) {
  const dialled: Endpoint[] = [];
  const dial = (endpoint: Endpoint) => {
    dialled.push(endpoint);
    const socket = new Socket();
    queueMicrotask(() =>
      fails(endpoint) ? socket.destroy(Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' })) : socket.emit('connect'),
    );
    return socket;
  };
  return { dialled, dial };
}

interface Attempt {
  readonly authority: string;
  readonly answers: readonly (readonly string[])[];
  readonly dial: (endpoint: Endpoint) => Socket;
  readonly denied?: readonly string[];
}

/** Asks for the authority once per answer of the name server, which changes its mind each time. */
async function attempt({ authority, answers, dial, denied = [] }: Attempt): Promise<(Socket | Refusal)[]> {
  const target = parseEgressTarget(authority);
  if (target === undefined) return [];
  const waiting = [...answers];
  const resolve = async () => (waiting.shift() ?? []).map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
  const ways = [];
  for (const _ of answers) {
    ways.push(
      await openWay(
        { resolve, dial, denied: () => parseAddressRanges(denied), opened: new Set(), connectTimeoutMs: 5000 },
        { target, rule: compileEgressPolicy('public'), platform: undefined, signal: new AbortController().signal },
      ),
    );
  }
  return ways;
}

describe('what is dialled', () => {
  test('no private address is ever dialled, however the answers of the name server mix and change', async () => {
    const answer = fc.array(fc.oneof(publicAddress, privateAddress), { maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(fc.array(answer, { minLength: 1, maxLength: 5 }), fc.boolean(), async (answers, failing) => {
        const { dialled, dial } = recorder(() => failing);
        const ways = await attempt({ authority: 'rebind.test:443', answers, dial });
        for (const { host } of dialled) expect(addressDenial(host), host).toBeUndefined();
        ways.forEach((way, index) => {
          const reachable = (answers[index] ?? []).some((address) => addressDenial(address) === undefined);
          expect(way instanceof Socket).toBe(reachable && !failing);
        });
      }),
      { numRuns: 500 },
    );
  });

  test('a name that alternates between a public and a private address a thousand times is reached at the public one only', async () => {
    const { dialled, dial } = recorder();
    const answers = Array.from({ length: 1000 }, (_, index) => [index % 2 === 0 ? '1.1.1.1' : '169.254.169.254']);
    const ways = await attempt({ authority: 'rebind.test:80', answers, dial });
    expect(dialled).toHaveLength(500);
    expect(new Set(dialled.map(({ host }) => host))).toEqual(new Set(['1.1.1.1']));
    expect(ways[1]).toMatchObject({
      status: 403,
      reason: 'Cannot reach rebind.test:80: 169.254.169.254 is a link-local address, and functions may reach public addresses only',
    });
  });

  test('a private address in any spelling is refused without asking a name server', async () => {
    const spellings = [
      '127.0.0.1',
      '127.1',
      '0x7f.1',
      '2130706433',
      '017700000001',
      '127.0.0.1.',
      '[::1]',
      '[::ffff:7f00:1]',
      '[0:0:0:0:0:ffff:127.0.0.1]',
      '１２７.0.0.1',
      '169.254.169.254',
      '[fd00:ec2::254]',
      '0',
      '[::]',
    ];
    for (const spelling of spellings) {
      const { dialled, dial } = recorder();
      const ways = await attempt({ authority: `${spelling}:80`, answers: [['1.1.1.1']], dial });
      expect(dialled, spelling).toEqual([]);
      expect(ways[0], spelling).toMatchObject({ status: 403 });
    }
  });

  test("the machine's own addresses and those the operator named are refused although they are public", async () => {
    const { dialled, dial } = recorder();
    const ways = await attempt({
      authority: 'self.test:80',
      answers: [['8.8.8.8'], ['2606:4700::9']],
      dial,
      denied: ['8.8.8.8', '2606:4700::/32'],
    });
    expect(dialled).toEqual([]);
    expect(ways).toMatchObject([{ status: 403 }, { status: 403 }]);
    const own = createOwnAddresses()();
    const addresses = Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map((entry) => entry.address.replace(/%.*/, '')));
    expect(own.map(([address]) => address.toString())).toEqual(parseAddressRanges(addresses).map(([address]) => address.toString()));
  });

  test('addresses are tried in order until one connects, at most six', async () => {
    const many = Array.from({ length: 20 }, (_, index) => `1.1.1.${index}`);
    const second = recorder(({ host }) => host !== '1.1.1.1');
    expect((await attempt({ authority: 'many.test:80', answers: [many], dial: second.dial }))[0]).toBeInstanceOf(Socket);
    expect(second.dialled.map(({ host }) => host)).toEqual(['1.1.1.0', '1.1.1.1']);
    const none = recorder(() => true);
    expect((await attempt({ authority: 'many.test:80', answers: [many], dial: none.dial }))[0]).toMatchObject({
      status: 502,
      code: 'ECONNREFUSED',
    });
    expect(none.dialled).toHaveLength(6);
  });

  test('an address that does not answer does not hold up the next one', async () => {
    const dialled: string[] = [];
    const dial = ({ host }: Endpoint) => {
      dialled.push(host);
      const socket = new Socket();
      if (host === '8.8.8.8') queueMicrotask(() => socket.emit('connect'));
      return socket;
    };
    const started = performance.now();
    expect((await attempt({ authority: 'slow.test:80', answers: [['1.1.1.1', '8.8.8.8']], dial }))[0]).toBeInstanceOf(Socket);
    expect(dialled).toEqual(['1.1.1.1', '8.8.8.8']);
    expect(performance.now() - started).toBeLessThan(3000);
  });
});
