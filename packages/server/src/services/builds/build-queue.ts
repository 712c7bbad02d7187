/** Which build is next: so many at once, those of one function one after the other in the order they came. */

export interface BuildQueue {
  /** Runs `work` when it is its turn. */
  add<T>(functionId: string, work: () => Promise<T>): Promise<T>;
}

export function createBuildQueue(width: number): BuildQueue {
  const waiting: { readonly functionId: string; run(): Promise<void> }[] = [];
  const building = new Set<string>();

  const next = (): void => {
    while (building.size < width) {
      const at = waiting.findIndex(({ functionId }) => !building.has(functionId));
      const [entry] = at === -1 ? [] : waiting.splice(at, 1);
      if (entry === undefined) return;
      building.add(entry.functionId);
      void entry.run().finally(() => {
        building.delete(entry.functionId);
        next();
      });
    }
  };

  return {
    add: <T>(functionId: string, work: () => Promise<T>) =>
      new Promise<T>((resolve, reject) => {
        waiting.push({ functionId, run: () => work().then(resolve, reject) });
        next();
      }),
  };
}
