/**
 * Remembers what was worked out for texts that come again and again. Each text has one place, by a sum of some of its
 * characters, and puts out who was there before: whatever strangers send, it neither grows nor is a `Map` that fills and
 * empties. A collision costs the work that a hit saves.
 */
const PLACES = 256;
const LENGTH_MAX = 512;

export class RecentTexts<Value> {
  readonly #places: ({ readonly text: string; readonly value: Value } | undefined)[] = Array.from({ length: PLACES });

  get(text: string): Value | undefined {
    const found = this.#places[placeOf(text)];
    return found !== undefined && found.text === text ? found.value : undefined;
  }

  /** Texts that are longer than any which comes often are not kept. */
  keep(text: string, value: Value): void {
    if (text.length <= LENGTH_MAX) this.#places[placeOf(text)] = { text, value };
  }
}

function placeOf(text: string): number {
  const { length } = text;
  return (length * 31 + text.charCodeAt(length - 1) * 7 + text.charCodeAt(length >> 1)) & (PLACES - 1);
}
