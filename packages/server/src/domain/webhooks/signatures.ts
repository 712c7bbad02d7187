/** Whether a webhook comes from who knows the secret, and the signature of those that we send. */
import { PlatformError } from '@martlet/protocol';
import { signedParts, type HmacScheme, type SignatureScheme } from './signature-scheme.ts';
import { formatTimedSignatures, joined, parseTimedSignatures, timedMessage } from './timed-signatures.ts';

export type HashName = 'sha1' | 'sha256' | 'sha512';
/** What the machine lends: the domain computes nothing secret by itself. */
export type Hmac = (hash: HashName, secret: Uint8Array, message: Uint8Array) => Uint8Array;

export interface Delivery {
  /** By its name in any case; undefined where it was not sent. */
  readonly header: (name: string) => string | undefined;
  /** Every byte as it came: one space more is another signature. */
  readonly body: Uint8Array;
}

export interface Verification {
  readonly delivery: Delivery;
  /** One of them is enough; the old one stays while its sender changes over. Empty ones match nothing. */
  readonly secrets: readonly Uint8Array[];
  readonly nowMs: number;
  readonly hmac: Hmac;
}

export const MARTLET_SIGNATURE_HEADER = 'martlet-signature';
const SIGNATURES_MAX = 10;
const encoder = new TextEncoder();

/** What a sender claims: that one of these signatures belongs to the message, and when it was made. */
interface Claim {
  readonly hash: HashName;
  readonly encoding: 'hex' | 'base64';
  readonly signatures: readonly string[];
  readonly message: Uint8Array;
  readonly time?: { readonly seconds: number; readonly tolerance: number };
}

/** @throws {PlatformError} `webhook_signature_invalid`, saying what is wrong but not which secret came close */
export function verifyDelivery(scheme: SignatureScheme, { delivery, secrets, nowMs, hmac }: Verification): void {
  const { hash, encoding, signatures, message, time } = claimOf(scheme, delivery);
  if (signatures.length === 0 || signatures.length > SIGNATURES_MAX)
    throw invalid(`it has ${signatures.length} signatures; 1 to ${SIGNATURES_MAX} are looked at`);
  let matches = 0;
  for (const secret of secrets) {
    if (secret.length === 0) continue;
    const expected = encoded(hmac(hash, secret, message), encoding);
    for (const signature of signatures) matches += sameText(signature, expected);
  }
  if (matches === 0) throw invalid('no signature matches its body');
  if (time === undefined) return;
  const away = Math.abs(nowMs / 1000 - time.seconds);
  if (away > time.tolerance)
    throw invalid(`its timestamp is ${Math.ceil(away)} s away from the time here; at most ${time.tolerance} s are taken`);
}

/** The value of `martlet-signature` for a body that is sent now, with one signature for each secret. */
export function signDelivery(body: Uint8Array, { secrets, nowMs, hmac }: Omit<Verification, 'delivery'>): string {
  const timestamp = String(Math.floor(nowMs / 1000));
  const message = timedMessage(timestamp, body);
  return formatTimedSignatures({ timestamp, signatures: secrets.map((secret) => encoded(hmac('sha256', secret, message), 'hex')) });
}

function claimOf(scheme: SignatureScheme, delivery: Delivery): Claim {
  switch (scheme.kind) {
    case 'martlet':
      return timedClaim(MARTLET_SIGNATURE_HEADER, scheme.toleranceSeconds, delivery);
    case 'stripe':
      return timedClaim('stripe-signature', scheme.toleranceSeconds, delivery);
    case 'github':
      return hmacClaim(
        {
          kind: 'hmac',
          header: 'x-hub-signature-256',
          hash: 'sha256',
          encoding: 'hex',
          prefix: 'sha256=',
          signed: '{body}',
          toleranceSeconds: 1,
        },
        delivery,
      );
    case 'hmac':
      return hmacClaim(scheme, delivery);
  }
}

function timedClaim(header: string, tolerance: number, delivery: Delivery): Claim {
  const parsed = parseTimedSignatures(headerOf(delivery, header));
  if (parsed === undefined) throw invalid(`its header ${header} is not of the form t=<seconds>,v1=<signature>`);
  const { timestamp, signatures } = parsed;
  const message = timedMessage(timestamp, delivery.body);
  return { hash: 'sha256', encoding: 'hex', signatures, message, time: { seconds: Number(timestamp), tolerance } };
}

function hmacClaim(scheme: HmacScheme, delivery: Delivery): Claim {
  const { header, hash, encoding, prefix, signed, timestampHeader, idHeader, toleranceSeconds: tolerance } = scheme;
  const given = headerOf(delivery, header)
    .split(' ')
    .filter((item) => item !== '');
  const own = given.filter((item) => item.startsWith(prefix)).map((item) => item.slice(prefix.length));
  const signatures = encoding === 'hex' ? own.map((signature) => signature.toLowerCase()) : own;
  if (own.length === 0) throw invalid(`its header ${header} does not begin with ${prefix === '' ? 'a signature' : prefix}`);
  const timestamp = timestampHeader === undefined ? undefined : matching(delivery, timestampHeader, /^\d{1,13}$/);
  // Without dots and the like, so that nothing moves over from the id to what stands beside it.
  const id = idHeader === undefined ? undefined : matching(delivery, idHeader, /^[\w-]{1,128}$/);
  const message = joined(
    signedParts(signed).map((part) => {
      if (part === 'body') return delivery.body;
      return encoder.encode(typeof part === 'object' ? part.literal : { timestamp, id }[part]);
    }),
  );
  return { hash, encoding, signatures, message, ...(timestamp !== undefined && { time: { seconds: secondsOf(timestamp), tolerance } }) };
}

function headerOf({ header }: Delivery, name: string): string {
  const value = header(name)?.trim();
  if (value === undefined || value === '') throw invalid(`its header ${name} is missing`);
  return value;
}

function matching(delivery: Delivery, name: string, form: RegExp): string {
  const value = headerOf(delivery, name);
  if (!form.test(value)) throw invalid(`its header ${name} is not of the form ${form.source}`);
  return value;
}

/** Some count milliseconds; as seconds those would lie in a far future. */
function secondsOf(timestamp: string): number {
  return timestamp.length === 13 ? Number(timestamp) / 1000 : Number(timestamp);
}

/** 1 or 0, in a time that tells nothing about where two texts of the same length differ. */
function sameText(a: string, b: string): 0 | 1 {
  if (a.length !== b.length) return 0;
  let difference = 0;
  for (let at = 0; at < a.length; at += 1) difference |= a.charCodeAt(at) ^ b.charCodeAt(at);
  return difference === 0 ? 1 : 0;
}

function encoded(bytes: Uint8Array, encoding: 'hex' | 'base64'): string {
  if (encoding === 'base64') return btoa(String.fromCharCode(...bytes));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

function invalid(reason: string): PlatformError {
  return new PlatformError('webhook_signature_invalid', `Cannot take the webhook: ${reason}.`);
}
