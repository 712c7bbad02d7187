/**
 * What runs, by its stream number. Streams come in growing order and few run at a time, so they fit into a small ring;
 * the few that outlive a whole round of it move to a map, so that one long execution does not make the ring grow with
 * every stream that passes by (measured: 279 MB and a pause of a second after nine million).
 *
 * The ring is no `Map` for a measured reason: a `Map` that is filled and emptied in bursts rebuilds its table again and again,
 * and V8 links each old table to the next. Once one of them is in the old generation, all that follow survive with
 * everything they held until the next full collection: scavenges took 20 ms instead of 1 ms and freed nothing
 * (docs/decisions/0005-hot-path.md).
 */
export class StreamTable<Value extends { readonly stream: number }> {
  readonly #slots: (Value | undefined)[] = Array.from({ length: 1024 });
  readonly #old = new Map<number, Value>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(stream: number): Value | undefined {
    const value = this.#slots[stream & (this.#slots.length - 1)];
    if (value?.stream === stream) return value;
    return this.#old.size === 0 ? undefined : this.#old.get(stream);
  }

  add(value: Value): void {
    const slot = value.stream & (this.#slots.length - 1);
    const before = this.#slots[slot];
    if (before !== undefined) this.#old.set(before.stream, before);
    this.#slots[slot] = value;
    this.#size += 1;
  }

  delete(stream: number): void {
    const slot = stream & (this.#slots.length - 1);
    if (this.#slots[slot]?.stream === stream) this.#slots[slot] = undefined;
    else if (!this.#old.delete(stream)) return;
    this.#size -= 1;
  }

  values(): Value[] {
    return [...this.#old.values(), ...this.#slots.filter((value) => value !== undefined)];
  }
}
