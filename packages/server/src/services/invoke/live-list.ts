/**
 * What is under way, in no order. Adding and removing cost the same at any length; finding one means looking at all,
 * which only rare questions do. It is no `Map` for the reason that `StreamTable` gives.
 */
export interface Listed {
  /** Its place; of no meaning to anybody else. */
  place: number;
}

export class LiveList<Item extends Listed> {
  readonly #items: Item[] = [];

  get size(): number {
    return this.#items.length;
  }

  add(item: Item): void {
    item.place = this.#items.length;
    this.#items.push(item);
  }

  /** Does nothing for an item that is not there. */
  remove(item: Item): void {
    if (this.#items[item.place] !== item) return;
    const last = this.#items.pop() as Item;
    if (last === item) return;
    this.#items[item.place] = last;
    last.place = item.place;
  }

  find(matches: (item: Item) => boolean): Item | undefined {
    return this.#items.find(matches);
  }

  /** A copy, so that items may be removed meanwhile. */
  all(): Item[] {
    return [...this.#items];
  }
}
