/** Identifiers: 20 hexadecimal characters that sort by the time they were made (seconds, microseconds, 28 random bits). */

const CUSTOM_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,35}$/;

/** All texts of three and of two hexadecimal digits: a look-up costs a tenth of writing a number as text. */
const THREE_DIGITS = Array.from({ length: 4096 }, (_, number) => number.toString(16).padStart(3, '0'));
const TWO_DIGITS = Array.from({ length: 256 }, (_, number) => number.toString(16).padStart(2, '0'));
/** Most ids are made in the same second as the one before. */
let lastSecond = -1;
let lastSecondHex = '';

/** An id for `nowMicros` (microseconds since 1970) and a random integer in [0, 2^28). */
export function formatId(nowMicros: number, random28: number): string {
  const second = Math.floor(nowMicros / 1_000_000);
  const rest = Math.floor(nowMicros % 1_000_000);
  if (second !== lastSecond) {
    lastSecond = second;
    lastSecondHex = second.toString(16).padStart(8, '0');
  }
  return `${lastSecondHex}${two(rest >>> 12)}${three(rest)}${two(random28 >>> 20)}${two(random28 >>> 12)}${three(random28)}`;
}

const two = (number: number): string => TWO_DIGITS[number & 255] as string;
const three = (number: number): string => THREE_DIGITS[number & 4095] as string;

/** Whether a caller may choose this id: up to 36 of `[A-Za-z0-9._-]`, first a letter or a digit. */
export function isCustomId(id: string): boolean {
  return CUSTOM_ID.test(id);
}
