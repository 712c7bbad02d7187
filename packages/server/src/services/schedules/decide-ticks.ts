/** From a schedule that is due to what is to be written about it: executions, counters, and a line for each decision. */
import { decideDueTicks, type ScheduleRules, type TickDecision } from '../../domain/schedules/due-ticks.ts';
import { parseCronExpression } from '../../domain/schedules/cron-expression.ts';
import type { FunctionRow } from '../../ports/store.ts';
import type { NewDecision } from '../../ports/store/decision-store.ts';
import type { NewJob } from '../../ports/store/job-store.ts';
import type { ScheduleAdvance, ScheduleRow } from '../../ports/store/schedule-store.ts';
import { newJob } from '../queue/new-job.ts';

export interface DecideOptions {
  readonly now: number;
  /** Null: it was deleted meanwhile. */
  readonly fn: FunctionRow | null;
  /** Origin of the URL that the function sees. */
  readonly origin: string;
  newId(): string;
}

/** Ticks of one schedule, and bytes of what they call the function with, that one decision starts. The rest is left to the next. */
const TICKS_MAX = 200;
export const BYTES_AT_ONCE = 8 * 1_048_576;
/** Long enough for a line about it each time. */
const PARKED_MS = 5 * 60_000;

/** Executions under way and waiting, where the schedule keeps them apart. */
const viewOf = (row: ScheduleRow, now: number) => ({
  cursorMs: row.cursor,
  nowMs: now,
  atOnce: Math.max(1, Math.min(TICKS_MAX, Math.floor(BYTES_AT_ONCE / requestBytes(row)))),
  running: Math.min(1, row.open.length),
  waiting: Math.max(0, row.open.length - 1),
});

export function rulesOf(
  row: Pick<ScheduleRow, 'id' | 'expression' | 'timezone' | 'at' | 'jitterMs' | 'catchUp' | 'overlap'>,
): ScheduleRules {
  return {
    id: row.id,
    timing:
      row.at === null
        ? { kind: 'recurring', expression: parseCronExpression(row.expression, row.timezone) }
        : { kind: 'once', atMs: row.at },
    jitterMs: row.jitterMs,
    catchUp: row.catchUp,
    overlap: row.overlap,
  };
}

export function decideTicks(row: ScheduleRow, options: DecideOptions): ScheduleAdvance {
  const { decisions, cursorMs, nextDueMs, counters } = decideDueTicks(rulesOf(row), viewOf(row, options.now));
  const allowed = options.fn?.enabled === true;
  const jobs: NewJob[] = [];
  // One for all of them, as is its body.
  const order = scheduledOrder(row, options.fn, options.origin);
  const notes = decisions.map((decision): NewDecision => {
    const note = (code: string, text: string): NewDecision => ({
      at: options.now,
      projectId: row.projectId,
      subject: 'schedule',
      subjectId: row.id,
      code,
      text,
    });
    if (decision.kind !== 'run') return note(decision.reason, describe(decision));
    if (!allowed) return note('function_disabled', `The tick of ${iso(decision.tickMs)} did not run: the function is disabled.`);
    const job = jobOf(row, decision, { ...options, order });
    jobs.push(job);
    const late = decision.caughtUp ? ', caught up' : decision.waits ? ', after the one before it' : '';
    return note('ran', `The tick of ${iso(decision.tickMs)} is execution ${job.execution.id}${late}.`);
  });
  const stopped = decisions.filter((decision) => decision.kind === 'run').length - jobs.length;
  const last = jobs.at(-1);
  return {
    projectId: row.projectId,
    id: row.id,
    from: { cursor: row.cursor, updatedAt: row.updatedAt },
    change: {
      cursor: cursorMs,
      nextDue: nextDueMs,
      ran: row.ran + jobs.length,
      missed: row.missed + counters.missed,
      caughtUp: row.caughtUp + counters.caughtUp,
      skipped: row.skipped + counters.skipped + stopped,
      lastTick: last?.facts.tick ?? row.lastTick,
      lastExecutionId: last?.execution.id ?? row.lastExecutionId,
      open: row.overlap === 'allow' ? [] : [...row.open, ...jobs.map((job) => job.execution.id)],
    },
    jobs,
    decisions: notes,
  };
}

/** One on which nothing can be decided keeps its ticks, and is looked at again after a while. */
export function parkTicks(row: ScheduleRow, now: number, error: unknown): ScheduleAdvance {
  const { cursor, ran, missed, caughtUp, skipped, lastTick, lastExecutionId, open } = row;
  const nextDue = now + PARKED_MS;
  const why = error instanceof Error ? error.message : String(error);
  const text = `Nothing could be decided about its ticks; trying again at ${iso(nextDue)}: ${why}`;
  return {
    projectId: row.projectId,
    id: row.id,
    from: { cursor, updatedAt: row.updatedAt },
    change: { cursor, nextDue, ran, missed, caughtUp, skipped, lastTick, lastExecutionId, open },
    jobs: [],
    decisions: [{ at: now, projectId: row.projectId, subject: 'schedule', subjectId: row.id, code: 'undecidable', text }],
  };
}

/** Bytes that each execution of a schedule is stored with, about. */
export function requestBytes({ request: { path, headers, body } }: ScheduleRow): number {
  return Buffer.byteLength(body) + path.length + headers.reduce((bytes, text) => bytes + text.length, 0);
}

/** What a schedule calls its function with. */
export function scheduledOrder(row: ScheduleRow, fn: FunctionRow | null, origin: string) {
  return {
    projectId: row.projectId,
    functionId: row.functionId,
    deploymentId: fn?.activeDeploymentId ?? '',
    userId: null,
    request: {
      method: row.request.method,
      origin,
      path: row.request.path,
      headers: row.request.headers,
      clientIp: '',
      hops: 0,
      event: '',
    },
    body: Buffer.from(row.request.body),
    concurrencyKey: row.overlap === 'queue' ? `schedule:${row.id}` : undefined,
  } as const;
}

type JobOptions = Pick<DecideOptions, 'now' | 'newId'> & { readonly order: ReturnType<typeof scheduledOrder> };

function jobOf(row: ScheduleRow, { tickMs }: Extract<TickDecision, { kind: 'run' }>, { order, now, newId }: JobOptions): NewJob {
  return newJob(
    {
      ...order,
      trigger: 'schedule',
      facts: { scheduleId: row.id, tick: tickMs },
      // Beside the cursor a second lock: the same tick of a schedule is never two executions.
      idempotency: { key: `tick:${row.id}:${tickMs}`, hash: '' },
    },
    { id: newId(), now },
  );
}

function describe(decision: Exclude<TickDecision, { kind: 'run' }>): string {
  if (decision.kind === 'skipped') {
    const why = decision.reason === 'overlap' ? 'an earlier one still runs' : 'one runs and another waits for it';
    return `The tick of ${iso(decision.tickMs)} was skipped: ${why}.`;
  }
  const ticks =
    decision.count === 1
      ? `The tick of ${iso(decision.firstMs)}`
      : `${decision.count} ticks from ${iso(decision.firstMs)} to ${iso(decision.lastMs)}`;
  return `${ticks} came while no server looked, and did not run: ${missedText[decision.reason]}.`;
}

const missedText = {
  outside_window: 'older than the window of the catch-up',
  superseded: 'a newer tick runs in their place',
  policy_skip: 'the catch-up of the schedule is "skip"',
  over_max: 'beyond the most that the catch-up runs',
} as const;

const iso = (time: number): string => new Date(time).toISOString();
