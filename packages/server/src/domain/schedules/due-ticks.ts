/**
 * What to do about the ticks of a schedule that have come since the last look: which run, which do not and why, and where
 * the next look begins. Whoever asks stores the new cursor in the transaction that stores the executions; then no tick is
 * decided twice, whatever happens between.
 */
import type { CronExpression } from './cron-expression.ts';
import { jitterOf } from './tick-jitter.ts';

export interface ScheduleRules {
  /** Spreads schedules with the same times; has to stay the same for a schedule. */
  readonly id: string;
  readonly timing: { readonly kind: 'recurring'; readonly expression: CronExpression } | { readonly kind: 'once'; readonly atMs: number };
  /** A tick starts up to this much later, by an amount that is its own and never reaches the next tick. */
  readonly jitterMs: number;
  readonly catchUp: CatchUp;
  /** What a tick does while an execution of an earlier one runs: start beside it, not run, or be the one that waits for it. */
  readonly overlap: 'allow' | 'skip' | 'queue';
}

export interface CatchUp {
  /** Of the ticks that are late: run the newest, run all, or run none. */
  readonly policy: 'latest' | 'all' | 'skip';
  /** With `all`, at most this many, the newest. */
  readonly max: number;
  /** Ticks later than this are over. */
  readonly windowMs: number;
}

export interface ScheduleView {
  /** The last tick that was decided; before the first one, when the schedule was created, changed or resumed. */
  readonly cursorMs: number;
  readonly nowMs: number;
  /** Executions of this schedule that run, and that wait for one that does. */
  readonly running: number;
  readonly waiting: number;
  /** Most ticks that this decision takes, from the oldest to run on; the later ones are for the next one. At least 1. */
  readonly atOnce?: number;
}

export type TickDecision =
  | {
      readonly kind: 'run';
      readonly tickMs: number;
      /** The tick and its jitter. */
      readonly dueMs: number;
      /** Whether it was late, so that the policy for catching up let it run. */
      readonly caughtUp: boolean;
      /** Whether it has to wait until the execution before it has ended. */
      readonly waits: boolean;
    }
  | { readonly kind: 'skipped'; readonly tickMs: number; readonly reason: 'overlap' | 'queue_full' }
  | { readonly kind: 'missed'; readonly firstMs: number; readonly lastMs: number; readonly count: number; readonly reason: MissedReason };

/** Later than the window; a newer one runs for it; the policy runs none; beyond the most that are caught up. */
export type MissedReason = 'outside_window' | 'superseded' | 'policy_skip' | 'over_max';

export interface DueTicks {
  /** Oldest first. */
  readonly decisions: readonly TickDecision[];
  readonly cursorMs: number;
  /** When to look again; null: never. */
  readonly nextDueMs: number | null;
  /** What these decisions add to the counters of the schedule. */
  readonly counters: { readonly missed: number; readonly caughtUp: number; readonly skipped: number };
}

export const CATCH_UP_DEFAULT: CatchUp = { policy: 'latest', max: 100, windowMs: 86_400_000 };

/** A tick that starts within this time is on time: a restart takes no tick from anybody, whatever the policy. */
export const ON_TIME_MS = 10_000;

/** Pure: the same arguments give the same answer. `nowMs` may be less than it was before; then nothing is due. */
export function decideDueTicks(rules: ScheduleRules, view: ScheduleView): DueTicks {
  const ticks = ticksOf(rules);
  const newest = newestDue(ticks, view);
  if (newest === null) {
    const next = ticks.nextAfter(view.cursorMs);
    return { decisions: [], cursorMs: view.cursorMs, nextDueMs: next === null ? null : ticks.dueOf(next), counters: NOTHING };
  }
  const { toRun: all, missed } = sortByLateness(rules, ticks, { ...view, newest });
  const toRun = all.slice(0, view.atOnce);
  const cursorMs = toRun.length < all.length ? (toRun.at(-1)?.tickMs ?? newest) : newest;
  const decisions = [...missed, ...admit(rules, ticks, { ...view, toRun })];
  const next = ticks.nextAfter(cursorMs);
  return { decisions, cursorMs, nextDueMs: next === null ? null : ticks.dueOf(next), counters: count(decisions) };
}

const NOTHING = { missed: 0, caughtUp: 0, skipped: 0 };

interface Ticks {
  readonly nextAfter: (timeMs: number) => number | null;
  readonly previousAtOrBefore: (timeMs: number) => number | null;
  readonly countBetween: (afterMs: number, throughMs: number) => number;
  readonly dueOf: (tickMs: number) => number;
}

