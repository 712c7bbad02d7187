/** Identifiers: 20 hexadecimal characters that sort by the time they were made (seconds, microseconds, 28 random bits). */

const CUSTOM_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,35}$/;

/** An id for `nowMicros` (microseconds since 1970) and a random integer in [0, 2^28). */
export function formatId(nowMicros: number, random28: number): string {
  const seconds = Math.floor(nowMicros / 1_000_000);
  const rest = Math.floor(nowMicros % 1_000_000);
  return seconds.toString(16).padStart(8, '0') + (rest + 0x100000).toString(16).slice(1) + (random28 + 0x10000000).toString(16).slice(1);
}

/** Whether a caller may choose this id: up to 36 of `[A-Za-z0-9._-]`, first a letter or a digit. */
export function isCustomId(id: string): boolean {
  return CUSTOM_ID.test(id);
}
