/** Which events a function may listen to, in the words of the contract. */
import { eventPatternProblem } from '../events/event-pattern.ts';

const EVENTS_MAX = 100;

/** The reason why a function may not listen to these events, or undefined where it may. */
export function eventsProblem(events: readonly string[]): string | undefined {
  if (events.length > EVENTS_MAX) return `Value must a valid array no longer than ${EVENTS_MAX} items and Event is not valid.`;
  if (events.some((event) => event.startsWith('functions.'))) return 'Triggering a function on a function event is not allowed.';
  return events.every((event) => eventPatternProblem(event) === undefined) ? undefined : 'Event is not valid.';
}
