/** Functions that this server leaves alone for a while, because it has no room for them or cannot start them. */
import type { RunningJob } from '../../services/queue/run-job.ts';

export interface Resting {
  /** Remembers how an attempt came out. */
  note(job: FunctionKey, how: Awaited<RunningJob['done']>): void;
  rests(key: FunctionKey): boolean;
}

type FunctionKey = Pick<RunningJob, 'projectId' | 'functionId'>;

/** Handing back and taking again at once would spin. */
const REST_MS = 1000;
/** What does not start may need something that the machine lacks for long: each time twice as long, up to this. */
const REST_MS_MAX = 30_000;

export function createResting(now: () => number = () => performance.now()): Resting {
  const entries = new Map<string, { until: number; ms: number }>();

  return {
    note(job, how) {
      const key = functionKey(job);
      if (how === 'ended') entries.delete(key);
      if (how !== 'no_room' && how !== 'not_started') return;
      const before = entries.get(key);
      // Many attempts that were refused together count as one.
      if (before !== undefined && before.until > now()) return;
      const ms = how === 'not_started' ? Math.min(REST_MS_MAX, 2 * (before?.ms ?? REST_MS / 2)) : REST_MS;
      entries.set(key, { until: now() + ms, ms });
    },
    rests: (key) => (entries.get(functionKey(key))?.until ?? 0) > now(),
  };
}

export const functionKey = ({ projectId, functionId }: FunctionKey): string => `${projectId}\n${functionId}`;
