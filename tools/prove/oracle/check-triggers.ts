/** What schedules and events promise. */
import type { Verdict } from './check.ts';
import { wasAccepted } from './journal.ts';
import type { Observations } from './observations.ts';

const TICK_MS = 1000;
/** A schedule that was looked at this long before it was paused has not been forgotten. */
const LAST_TICK_MS = 5000;

function executionsBy(seen: Observations, fn: string, by: 'tick' | 'event'): Map<string, Set<string>> {
  const groups = new Map<string, Set<string>>();
  for (const run of seen.runs) {
    if (run.fn !== fn) continue;
    const group = groups.get(run[by]) ?? new Set<string>();
    groups.set(run[by], group.add(run.execution));
  }
  return groups;
}

/** The schedule ticks each second, and its catch-up runs all. */
export function checkTicks(seen: Observations): readonly Verdict[] {
  const { schedule, functions } = seen;
  const records = seen.records.filter(({ functionId, trigger }) => functionId === functions['ticks'] && trigger === 'schedule');
  const expected = Math.floor(schedule.lastTick / TICK_MS) - Math.floor(schedule.createdAt / TICK_MS);
  const doubles = [...executionsBy(seen, 'ticks', 'tick')].filter(([, executions]) => executions.size > 1);
  const violations = doubles.map(([tick, executions]) => `the tick of ${tick} ran as ${[...executions].join(' and ')}`);
  if (records.length !== expected) violations.push(`${expected} ticks passed, and there are ${records.length} executions`);
  if (schedule.counters.ran !== records.length)
    violations.push(`the schedule counts ${schedule.counters.ran} runs, and there are ${records.length} executions`);
  if (schedule.pausedAt - schedule.lastTick > LAST_TICK_MS)
    violations.push(`the last tick was decided ${schedule.pausedAt - schedule.lastTick} ms before the pause`);
  return [{ promise: 'once-per-tick', trials: Math.max(0, expected), violations }];
}

export function checkEvents(seen: Observations): readonly Verdict[] {
  const known = new Map(seen.events.map((event) => [event.id, event]));
  const accepted = seen.asked.filter((one) => one.kind === 'event' && wasAccepted(one));
  const violations: string[] = [];
  for (const { token } of accepted) {
    const event = known.get(token);
    if (event === undefined) violations.push(`the event ${token} was accepted and is not on record`);
    else if (!event.dispatched || event.started !== 2) violations.push(`the event ${token} started ${event.started} of 2 listeners`);
  }
  for (const fn of ['hears-one', 'hears-two']) {
    const doubles = [...executionsBy(seen, fn, 'event')].filter(([, executions]) => executions.size > 1);
    violations.push(...doubles.map(([event, executions]) => `${fn} heard ${event} as ${[...executions].join(' and ')}`));
    const records = seen.records.filter(({ functionId }) => functionId === seen.functions[fn]);
    if (records.length !== seen.events.length)
      violations.push(`there are ${seen.events.length} events, and ${records.length} executions of ${fn}`);
  }
  return [{ promise: 'once-per-listener', trials: seen.events.length * 2, violations }];
}
