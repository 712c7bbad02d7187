/**
 * The two codes of a login at a terminal. A person reads the short one from the terminal and types it into a page; the
 * long one stays with the terminal. Both name the place where the login is kept, so that it is found by one look-up.
 */

/** Letters that no other looks like, and no vowels, so that no word comes out. */
const LETTERS = 'BCDFGHJKLMNPQRSTVWXZ';
const CODE_LETTERS = 8;
/** Bytes from here on would make the first letters more likely than the last ones. */
const FAIR_BYTES = 256 - (256 % LETTERS.length);
const USER_CODE = new RegExp(`^[${LETTERS}]{${CODE_LETTERS}}$`);
const DEVICE_CODE = /^md_(\d{1,3})_[A-Za-z0-9_-]{43}$/;

/** As many logins are open at once. It divides the number of pairs of letters, so that each place is as likely. */
export const LOGIN_PLACES = 100;

/** A code without its hyphen; undefined when the bytes are too few. */
export function userCodeFrom(random: Uint8Array): string | undefined {
  const letters = [...random].filter((byte) => byte < FAIR_BYTES).slice(0, CODE_LETTERS);
  return letters.length < CODE_LETTERS ? undefined : letters.map((byte) => LETTERS[byte % LETTERS.length]).join('');
}

/** As a person types it: in small letters, with spaces or hyphens. Undefined for what cannot be a code. */
export function readUserCode(typed: string): string | undefined {
  if (typed.length > 64) return undefined;
  const code = typed.toUpperCase().replaceAll(/[\s–-]/g, '');
  return USER_CODE.test(code) ? code : undefined;
}

export const showUserCode = (code: string): string => `${code.slice(0, 4)}-${code.slice(4)}`;

export function placeOfUserCode(code: string): number {
  return (LETTERS.indexOf(code[0] ?? '') * LETTERS.length + LETTERS.indexOf(code[1] ?? '')) % LOGIN_PLACES;
}

export const deviceCodeAt = (place: number, secret: string): string => `md_${place}_${secret}`;

/** Undefined for what cannot be a code. */
export function placeOfDeviceCode(code: string): number | undefined {
  const place = Number(DEVICE_CODE.exec(code)?.[1] ?? Number.NaN);
  return place < LOGIN_PLACES ? place : undefined;
}
