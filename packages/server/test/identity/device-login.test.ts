/** Logins of terminals: what a terminal is told at each step, who may decide, and that a key is given once. */
import { hash } from 'node:crypto';
import { keyScopes } from '@martlet/protocol';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  LOGIN_PLACES,
  placeOfDeviceCode,
  placeOfUserCode,
  readUserCode,
  showUserCode,
  userCodeFrom,
} from '../../src/domain/identity/login-codes.ts';
import { createDeviceLogins, type DeviceLogins } from '../../src/services/identity/device-logins.ts';
import { createRateLimiter } from '../../src/services/identity/rate-limiter.ts';
import { createSystemIds } from '../../src/drivers/system/system-ids.ts';
import { openApi, PROJECT, type OpenApi } from '../api/open-api.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

let bed: OpenApi;
let logins: DeviceLogins;
beforeEach(async () => {
  bed = await openApi({ limits: { deviceLoginsPerHour: 1000 } });
  logins = bed.identity.deviceLogins;
});
afterEach(() => bed.close());

const start = (json: object = {}, headers: Record<string, string> = {}) =>
  bed.call('/v1/login/device', { key: null, json: { machine: 'laptop', ...json }, headers });
const collect = (deviceCode: unknown) => bed.call('/v1/login/device/token', { key: null, json: { deviceCode } });
const holderOf = async (apiKey: string) => bed.principals.identify({ apiKey });
const decide = async (userCode: string, apiKey = bed.secret, decision: 'allow' | 'deny' = 'allow') =>
  logins.decide(userCode, await holderOf(apiKey), decision);
const keyWith = async (scopes: readonly string[], expiresAt: number | null = null, project = PROJECT) =>
  bed.keys.create(project, { name: 'other', scopes, expiresAt });
/** Everything that the store keeps of logins. */
async function stored(): Promise<string[]> {
  const all = await Promise.all(
    Array.from({ length: LOGIN_PLACES }, (_, place) => bed.store.settings.get(PROJECT, `device-login-${place}`)),
  );
  return all.filter((text) => text !== null);
}

/** As a second server on the same store. */
function otherNode(): DeviceLogins {
  const { store, keys, clock } = bed;
  const log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
  const other = createDeviceLogins({
    store,
    keys,
    rates: createRateLimiter(clock),
    clock,
    ids: createSystemIds(clock),
    log,
    home: PROJECT,
  });
  other.stop();
  return other;
}

