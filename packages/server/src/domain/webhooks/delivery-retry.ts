/** What becomes of a delivery after an attempt. */
export interface DeliveryAttempt {
  /** Attempts of this round, the one that has ended included. */
  readonly tries: number;
  /** What the receiver answered; 0 where no answer came. */
  readonly status: number;
}

export type AfterDelivery =
  | { readonly kind: 'delivered' }
  | { readonly kind: 'retry'; readonly delayMs: number }
  | { readonly kind: 'failed' };

/** "Gone": the receiver says that it will never take it. */
const GONE = 410;
const JITTER = 0.1;

/** `waits`: seconds before each further attempt. `random` is chance between 0 and 1. */
export function afterDelivery(waits: readonly number[], { tries, status }: DeliveryAttempt, random: number): AfterDelivery {
  if (status >= 200 && status < 300) return { kind: 'delivered' };
  const seconds = waits[tries - 1];
  if (status === GONE || seconds === undefined) return { kind: 'failed' };
  return { kind: 'retry', delayMs: Math.round(seconds * 1000 * (1 + JITTER * (2 * random - 1))) };
}
