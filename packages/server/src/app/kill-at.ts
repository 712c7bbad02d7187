/**
 * A way for tests to kill the server at a certain place: `MARTLET_KILL_AT=jobs.settle:before:3` ends the process, as kill -9
 * does, before the third call of `jobs.settle` reaches the store; with `after` when it is committed and nobody knows yet.
 * Without the setting the store is handed on as it is, so that it costs nothing.
 */
import type { Store } from '../ports/store.ts';

export const KILL_AT = /^([a-z]+\.[a-zA-Z]+):(before|after):([1-9]\d{0,5})$/;

export function killingStorage<Storage extends { readonly store: Store }>(storage: Storage, killAt: string | undefined): Storage {
  return killAt === undefined ? storage : { ...storage, store: killingStore(storage.store, killAt) };
}

function killingStore(store: Store, killAt: string): Store {
  const [, name = '', moment, count] = KILL_AT.exec(killAt) ?? [];
  const [noun = '', verb = ''] = name.split('.');
  let left = Number(count);
  const kill = (when: string): void => {
    if (when === moment && --left === 0) process.kill(process.pid, 'SIGKILL');
  };
  const watched = (target: object): object =>
    new Proxy(target, {
      get(nouns, key) {
        const value: unknown = Reflect.get(nouns, key);
        if (typeof value !== 'function' || key !== verb) return value;
        return async (...args: unknown[]): Promise<unknown> => {
          kill('before');
          const result: unknown = await value.apply(nouns, args);
          kill('after');
          return result;
        };
      },
    });
  return new Proxy(store, {
    get(whole, key) {
      const value: unknown = Reflect.get(whole, key);
      if (typeof value === 'function') return value.bind(whole);
      return key === noun && typeof value === 'object' && value !== null ? watched(value) : value;
    },
  });
}
