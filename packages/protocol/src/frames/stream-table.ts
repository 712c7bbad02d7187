/**
 * What runs, by its stream number. Streams come in growing order and few run at a time, so they fit into a small ring.
 *
 * It is no `Map` for a measured reason: a `Map` that is filled and emptied in bursts rebuilds its table again and again,
 * and V8 links each old table to the next. Once one of them is in the old generation, all that follow survive with
 * everything they held until the next full collection: scavenges took 20 ms instead of 1 ms and freed nothing
 * (docs/decisions/0005-hot-path.md).
 */
export class StreamTable<Value extends { readonly stream: number }> {
  #slots: (Value | undefined)[] = Array.from({ length: 64 });
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(stream: number): Value | undefined {
    const value = this.#slots[stream & (this.#slots.length - 1)];
    return value?.stream === stream ? value : undefined;
  }

  add(value: Value): void {
    while (this.#slots[value.stream & (this.#slots.length - 1)] !== undefined) this.#grow();
    this.#slots[value.stream & (this.#slots.length - 1)] = value;
    this.#size += 1;
  }

  delete(stream: number): void {
    if (this.get(stream) === undefined) return;
    this.#slots[stream & (this.#slots.length - 1)] = undefined;
    this.#size -= 1;
  }

  values(): Value[] {
    return this.#slots.filter((value) => value !== undefined);
  }

  #grow(): void {
    const values = this.values();
    this.#slots = Array.from({ length: this.#slots.length * 2 });
    for (const value of values) this.#slots[value.stream & (this.#slots.length - 1)] = value;
  }
}
