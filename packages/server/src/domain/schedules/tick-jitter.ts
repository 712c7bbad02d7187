/** Spreads ticks that fall together: by chance between schedules, and yet the same amount for the same tick on every node. */

/** From 0 up to `maxMs`, whole milliseconds, decided by the schedule and the tick alone. */
export function jitterOf(scheduleId: string, tickMs: number, maxMs: number): number {
  return maxMs <= 0 ? 0 : Math.floor(fraction(`${scheduleId} ${tickMs}`) * (Math.floor(maxMs) + 1));
}

/** FNV-1a with the finish of MurmurHash3, which spreads texts that differ in one character only; in [0, 1). */
function fraction(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}