describe('a login', () => {
  test('begins with codes, and an address of the server that the terminal has found', async () => {
    const { status, headers, body } = await start();
    expect(status).toBe(201);
    expect(headers.get('cache-control')).toBe('no-store');
    expect(body).toEqual({
      deviceCode: expect.stringMatching(/^md_\d+_[A-Za-z0-9_-]{43}$/),
      userCode: expect.stringMatching(/^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$/),
      verificationUrl: 'http://localhost/console/device',
      verificationUrlComplete: `http://localhost/console/device?code=${body.userCode}`,
      expiresIn: 600,
      interval: 2,
    });
    expect((await start({}, { 'x-forwarded-proto': 'https' })).body.verificationUrl).toBe('https://localhost/console/device');
  });

  test('keeps its codes as digests only, and no key before it is collected', async () => {
    const { deviceCode, userCode } = (await start()).body;
    await decide(userCode);
    const [text = ''] = await stored();
    expect(text).toContain(hash('sha256', deviceCode));
    for (const secret of [deviceCode, userCode, userCode.replace('-', ''), 'mk_']) expect(text).not.toContain(secret);
    expect((await bed.call('/v1/keys')).body.total).toBe(1);
  });

  test('gives a key of its own once it is allowed, and only once', async () => {
    const { deviceCode, userCode } = (await start()).body;
    expect((await collect(deviceCode)).body).toMatchObject({ code: 400, type: 'login_pending' });
    expect(await decide(userCode.toLowerCase().replace('-', ' '))).toBe('allowed');
    const { status, headers, body } = await collect(deviceCode);
    expect([status, headers.get('cache-control')]).toEqual([200, 'no-store']);
    expect(body).toMatchObject({ key: expect.stringMatching(/^mk_/), project: PROJECT, scopes: [...keyScopes] });
    expect(body.key).not.toBe(bed.secret);
    expect(Math.abs(Date.parse(body.expire) - bed.clock.now() - 90 * DAY_MS)).toBeLessThan(MINUTE_MS);
    const { keys } = (await bed.call('/v1/keys', { key: body.key })).body;
    expect(keys.map(({ name }: { name: string }) => name)).toContain('martlet login on laptop');
    for (const again of [1, 2]) expect([again, (await collect(deviceCode)).body.type]).toEqual([again, 'login_expired']);
    expect(await decide(userCode)).toBe('gone');
    expect(await stored()).toEqual([]);
  });

  test('is collected by one of many who ask at once, on any node', async () => {
    const { deviceCode, userCode } = (await start()).body;
    const other = otherNode();
    expect(await other.decide(userCode, await holderOf(bed.secret), 'allow')).toBe('allowed');
    const answers = await Promise.allSettled([logins, other, logins, other].map((node) => node.collect(deviceCode)));
    expect(answers.map((answer) => (answer.status === 'fulfilled' ? 'key' : answer.reason.code)).toSorted()).toEqual([
      'key',
      ...Array.from({ length: 3 }, () => 'login_expired'),
    ]);
    expect((await bed.call('/v1/keys')).body.total).toBe(2);
  });

  test('is decided on once, by the first of those who do', async () => {
    const { deviceCode, userCode } = (await start()).body;
    const verdicts = await Promise.all([decide(userCode, bed.secret, 'deny'), decide(userCode), decide(userCode)]);
    expect(verdicts.filter((verdict) => verdict === 'gone')).toHaveLength(2);
    const { type } = (await collect(deviceCode)).body;
    expect(type).toBe(verdicts.includes('denied') ? 'login_denied' : undefined);
  });

  test('that is denied says so, and gives nothing', async () => {
    const { deviceCode, userCode } = (await start()).body;
    expect(await decide(userCode, bed.secret, 'deny')).toBe('denied');
    expect((await collect(deviceCode)).body).toMatchObject({ code: 400, type: 'login_denied' });
    expect(await decide(userCode)).toBe('gone');
    expect((await bed.call('/v1/keys')).body.total).toBe(1);
  });

  test('expires after ten minutes, decided on or not', async () => {
    const waiting = (await start()).body;
    const allowed = (await start()).body;
    await decide(allowed.userCode);
    bed.advance(10 * MINUTE_MS - 2000);
    expect((await collect(waiting.deviceCode)).body.type).toBe('login_pending');
    bed.advance(2001);
    for (const { deviceCode, userCode } of [waiting, allowed]) {
      expect((await collect(deviceCode)).body.type).toBe('login_expired');
      expect(await decide(userCode)).toBe('gone');
      expect(await logins.find(userCode)).toBeUndefined();
    }
    expect((await bed.call('/v1/keys')).body.total).toBe(1);
  });

  test('tells a terminal that hurries to slow down, and gives the key all the same', async () => {
    const { deviceCode, userCode } = (await start()).body;
    expect((await collect(deviceCode)).body.type).toBe('login_pending');
    const hurried = await collect(deviceCode);
    expect([hurried.body.type, hurried.headers.get('retry-after')]).toEqual(['login_slow_down', '7']);
    bed.advance(2000);
    expect((await collect(deviceCode)).body.type).toBe('login_pending');
    await decide(userCode);
    expect((await collect(deviceCode)).status).toBe(200);
  });

  test('is not found by codes that were never made', async () => {
    const { deviceCode, userCode } = (await start()).body;
    const place = placeOfDeviceCode(deviceCode) ?? 0;
    const codes = [
      '',
      'md_',
      `md_${place}_${'x'.repeat(43)}`,
      `md_100_${'x'.repeat(43)}`,
      `md_-1_${'x'.repeat(43)}`,
      `${deviceCode}x`,
      userCode,
    ];
    for (const code of codes) expect([code, (await collect(code)).body.type]).toEqual([code, 'login_expired']);
    for (const code of [null, 1, {}, 'x'.repeat(129)]) expect((await collect(code)).body.type).toBe('general_argument_invalid');
    const near = userCode.slice(0, 8) + (userCode.endsWith('B') ? 'C' : 'B');
    for (const code of ['', near, 'AAAA-AAAA', deviceCode, '../../etc']) expect([code, await decide(code)]).toEqual([code, 'gone']);
  });
});

