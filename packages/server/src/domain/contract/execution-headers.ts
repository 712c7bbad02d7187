/** Rules for headers that a caller of the control API hands to a function. */
import { isHopByHop, isPlatformHeader } from '../platform-headers.ts';

const HEADERS_MAX = 100;
const SIZE_MAX = 16_384;
const NAME = /^[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?$/;
/** Only what HTTP itself allows in a value may reach a function. */
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

export const HEADERS_PROBLEM =
  'Alphanumeric characters or hyphens only, cannot start with "x-appwrite", maximum 100 keys, and total size 16384.';

/** Flat names (lower case) and values, or undefined where a rule is broken. */
export function flattenHeaders(headers: Readonly<Record<string, unknown>>): string[] | undefined {
  const entries = Object.entries(headers);
  if (entries.length > HEADERS_MAX) return undefined;
  let size = 0;
  const flat: string[] = [];
  for (const [name, raw] of entries) {
    const value = typeof raw === 'number' || typeof raw === 'boolean' ? String(raw) : raw;
    if (typeof value !== 'string' || !NAME.test(name) || !VALUE.test(value)) return undefined;
    const lower = name.toLowerCase();
    if (isPlatformHeader(lower) || isHopByHop(lower)) return undefined;
    size += name.length + value.length;
    // The body alone says how long it is.
    if (lower !== 'content-length') flat.push(lower, value);
  }
  return size < SIZE_MAX ? flat : undefined;
}

/** Flat headers as the pairs of the contract. */
export function headerPairs(flat: readonly string[]): { name: string; value: string }[] {
  const pairs: { name: string; value: string }[] = [];
  for (let at = 0; at + 1 < flat.length; at += 2) pairs.push({ name: flat[at] ?? '', value: flat[at + 1] ?? '' });
  return pairs;
}
