/** Time as a port, so that tests and simulation own it. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Microseconds since 1970, strictly growing within one process: two calls never return the same. */
  uniqueMicros(): number;
}
