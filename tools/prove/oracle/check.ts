/** The judge: promises as pure functions over what was seen from outside. */
import { wasAccepted } from './journal.ts';
import type { Run } from './effects-server.ts';
import type { Observations, RecordSeen } from './observations.ts';
import { checkEvents, checkTicks } from './check-triggers.ts';

export interface Verdict {
  readonly promise: string;
  /** How many things were looked at. */
  readonly trials: number;
  readonly violations: readonly string[];
}

/** Attempts of a function without retries of its own whose node or process went away. */
const INTERRUPTED_ATTEMPTS = 3;
const ENDED_MEANS_DEAD_MS = 2000;
/** Of the longest delay between two tries that `fails` allows, and what a busy machine adds. */
const RETRY_GAP_MS_MAX = 500 + 6000;

export const isTerminal = ({ status }: Pick<RecordSeen, 'status'>): boolean => status === 'completed' || status === 'failed';

export function check(seen: Observations): readonly Verdict[] {
  return [
    acceptedIsRecorded(seen),
    everyoneEnds(seen),
    nobodyUnasked(seen),
    attemptsApart(seen),
    endedIsDead(seen),
    endedStays(seen),
    attemptsWithinPolicy(seen),
    retriesInTime(seen),
    keysApart(seen),
    oncePerKey(seen),
    logsAreThere(seen),
    refusalsTellWhen(seen),
    ...checkTicks(seen),
    ...checkEvents(seen),
  ];
}

function acceptedIsRecorded({ asked, records }: Observations): Verdict {
  const ids = new Set(records.map(({ id }) => id));
  const accepted = asked.filter((one) => one.kind !== 'event' && wasAccepted(one));
  const missing = accepted.filter(({ answers }) => answers.some(({ status, id }) => status === 202 && !ids.has(id)));
  return {
    promise: 'accepted-recorded',
    trials: accepted.length,
    violations: missing.map(
      ({ token, answers }) => `${token} was accepted as ${answers.map(({ id }) => id).join(', ')} and is not on record`,
    ),
  };
}

function everyoneEnds({ records, quietAt, patientUntil, functions }: Observations): Verdict {
  const nameOf = Object.fromEntries(Object.entries(functions).map(([name, id]) => [id, name]));
  const open = records.filter((record) => !isTerminal(record));
  const patience = Math.round((patientUntil - quietAt) / 1000);
  return {
    promise: 'accepted-ends',
    trials: records.length,
    violations: open.map(
      ({ id, status, functionId, trigger, attempt }) =>
        `${id} (${trigger}, attempt ${attempt} of ${nameOf[functionId]}) is still ${status} ${patience} s after the last fault`,
    ),
  };
}

function nobodyUnasked({ asked, records, functions }: Observations): Verdict {
  const tokens = new Set(asked.map(({ token }) => token));
  const byToken = new Map<string, string[]>();
  for (const { id, token } of records) if (token !== '') byToken.set(token, [...(byToken.get(token) ?? []), id]);
  const triggered = new Set([functions['ticks'], functions['hears-one'], functions['hears-two']]);
  const strangers = records.filter(({ token, functionId }) => (token === '' ? !triggered.has(functionId) : !tokens.has(token)));
  const doubles = [...byToken].filter(([, ids]) => ids.length > 1);
  return {
    promise: 'nobody-unasked',
    trials: records.length,
    violations: [
      ...strangers.map(({ id }) => `nobody asked for ${id}`),
      ...records.filter(({ errorCode }) => errorCode === 'execution_canceled').map(({ id }) => `nobody asked for ${id} to be canceled`),
      ...doubles.map(([token, ids]) => `${token} was asked for once and is ${ids.join(' and ')}`),
    ],
  };
}

function runsOf(runs: readonly Run[], by: (run: Run) => string): Run[][] {
  const groups = new Map<string, Run[]>();
  for (const run of runs) if (by(run) !== '') groups.set(by(run), [...(groups.get(by(run)) ?? []), run]);
  return [...groups.values()].map((group) => group.toSorted((a, b) => a.beganAt - b.beganAt));
}

function overlaps(group: readonly Run[], frozen: Observations['frozen']): string[] {
  return group.slice(1).flatMap((run, index) => {
    const before = group[index] as Run;
    if (before.lastAt <= run.beganAt) return [];
    // The frozen node could not end it; that its word counts no longer is what `ended-stays` looks at.
    if (frozen.some(({ from, until }) => before.beganAt < until && run.beganAt > from)) return [];
    return [
      `attempt ${run.attempt} of ${run.execution} began ${before.lastAt - run.beganAt} ms before the last sign of attempt ${before.attempt} of ${before.execution}`,
    ];
  });
}

function attemptsApart({ runs, frozen }: Observations): Verdict {
  const groups = runsOf(runs, ({ execution }) => execution);
  return { promise: 'attempts-apart', trials: groups.length, violations: groups.flatMap((group) => overlaps(group, frozen)) };
}

function keysApart({ runs, frozen }: Observations): Verdict {
  const groups = runsOf(runs, ({ concurrencyKey }) => concurrencyKey);
  return {
    promise: 'keys-apart',
    trials: groups.reduce((sum, group) => sum + group.length, 0),
    violations: groups.flatMap((group) => overlaps(group, frozen)),
  };
}

