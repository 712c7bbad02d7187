/** What a console remembers between calls. Each execution has its own, so that neighbours do not share counters. */

export class ConsoleState {
  readonly counts = new Map<string, number>();
  readonly timers = new Map<string, number>();
  #groups = 0;

  get indent(): string {
    return '  '.repeat(this.#groups);
  }

  openGroup(): void {
    this.#groups += 1;
  }

  closeGroup(): void {
    this.#groups = Math.max(0, this.#groups - 1);
  }
}

/** Finds the state of a scope; forgets it with the scope. Code outside of every execution shares one. */
export function createConsoleStates<T>(make: () => T): (scope: object | undefined) => T {
  const states = new WeakMap<object, T>();
  const outside = {};
  return (scope = outside) => {
    const known = states.get(scope);
    if (known !== undefined) return known;
    const made = make();
    states.set(scope, made);
    return made;
  };
}
