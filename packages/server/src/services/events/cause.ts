/**
 * Who has caused what goes on now. It is carried beside the calls: a change far down tells of itself, and must say how
 * many functions stand behind it, or functions that start each other by their changes would never end.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { actingUser, type Principal } from '../../domain/principal.ts';

export interface Cause {
  /** Null: a key, or the platform itself. */
  readonly userId: string | null;
  readonly hops: number;
}

const NOBODY: Cause = { userId: null, hops: 0 };
const present = new AsyncLocalStorage<Cause>();

export function becauseOf<Result>(principal: Principal, work: () => Result): Result {
  return present.run({ userId: actingUser(principal)?.userId ?? null, hops: hopsAfter(principal) }, work);
}

export const presentCause = (): Cause => present.getStore() ?? NOBODY;

/** How many functions stand between the first cause and what this caller does. */
export function hopsAfter(principal: Principal): number {
  return principal.kind === 'execution' ? principal.hops + 1 : 0;
}