function endedIsDead({ runs, records, frozen, clock }: Observations): Verdict {
  const ended = new Map(records.filter(isTerminal).map((record) => [record.id, record]));
  const late = runs.filter((run) => {
    const record = ended.get(run.execution);
    const wasFrozen = frozen.some(
      ({ from, until }) => run.beganAt < until && run.lastAt > from && run.lastAt < until + ENDED_MEANS_DEAD_MS,
    );
    return record !== undefined && !wasFrozen && run.lastAt > byOurClock(record.updatedAt, clock) + ENDED_MEANS_DEAD_MS;
  });
  return {
    promise: 'ended-dead',
    trials: ended.size,
    violations: late.map(
      ({ execution, lastAt }) => `${execution} gave a sign ${lastAt - (ended.get(execution)?.updatedAt ?? 0)} ms after its end`,
    ),
  };
}

/** What the servers wrote while their clock went wrong; of several readings the latest, which accuses nobody wrongly. */
function byOurClock(at: number, clock: Observations['clock']): number {
  const readings = clock.map(({ from, until, aheadMs }) => ({ ours: at - aheadMs, from, until }));
  return Math.max(at, ...readings.filter(({ ours, from, until }) => ours >= from && ours < until).map(({ ours }) => ours));
}

function endedStays({ records, recordsLater }: Observations): Verdict {
  const later = new Map(recordsLater.map((record) => [record.id, record]));
  const ended = records.filter(isTerminal);
  const changed = ended.filter((record) => JSON.stringify(record) !== JSON.stringify(later.get(record.id)));
  return {
    promise: 'ended-stays',
    trials: ended.length,
    violations: changed.map((record) => `${record.id} was ${JSON.stringify(record)} and became ${JSON.stringify(later.get(record.id))}`),
  };
}

function attemptsWithinPolicy({ records, runs, calm }: Observations): Verdict {
  const perRecord = new Map<string, number>();
  for (const { execution } of runs) perRecord.set(execution, (perRecord.get(execution) ?? 0) + 1);
  const problems = records.flatMap(({ id, attempt, errorCode, status }) => {
    const count = perRecord.get(id) ?? 0;
    if (attempt > INTERRUPTED_ATTEMPTS) return [`${id} had ${attempt} attempts; its policy allows ${INTERRUPTED_ATTEMPTS}`];
    // Its second may be over before it can say that it has begun, on a machine that is busy.
    const silent = errorCode === 'execution_timed_out' && count < attempt;
    if (calm && count !== attempt && !silent)
      return [`${id} (${status}, ${errorCode}) ran ${count} times and counts ${attempt} attempts, without any fault`];
    if (calm && attempt > 1 && errorCode === '') return [`${id} needed ${attempt} attempts without any fault`];
    return [];
  });
  return { promise: 'attempts-within-policy', trials: records.length, violations: problems };
}

/** Without faults the delays are those of the policy. */
function retriesInTime({ runs, calm, functions }: Observations): Verdict {
  const groups = calm
    ? runsOf(
        runs.filter(({ fn }) => fn === 'fails' && functions[fn] !== undefined),
        ({ execution }) => execution,
      )
    : [];
  const slow = groups.flatMap((group) =>
    group.slice(1).flatMap((run, index) => {
      const gap = run.beganAt - (group[index] as Run).lastAt;
      return gap > RETRY_GAP_MS_MAX ? [`attempt ${run.attempt} of ${run.execution} came after ${gap} ms, beyond the longest delay`] : [];
    }),
  );
  return { promise: 'retries-in-time', trials: groups.length, violations: slow };
}

function oncePerKey({ asked }: Observations): Verdict {
  const keyed = asked.filter(({ kind, answers }) => kind === 'idempotent' && answers.length > 0);
  const many = keyed.filter(({ answers }) => new Set(answers.filter(({ status }) => status === 202).map(({ id }) => id)).size > 1);
  return {
    promise: 'once-per-key',
    trials: keyed.length,
    violations: many.map(({ token, answers }) => `the key ${token} was answered with ${answers.map(({ id }) => id).join(' and ')}`),
  };
}

function logsAreThere({ records, runs }: Observations): Verdict {
  const completed = records.filter(({ status, logs }) => status === 'completed' && logs !== UNREAD);
  const ended = new Map(runs.filter((run) => run.ended).map((run) => [run.execution, run]));
  const short = completed.filter(({ id, logs }) => ended.has(id) && !logs.includes(`end ${ended.get(id)?.nonce}`));
  return {
    promise: 'logs-are-there',
    trials: completed.length,
    violations: short.map(({ id }) => `the log of ${id} lacks the last line of the attempt that completed`),
  };
}

/** Logs are read of some records only. */
export const UNREAD = '(not read)';

function refusalsTellWhen({ asked }: Observations): Verdict {
  const refusals = asked.flatMap(({ token, answers }) =>
    answers.filter(({ status }) => status !== 202).map((answer) => ({ token, ...answer })),
  );
  const bad = refusals.filter(({ status, retryAfter }) => !(status === 429 || status === 503 || status === 507) || retryAfter === null);
  return {
    promise: 'refusals-tell-when',
    trials: refusals.length,
    violations: bad.map(({ token, status }) => `${token} was refused with ${status}, without a time to come back`),
  };
}
