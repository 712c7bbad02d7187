import { createHmac } from 'node:crypto';
import { isPlatformError } from '@martlet/protocol';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { signatureSchemeSchema, signedParts } from './signature-scheme.ts';
import { signDelivery, verifyDelivery, type Hmac } from './signatures.ts';
import { formatTimedSignatures, parseTimedSignatures } from './timed-signatures.ts';

const hmac: Hmac = (hash, secret, message) => createHmac(hash, secret).update(message).digest();
const bytes = (text: string) => new TextEncoder().encode(text);
const NOW = 1_700_000_000_000;
const SECONDS = NOW / 1000;

/** What is wrong with a delivery; undefined where it is taken. */
function verdict(
  scheme: object,
  headers: Readonly<Record<string, string>>,
  { body = '{}', secrets = ['secret'], nowMs = NOW }: { body?: string | Uint8Array; secrets?: string[]; nowMs?: number } = {},
): string | undefined {
  const byName = new Map(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
  const delivery = { header: (name: string) => byName.get(name.toLowerCase()), body: typeof body === 'string' ? bytes(body) : body };
  try {
    verifyDelivery(signatureSchemeSchema.parse(scheme), { delivery, secrets: secrets.map(bytes), nowMs, hmac });
    return undefined;
  } catch (error) {
    if (!isPlatformError(error)) throw error;
    expect([error.code, error.status]).toEqual(['webhook_signature_invalid', 401]);
    return error.message;
  }
}
const NO_MATCH = 'Cannot take the webhook: no signature matches its body.';
const hex = (secret: string, message: string, hash = 'sha256') => createHmac(hash, secret).update(message).digest('hex');

describe("GitHub's", () => {
  // The example of its documentation.
  const [body, secrets] = ['Hello, World!', ["It's a Secret to Everybody"]];
  const signature = 'sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17';
  const github = { kind: 'github' };

  test('is taken, by any of our secrets', () => {
    expect(verdict(github, { 'X-Hub-Signature-256': signature }, { body, secrets })).toBeUndefined();
    expect(verdict(github, { 'X-Hub-Signature-256': signature }, { body, secrets: ['new', ...secrets] })).toBeUndefined();
    expect(verdict(github, { 'X-Hub-Signature-256': signature.toUpperCase().replace('SHA', 'sha') }, { body, secrets })).toBeUndefined();
  });

  test.each([
    ['another body', { 'X-Hub-Signature-256': signature }, { body: 'Hello, World! ', secrets }, NO_MATCH],
    ['another secret', { 'X-Hub-Signature-256': signature }, { body, secrets: ['x'] }, NO_MATCH],
    ['no secret', { 'X-Hub-Signature-256': signature }, { body, secrets: [] }, NO_MATCH],
    ['an empty secret', { 'X-Hub-Signature-256': `sha256=${hex('', body)}` }, { body, secrets: [''] }, NO_MATCH],
    ['half a signature', { 'X-Hub-Signature-256': signature.slice(0, -32) }, { body, secrets }, NO_MATCH],
    ['an empty signature', { 'X-Hub-Signature-256': 'sha256=' }, { body, secrets }, NO_MATCH],
    ['the old header alone', { 'X-Hub-Signature': 'sha1=00' }, { body, secrets }, 'its header x-hub-signature-256 is missing'],
    ['another hash', { 'X-Hub-Signature-256': 'sha1=00' }, { body, secrets }, 'does not begin with sha256='],
    ['a crowd', { 'X-Hub-Signature-256': `${signature} `.repeat(11) }, { body, secrets }, 'it has 11 signatures; 1 to 10'],
  ])('%s is refused', (_, headers, given, problem) => expect(verdict(github, headers, given)).toContain(problem));
});

describe.each([
  ['stripe', 'Stripe-Signature'],
  ['martlet', 'Martlet-Signature'],
])('%s', (kind, header) => {
  const body = '{"id":"evt_1"}';
  const v1 = hex('secret', `${SECONDS}.${body}`);
  const check = (value: string, nowMs = NOW) => verdict({ kind }, { [header]: value }, { body, nowMs });

  test('is taken within five minutes of its time, both ways', () => {
    expect(check(`t=${SECONDS},v1=${v1}`)).toBeUndefined();
    expect(check(`t=${SECONDS}, v1=${'0'.repeat(64)}, v0=x, v1=${v1}`)).toBeUndefined();
    expect(check(`t=${SECONDS},v1=${v1}`, NOW + 300_000)).toBeUndefined();
    expect(check(`t=${SECONDS},v1=${v1}`, NOW - 300_000)).toBeUndefined();
    expect(check(`t=${SECONDS},v1=${v1}`, NOW + 301_000)).toContain('its timestamp is 301 s away from the time here; at most 300 s');
    expect(check(`t=${SECONDS},v1=${v1}`, NOW - 301_000)).toContain('301 s away');
    expect(verdict({ kind, toleranceSeconds: 1 }, { [header]: `t=${SECONDS},v1=${v1}` }, { body, nowMs: NOW + 2000 })).toContain(
      'at most 1 s',
    );
  });

  test.each([
    ['a later time with the same signature', `t=${SECONDS + 60},v1=${v1}`, NO_MATCH],
    ['zeros before the time', `t=0${SECONDS},v1=${v1}`, NO_MATCH],
    ['the signature of another version', `t=${SECONDS},v0=${v1}`, 'it has 0 signatures'],
    ['no time', `v1=${v1}`, 'is not of the form t=<seconds>,v1=<signature>'],
    ['two times', `t=1,t=${SECONDS},v1=${v1}`, 'is not of the form'],
    ['a negative time', `t=-1,v1=${v1}`, 'is not of the form'],
    ['a time with an exponent', `t=1e9,v1=${v1}`, 'is not of the form'],
    ['a long header', `t=${SECONDS},v1=${v1}${',v0=x'.repeat(1000)}`, 'is not of the form'],
    ['a crowd', `t=${SECONDS}${`,v1=${v1}`.repeat(11)}`, 'it has 11 signatures'],
    ['nothing', ' ', `its header ${header.toLowerCase()} is missing`],
  ])('%s is refused', (_, value, problem) => expect(check(value)).toContain(problem));
});

describe('an HMAC in a header', () => {
  test('as Slack signs', () => {
    const slack = {
      kind: 'hmac',
      header: 'X-Slack-Signature',
      prefix: 'v0=',
      signed: 'v0:{timestamp}:{body}',
      timestampHeader: 'X-Slack-Request-Timestamp',
    };
    // The example of its documentation.
    const body =
      'token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c';
    const headers = {
      'X-Slack-Signature': 'v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503',
      'X-Slack-Request-Timestamp': '1531420618',
    };
    const secrets = ['8f742231b10e8888abcd99yyyzzz85a5'];
    expect(verdict(slack, headers, { body, secrets, nowMs: 1_531_420_618_000 })).toBeUndefined();
    expect(verdict(slack, { ...headers, 'X-Slack-Request-Timestamp': '1531420619' }, { body, secrets, nowMs: 1_531_420_618_000 })).toBe(
      NO_MATCH,
    );
    expect(verdict(slack, headers, { body, secrets })).toContain('away from the time here');
    expect(verdict(slack, { 'X-Slack-Signature': 'v0=00' }, { body, secrets })).toContain(
      'its header X-Slack-Request-Timestamp is missing',
    );
  });

  test('as Standard Webhooks signs, with several signatures and an id', () => {
    const scheme = {
      kind: 'hmac',
      header: 'webhook-signature',
      encoding: 'base64',
      prefix: 'v1,',
      signed: '{id}.{timestamp}.{body}',
      timestampHeader: 'webhook-timestamp',
      idHeader: 'webhook-id',
    };
    const sign = (message: string) => `v1,${createHmac('sha256', 'secret').update(message).digest('base64')}`;
    const headers = {
      'webhook-id': 'msg_1',
      'webhook-timestamp': String(SECONDS),
      'webhook-signature': `v1a,xx ${sign(`msg_1.${SECONDS}.{}`)}`,
    };
    expect(verdict(scheme, headers)).toBeUndefined();
    expect(verdict(scheme, { ...headers, 'webhook-id': 'msg_2' })).toBe(NO_MATCH);
    expect(verdict(scheme, { ...headers, 'webhook-id': 'a.1' })).toContain('its header webhook-id is not of the form');
    expect(verdict(scheme, { ...headers, 'webhook-signature': headers['webhook-signature'].toLowerCase() })).toBe(NO_MATCH);
  });

  test('over the body alone, with other hashes, and with milliseconds', () => {
    const shop = { kind: 'hmac', header: 'X-Hmac', encoding: 'base64', hash: 'sha512' };
    expect(verdict(shop, { 'X-Hmac': createHmac('sha512', 'secret').update('{}').digest('base64') })).toBeUndefined();
    expect(verdict({ kind: 'hmac', header: 'X-Hmac', hash: 'sha1' }, { 'X-Hmac': hex('secret', '{}', 'sha1') })).toBeUndefined();
    const timed = { kind: 'hmac', header: 'X-Hmac', signed: '{timestamp}.{body}', timestampHeader: 'X-Time' };
    expect(verdict(timed, { 'X-Hmac': hex('secret', `${NOW}.{}`), 'X-Time': String(NOW) })).toBeUndefined();
    expect(verdict(timed, { 'X-Hmac': hex('secret', `${NOW}.{}`), 'X-Time': String(NOW) }, { nowMs: NOW + 301_000 })).toContain(
      '301 s away',
    );
  });

  test.each([
    [{}, 'header'],
    [{ header: 'a b' }, 'header: must be the name of a header'],
    [{ header: 'x', signed: '{timestamp}' }, 'signed: must have {body} once'],
    [{ header: 'x', signed: '{body}{body}' }, 'signed: must have {body} once'],
    [{ header: 'x', signed: '{url}{body}' }, 'signed: has {url}; known are {body}, {timestamp}, {id}'],
    [{ header: 'x', signed: '{timestamp}.{body}' }, 'timestampHeader: is missing: "signed" has {timestamp}'],
    [{ header: 'x', timestampHeader: 'y' }, 'timestampHeader: means nothing unless {timestamp} stands in "signed"'],
    [{ header: 'x', signed: '{id}{body}' }, 'idHeader: is missing'],
    [{ header: 'x', hash: 'md5' }, 'hash'],
    [{ header: 'x', prefix: 'a b' }, 'prefix: must be printable ASCII without spaces'],
    [{ header: 'x', toleranceSeconds: 0 }, 'toleranceSeconds'],
    [{ header: 'x', algorithm: 'sha256' }, ': Unrecognized key: "algorithm"'],
  ])('the settings %j are refused by their field', (settings, problem) => {
    const { error } = signatureSchemeSchema.safeParse({ kind: 'hmac', ...settings });
    expect(error?.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ')).toContain(problem);
  });

  test('text that looks like a placeholder is text', () => {
    expect(signedParts('v0:{timestamp}:{body}{')).toEqual([{ literal: 'v0:' }, 'timestamp', { literal: ':' }, 'body', { literal: '{' }]);
  });
});

describe('what we sign', () => {
  const anyBody = fc.uint8Array({ maxLength: 200 });
  const anySecrets = fc.array(fc.string({ minLength: 1, maxLength: 20 }), { minLength: 1, maxLength: 3 });

  test('is taken by who has one of the secrets, and by no one after a change of one bit', () => {
    fc.assert(
      fc.property(anyBody, anySecrets, fc.nat(), fc.integer({ min: 0, max: 7 }), (body, secrets, position, bit) => {
        const header = signDelivery(body, { secrets: secrets.map(bytes), nowMs: NOW + 999, hmac });
        for (const secret of secrets)
          expect(verdict({ kind: 'martlet' }, { 'martlet-signature': header }, { body, secrets: [secret] })).toBeUndefined();
        if (body.length === 0) return;
        const changed = body.with(position % body.length, (body[position % body.length] ?? 0) ^ (1 << bit));
        expect(verdict({ kind: 'martlet' }, { 'martlet-signature': header }, { body: changed, secrets })).toBe(NO_MATCH);
      }),
    );
  });

  test('is taken by code written for Stripe', () => {
    const header = signDelivery(bytes('{}'), { secrets: [bytes('secret')], nowMs: NOW, hmac });
    expect(header).toBe(`t=${SECONDS},v1=${hex('secret', `${SECONDS}.{}`)}`);
    expect(verdict({ kind: 'stripe' }, { 'Stripe-Signature': header })).toBeUndefined();
  });

  test('headers are read as they were written, and no text breaks the reader', () => {
    const signature = fc.stringMatching(/^[0-9a-f]{64}$/);
    fc.assert(
      fc.property(fc.nat().map(String), fc.array(signature, { maxLength: 4 }), fc.string(), (timestamp, signatures, text) => {
        expect(parseTimedSignatures(formatTimedSignatures({ timestamp, signatures }))).toEqual({ timestamp, signatures });
        expect(verdict({ kind: 'stripe' }, { 'stripe-signature': text })).toMatch(/^Cannot take the webhook: /);
      }),
    );
  });
});
