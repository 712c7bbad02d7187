/** How much of a build log is kept: its end, where the reason of a failure stands. */

export const BUILD_LOG_MAX = 1_000_000;

/** The last `BUILD_LOG_MAX` characters, never starting with half of a surrogate pair. */
export function buildLogTail(text: string): string {
  if (text.length <= BUILD_LOG_MAX) return text;
  const tail = text.slice(-BUILD_LOG_MAX);
  const first = tail.charCodeAt(0);
  return first >= 0xdc00 && first <= 0xdfff ? tail.slice(1) : tail;
}
