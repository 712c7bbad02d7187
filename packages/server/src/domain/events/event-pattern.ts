/**
 * What a listener writes to hear of events. For events of the platform that is one of the names of `event-name.ts`, compared
 * as a whole. For events from outside, `*` stands for one part of the name and `**`, at the end, for one or more.
 */
import { nameInvalid, segmentsProblem } from './event-name.ts';
import { isPlatformPattern, platformServices } from './platform-events.ts';

const SEGMENT = /^(?:\*|[A-Za-z0-9_:/@+-]+)$/;
const REST = '**';

/** @throws {PlatformError} `event_name_invalid`, telling what is allowed */
export function checkEventPattern(pattern: string): void {
  const problem = eventPatternProblem(pattern);
  if (problem !== undefined) throw nameInvalid('listen to', pattern, problem);
}

/** Why nobody can listen to this; undefined where one can. */
export function eventPatternProblem(text: string): string | undefined {
  if (text === REST) return undefined;
  if (isOfPlatform(text))
    return isPlatformPattern(text)
      ? undefined
      : `events that begin with ${text.split('.')[0]}. are the platform's, and it has no such event; a pattern of them is such as users.*.create`;
  const segments = text.split('.');
  return segmentsProblem(segments.at(-1) === REST ? [...segments.slice(0, -1), '*'] : segments, SEGMENT);
}

/** Whether a pattern is about events of the platform; the words that begin those are no sender's. */
export function isOfPlatform(text: string): boolean {
  return platformServices.includes(text.split('.')[0] ?? '');
}
