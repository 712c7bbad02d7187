/** Identifiers and chance as a port, so that tests and simulation own them. */
export interface Ids {
  /** A fresh id: 20 hexadecimal characters that sort by time. */
  next(): string;
  /** Unguessable text of `bytes` random bytes in base64url: keys and tokens. */
  secret(bytes: number): string;
}