function ticksOf({ id, timing, jitterMs }: ScheduleRules): Ticks {
  if (timing.kind === 'once') {
    const { atMs } = timing;
    return {
      nextAfter: (timeMs) => (timeMs < atMs ? atMs : null),
      previousAtOrBefore: (timeMs) => (timeMs >= atMs ? atMs : null),
      countBetween: (afterMs, throughMs) => (afterMs < atMs && atMs <= throughMs ? 1 : 0),
      dueOf: (tickMs) => tickMs + jitterOf(id, tickMs, jitterMs),
    };
  }
  const { nextAfter, previousAtOrBefore, countBetween } = timing.expression;
  // Below the distance to the next tick, so that ticks come due in their order.
  const room = (tickMs: number) => Math.min(jitterMs, (nextAfter(tickMs) ?? Number.MAX_SAFE_INTEGER) - tickMs - 1);
  const dueOf = (tickMs: number) => (jitterMs <= 0 ? tickMs : tickMs + jitterOf(id, tickMs, room(tickMs)));
  return { nextAfter, previousAtOrBefore, countBetween, dueOf };
}

/** The newest tick after the cursor that has come due; every tick before it has as well. */
function newestDue(ticks: Ticks, { cursorMs, nowMs }: ScheduleView): number | null {
  let newest = ticks.previousAtOrBefore(nowMs);
  if (newest !== null && ticks.dueOf(newest) > nowMs) newest = ticks.previousAtOrBefore(newest - 1);
  return newest === null || newest <= cursorMs ? null : newest;
}

type Missed = Extract<TickDecision, { kind: 'missed' }>;
interface LateTick {
  readonly tickMs: number;
  readonly caughtUp: boolean;
}

/** Walks back from the newest tick: those on time, then those the policy catches up; what is left was missed. */
function sortByLateness(rules: ScheduleRules, ticks: Ticks, view: ScheduleView & { newest: number }) {
  const { catchUp } = rules;
  const { cursorMs, nowMs } = view;
  const toRun: LateTick[] = [];
  const after = (tick: number | null): tick is number => tick !== null && tick > cursorMs;

  let tick: number | null = view.newest;
  for (; after(tick) && nowMs - ticks.dueOf(tick) <= ON_TIME_MS; tick = ticks.previousAtOrBefore(tick - 1))
    toRun.unshift({ tickMs: tick, caughtUp: false });
  const wanted = { all: catchUp.max, latest: toRun.length === 0 ? 1 : 0, skip: 0 }[catchUp.policy];
  for (let late = 0; after(tick) && late < wanted && nowMs - tick <= catchUp.windowMs; tick = ticks.previousAtOrBefore(tick - 1)) {
    toRun.unshift({ tickMs: tick, caughtUp: true });
    late += 1;
  }
  return { toRun, missed: after(tick) ? missedThrough(catchUp, ticks, { cursorMs, lastMs: tick, nowMs }) : [] };
}

/** In two runs: those beyond the window, and those within it that the policy left out. */
function missedThrough(catchUp: CatchUp, ticks: Ticks, range: { cursorMs: number; lastMs: number; nowMs: number }): Missed[] {
  const windowStart = Math.max(range.cursorMs, Math.min(range.lastMs, range.nowMs - catchUp.windowMs - 1));
  const reason = ({ latest: 'superseded', all: 'over_max', skip: 'policy_skip' } as const)[catchUp.policy];
  return [
    ...missedBetween(ticks, { afterMs: range.cursorMs, throughMs: windowStart, reason: 'outside_window' }),
    ...missedBetween(ticks, { afterMs: windowStart, throughMs: range.lastMs, reason }),
  ];
}

function missedBetween(
  ticks: Ticks,
  { afterMs, throughMs, reason }: { afterMs: number; throughMs: number; reason: MissedReason },
): Missed[] {
  const firstMs = ticks.nextAfter(afterMs);
  const lastMs = ticks.previousAtOrBefore(throughMs);
  if (firstMs === null || lastMs === null || firstMs > lastMs) return [];
  return [{ kind: 'missed', firstMs, lastMs, count: ticks.countBetween(afterMs, throughMs), reason }];
}

/** Which of the ticks to run may start, by the rule for overlaps. */
function admit({ overlap }: ScheduleRules, ticks: Ticks, view: ScheduleView & { toRun: readonly LateTick[] }): TickDecision[] {
  let [busy, waiting] = [view.running > 0, view.waiting > 0];
  return view.toRun.map(({ tickMs, caughtUp }): TickDecision => {
    const run = { kind: 'run', tickMs, dueMs: ticks.dueOf(tickMs), caughtUp } as const;
    if (overlap === 'allow') return { ...run, waits: false };
    if (overlap === 'skip' && (busy || waiting)) return { kind: 'skipped', tickMs, reason: 'overlap' };
    if (waiting) return { kind: 'skipped', tickMs, reason: 'queue_full' };
    const waits = busy;
    [busy, waiting] = [true, waits];
    return { ...run, waits };
  });
}

function count(decisions: readonly TickDecision[]): DueTicks['counters'] {
  const sum = (amountOf: (decision: TickDecision) => number) => decisions.reduce((total, decision) => total + amountOf(decision), 0);
  return {
    missed: sum((decision) => (decision.kind === 'missed' ? decision.count : 0)),
    caughtUp: sum((decision) => (decision.kind === 'run' && decision.caughtUp ? 1 : 0)),
    skipped: sum((decision) => (decision.kind === 'skipped' ? 1 : 0)),
  };
}
