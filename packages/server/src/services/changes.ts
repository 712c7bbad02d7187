/** Tells who caches something that it is no longer true. Listeners run at once, in the order of subscription. */

export interface Change {
  readonly kind: 'function' | 'deployment' | 'variables' | 'key' | 'user' | 'issuer';
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

export function createChanges(): Changes {
  const listeners: ((change: Change) => void)[] = [];
  return {
    announce: (change) => listeners.forEach((listener) => listener(change)),
    subscribe: (listener) => {
      listeners.push(listener);
    },
  };
}
