/**
 * The module `base44:runtime` and its global twins `Base44` and `EdgeRuntime`, which code that was written for Base44 or
 * pasted from elsewhere looks for.
 */

export interface Base44Runtime {
  readonly secrets: {
    /** A variable or secret of the function; undefined when there is none of that name. */
    get(name: string): string | undefined;
  };
  /** Keeps the execution alive until the promise settles; hands the promise back. */
  waitUntil<T>(work: T): T;
}

export interface Base44RuntimeOptions {
  /** Read at each call, so it may be filled later. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Gives a promise to the execution that runs now; where none does, the promise has nothing to prolong. */
  readonly waitUntil: (work: Promise<unknown>) => void;
}

/** Makes the runtime and defines its globals. Its own properties are what the virtual module exports. */
export function createBase44Runtime({ env, waitUntil }: Base44RuntimeOptions): Base44Runtime {
  const runtime: Base44Runtime = Object.freeze({
    secrets: Object.freeze({
      get: (name: string): string | undefined => (Object.hasOwn(env, name) ? env[name] : undefined),
    }),
    waitUntil<T>(work: T): T {
      waitUntil(Promise.resolve(work));
      return work;
    },
  });
  defineGlobal('Base44', runtime);
  defineGlobal('EdgeRuntime', Object.freeze({ waitUntil: runtime.waitUntil }));
  return runtime;
}

function defineGlobal(name: string, value: object): void {
  Object.defineProperty(globalThis, name, { value, configurable: true, writable: true, enumerable: false });
}
