/**
 * Values on their way to PostgreSQL and back, so that both stores keep and compare the same. PostgreSQL's `text` holds
 * every character but NUL; so NUL is written as U+0001 U+0001, and U+0001 as U+0001 U+0002, which leaves the order of
 * texts and their equality as they were. JSON needs none of it: there NUL is the six characters `\u0000`.
 */
import { types } from 'pg';

const INT8 = 20;
const TEXT = 25;
const NUMERIC = 1700;

/** For the driver: whole numbers of 64 bits as numbers, which hold all that we count; texts decoded. */
export const valueTypes = {
  getTypeParser(oid: number, format?: 'text' | 'binary') {
    if (format !== 'binary' && (oid === INT8 || oid === NUMERIC)) return Number;
    if (format !== 'binary' && oid === TEXT) return decodeText;
    return types.getTypeParser(oid, format ?? 'text');
  },
} as typeof types;

export interface BoundStatement {
  readonly text: string;
  readonly values: readonly unknown[];
}

/** @throws {TypeError} for a number that is none: SQLite would store it as absent, PostgreSQL as a number */
export function bindValues(text: string, values: readonly unknown[]): BoundStatement {
  let wide = false;
  const bound = values.map((value) => {
    if (Array.isArray(value)) return value.map(encodeValue);
    wide ||= typeof value === 'number' && !Number.isSafeInteger(value);
    return encodeValue(value);
  });
  // The server takes a value for the type of what it is compared with, and a whole number's column has no fractions.
  return { text: wide ? text.replace(/\$(\d+)/g, (mark, number: string) => widen(mark, values[Number(number) - 1])) : text, values: bound };
}

function encodeValue(value: unknown): unknown {
  if (typeof value === 'string') return encodeText(value);
  if (Number.isNaN(value)) throw new TypeError('Cannot store NaN');
  return value;
}

function widen(mark: string, value: unknown): string {
  return typeof value === 'number' && !Number.isSafeInteger(value) ? `${mark}::double precision` : mark;
}

// oxlint-disable-next-line no-control-regex -- these are the two characters that are encoded
const NEEDS_ENCODING = /[\u0000\u0001]/g;
// oxlint-disable-next-line no-control-regex -- these are the encoded ones
const ENCODED = /\u0001[\u0001\u0002]/g;

export function encodeText(text: string): string {
  return text.includes('\u0000') || text.includes('\u0001')
    ? text.replace(NEEDS_ENCODING, (character) => (character === '\u0000' ? '\u0001\u0001' : '\u0001\u0002'))
    : text;
}

function decodeText(text: string): string {
  return text.includes('\u0001') ? text.replace(ENCODED, (pair) => (pair[1] === '\u0001' ? '\u0000' : '\u0001')) : text;
}
