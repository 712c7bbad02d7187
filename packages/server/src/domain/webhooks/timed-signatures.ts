/**
 * The header that holds a timestamp and signatures made with it, `t=1492774577,v1=5257…,v1=9f0c…`: ours and Stripe's. Signed is
 * the timestamp, a dot and the body, so that neither can be changed. Several signatures let a secret be replaced in peace.
 */
export interface TimedSignatures {
  /** Digits, as they were signed. */
  readonly timestamp: string;
  /** In lower case. */
  readonly signatures: readonly string[];
}

const LENGTH_MAX = 4096;
const encoder = new TextEncoder();

/** Undefined where it is none. Versions other than `v1` are passed over. */
export function parseTimedSignatures(header: string): TimedSignatures | undefined {
  if (header.length > LENGTH_MAX) return undefined;
  const items = header.split(',').map((item): [string, string] => {
    const [name = '', ...value] = item.split('=');
    return [name.trim(), value.join('=').trim()];
  });
  const valuesOf = (wanted: string) => items.filter(([name]) => name === wanted).map(([, value]) => value);
  const [timestamp, ...others] = valuesOf('t');
  if (timestamp === undefined || others.length > 0 || !/^\d{1,12}$/.test(timestamp)) return undefined;
  return { timestamp, signatures: valuesOf('v1').map((signature) => signature.toLowerCase()) };
}

export function formatTimedSignatures({ timestamp, signatures }: TimedSignatures): string {
  return [`t=${timestamp}`, ...signatures.map((signature) => `v1=${signature}`)].join(',');
}

export function timedMessage(timestamp: string, body: Uint8Array): Uint8Array {
  return joined([encoder.encode(`${timestamp}.`), body]);
}

export function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
