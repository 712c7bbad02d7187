/** Hints of a platform of one node: there is nobody to tell. */
import type { Hints } from '../../ports/hints.ts';

export function createLocalHints(): Hints {
  return { publish: () => Promise.resolve(), subscribe: () => undefined, close: () => Promise.resolve() };
}
