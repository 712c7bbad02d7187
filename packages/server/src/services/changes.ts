/** Tells who caches something that it is no longer true. Listeners run at once, in the order of subscription; those of other nodes soon. */
import type { Hints } from '../ports/hints.ts';

export interface Change {
  readonly kind: 'function' | 'deployment' | 'variables' | 'key' | 'user' | 'issuer' | 'webhook';
  readonly projectId: string;
  /** Absent when it concerns all functions of the project. */
  readonly functionId?: string;
  /** Of `user`: whose facts, sessions or memberships have changed. */
  readonly userId?: string;
}

export interface Changes {
  announce(change: Change): void;
  subscribe(listener: (change: Change) => void): void;
}

const TOPIC = 'changes';

/** `hints`: the way to other nodes, where there are any. */
export function createChanges(hints?: Hints): Changes {
  const listeners: ((change: Change) => void)[] = [];
  const tell = (change: Change): void => listeners.forEach((listener) => listener(change));
  hints?.subscribe(TOPIC, (text) => tell(JSON.parse(text) as Change));
  return {
    announce(change) {
      tell(change);
      void hints?.publish(TOPIC, JSON.stringify(change));
    },
    subscribe: (listener) => {
      listeners.push(listener);
    },
  };
}