describe('who allows it', () => {
  test('gives no more than the own key has, nor for longer', async () => {
    const until = bed.clock.now() + DAY_MS;
    const { secret } = await keyWith(['keys.write', 'functions.read', 'users.read'], until);
    const { deviceCode, userCode } = (await start({ scopes: ['functions.read', 'functions.write'] })).body;
    expect(await decide(userCode, secret)).toBe('allowed');
    const { body } = await collect(deviceCode);
    expect([body.scopes, Date.parse(body.expire)]).toEqual([['functions.read'], until]);
    expect((await bed.call('/v1/functions', { key: body.key })).status).toBe(200);
    expect((await bed.call('/v1/keys', { key: body.key })).status).toBe(401);
  });

  test('needs a key of the project that may make keys and has something to give', async () => {
    const { deviceCode, userCode } = (await start({ scopes: ['users.write'] })).body;
    expect(await decide(userCode, (await keyWith(['users.write', 'keys.read'])).secret)).toBe('no-scope');
    expect(await decide(userCode, (await keyWith(keyScopes, null, 'elsewhere')).secret)).toBe('other-project');
    expect(await decide(userCode, (await keyWith(['keys.write'])).secret)).toBe('nothing-in-common');
    expect(await decide(userCode, 'mk_nobody')).toBe('no-key');
    bed.tokens.set('mx_running', { kind: 'execution', projectId: PROJECT, executionId: 'e1', scopes: new Set(keyScopes), hops: 0 });
    expect(await decide(userCode, 'mx_running')).toBe('no-key');
    expect((await collect(deviceCode)).body.type).toBe('login_pending');
  });

  test('takes it back with the own key while the terminal has not collected', async () => {
    const { row, secret } = await keyWith(keyScopes);
    const { deviceCode, userCode } = (await start()).body;
    expect(await decide(userCode, secret)).toBe('allowed');
    await bed.keys.delete(PROJECT, row.id);
    expect((await collect(deviceCode)).body.type).toBe('login_denied');
    expect((await bed.call('/v1/keys')).body.total).toBe(1);
  });

  test('may try ten keys for one code, on whichever node', async () => {
    const { deviceCode, userCode } = (await start()).body;
    const other = otherNode();
    for (let tries = 0; tries < 10; tries += 1)
      expect(await (tries % 2 === 0 ? logins : other).decide(userCode, await holderOf(`mk_wrong${tries}`), 'allow')).toBe('no-key');
    expect(await decide(userCode)).toBe('gone');
    expect((await collect(deviceCode)).body.type).toBe('login_denied');
  });

  test('logs a terminal in to the project that it has named', async () => {
    const { secret } = await keyWith(keyScopes, null, 'elsewhere');
    const { deviceCode, userCode } = (await start({}, { 'x-martlet-project': 'elsewhere' })).body;
    expect(await logins.find(userCode)).toMatchObject({ projectId: 'elsewhere', machine: 'laptop', address: '203.0.113.7', scopes: null });
    expect(await decide(userCode, secret)).toBe('allowed');
    expect((await collect(deviceCode)).body).toMatchObject({ project: 'elsewhere' });
  });
});

describe('strangers', () => {
  test('are told what is wrong with their request', async () => {
    for (const machine of ['', ' x', 'x'.repeat(65), 'a\nb', 'a\u202Eb', '<b>', 'a\u200Bb', null, 1])
      expect([machine, (await start({ machine })).body.message]).toEqual([machine, expect.stringContaining('Invalid `machine` param')]);
    for (const scopes of [[], ['root'], 'all', [1]])
      expect([scopes, (await start({ scopes })).body.message]).toEqual([scopes, expect.stringContaining('Invalid `scopes` param')]);
    expect((await start({ machine: 'Bücherregal-2.local' })).status).toBe(201);
    const large = await bed.call('/v1/login/device', { key: null, json: { machine: 'x', more: 'x'.repeat(10_000) } });
    expect(large.status).toBe(413);
  });

  test('cannot have more than so many open, and make room as they expire', async () => {
    const codes = new Set<string>();
    let refused = 0;
    for (let tries = 0; refused < 20; tries += 1) {
      const { status, body } = await start();
      if (status === 201) codes.add(body.userCode);
      else {
        expect(body).toMatchObject({ code: 429, type: 'general_rate_limit_exceeded' });
        refused += 1;
      }
    }
    expect(codes.size).toBeLessThanOrEqual(LOGIN_PLACES);
    expect(codes.size).toBeGreaterThan(LOGIN_PLACES / 2);
    for (const code of codes) expect(await logins.find(code)).toBeDefined();
    bed.advance(10 * MINUTE_MS + 1);
    expect((await start()).status).toBe(201);
  });

  test('start so many in an hour from one address', async () => {
    const bounded = await openApi({ limits: { deviceLoginsPerHour: 2 } });
    const answers = [];
    for (let tries = 0; tries < 3; tries += 1)
      answers.push((await bounded.call('/v1/login/device', { key: null, json: { machine: 'x' } })).status);
    await bounded.close();
    expect(answers).toEqual([201, 201, 429]);
  });
});

test('codes name a place each, as evenly as chance allows, and are read however they are typed', () => {
  const counts = new Map<number, number>();
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (bytes) => {
      const code = userCodeFrom(bytes);
      if (code === undefined) return bytes.filter((byte) => byte < 240).length < 8;
      const place = placeOfUserCode(code);
      return (
        place >= 0 && place < LOGIN_PLACES && readUserCode(showUserCode(code)) === code && readUserCode(` ${code.toLowerCase()} `) === code
      );
    }),
  );
  for (let first = 0; first < 20; first += 1)
    for (let second = 0; second < 20; second += 1) {
      const place = placeOfUserCode(userCodeFrom(Uint8Array.of(first, second, 0, 0, 0, 0, 0, 0)) ?? '');
      counts.set(place, (counts.get(place) ?? 0) + 1);
    }
  expect([counts.size, new Set(counts.values())]).toEqual([LOGIN_PLACES, new Set([4])]);
  expect(readUserCode('B'.repeat(1000))).toBeUndefined();
});
