/**
 * Words between the nodes of a platform that spare waiting. A hint may come late, twice, or not at all: nothing may be
 * lost or wrong without it, only slower to be noticed.
 */
export interface Hints {
  /** Tells every other node. Never rejects: what cannot be told is in the log. */
  publish(topic: string, text: string): Promise<void>;
  /** Hears what other nodes publish, never what this one does. */
  subscribe(topic: string, listener: (text: string) => void): void;
  close(): Promise<void>;
}
