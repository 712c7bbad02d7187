/** The clock of this machine. */
import type { Clock } from '../../ports/system/clock.ts';

/** The clock of the machine. */
export function createSystemClock(): Clock {
  let last = 0;
  return {
    now: () => Date.now(),
    uniqueMicros() {
      // The wall clock has a resolution of a millisecond here and may step back; ids must grow all the same.
      last = Math.max(last + 1, Date.now() * 1000);
      return last;
    },
  };
}
