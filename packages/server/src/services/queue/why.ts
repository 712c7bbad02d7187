/** Why an execution did, or did not, run: its story in short lines, and what it waits for now. */
import { isTerminal } from '../../domain/execution-state.ts';
import type { Clock } from '../../ports/system/clock.ts';
import type { ExecutionRow, Store } from '../../ports/store.ts';
import type { NewDecision } from '../../ports/store/decision-store.ts';
import type { AttemptRow, JobRow } from '../../ports/store/job-store.ts';

export type Line = Pick<NewDecision, 'at' | 'code' | 'text'>;

const LINES_MAX = 200;

export async function explainExecution(
  { store, clock }: { readonly store: Store; readonly clock: Clock },
  row: ExecutionRow,
): Promise<{ readonly lines: readonly Line[]; readonly attempts: readonly AttemptRow[] }> {
  const { projectId, id } = row;
  const [job, attempts, decisions] = await Promise.all([
    store.jobs.get(projectId, id),
    store.jobs.attempts(projectId, id),
    store.decisions.list({ projectId, subject: 'execution', subjectId: id, limit: LINES_MAX }),
  ]);
  const lines = [...beginning(row, job), ...attempts.flatMap(attemptLines), ...decisions].toSorted((a, b) => a.at - b.at);
  return { lines: [...lines, ...(await present(store, { row, job, now: clock.now() }))], attempts };
}

function beginning(row: ExecutionRow, job: JobRow | null): Line[] {
  if (job === null) return [{ at: row.createdAt, code: 'called', text: `Somebody called it (${row.trigger}) and waited for the answer.` }];
  const { facts } = job;
  const cause =
    facts.replayOf !== undefined
      ? `as a replay of ${facts.replayOf}`
      : facts.scheduleId !== undefined
        ? facts.tick === undefined
          ? `by hand for the schedule ${facts.scheduleId}`
          : `by the schedule ${facts.scheduleId} for its tick of ${iso(facts.tick)}`
        : facts.eventId !== undefined
          ? `by the event ${facts.eventId}`
          : 'over the API';
  const when = row.scheduledAt === null ? '' : `, to run at ${iso(row.scheduledAt)}`;
  return [{ at: row.createdAt, code: 'accepted', text: `It was accepted ${cause}${when}.` }];
}

function attemptLines({ number, nodeId, startedAt, endedAt, errorCode }: AttemptRow): Line[] {
  const lines: Line[] = [{ at: startedAt, code: 'taken', text: `Attempt ${number} was taken by the server ${nodeId}.` }];
  if (endedAt !== null)
    lines.push({
      at: endedAt,
      code: errorCode === null ? 'completed' : 'attempt_failed',
      text: `Attempt ${number} ${errorCode === null ? 'completed' : `ended with ${errorCode}`} after ${((endedAt - startedAt) / 1000).toFixed(3)} s.`,
    });
  return lines;
}

/** What keeps it from running now. */
async function present(
  store: Store,
  { row, job, now }: { readonly row: ExecutionRow; readonly job: JobRow | null; readonly now: number },
): Promise<Line[]> {
  if (job === null) return isTerminal(row.status) ? [{ at: row.endedAt ?? now, code: row.status, text: endText(row) }] : [];
  const line = (code: string, text: string): Line[] => [{ at: now, code, text }];
  switch (job.state) {
    case 'delayed':
      return line('waits_for_time', `It waits until ${iso(job.runAt)}.`);
    case 'taken':
      return line(
        'runs',
        `Attempt ${job.attempt} runs on the server ${job.nodeId ?? ''}${job.cancelRequested ? ', and is being canceled' : ''}.`,
      );
    case 'dead':
      return line('dead', 'It is not tried again by itself; replay it with `martlet executions replay`.');
    case 'ready':
      return line('waits_for_place', await placeText(store, job));
    case null:
      return [{ at: row.endedAt ?? now, code: row.status, text: endText(row) }];
  }
}

async function placeText(store: Store, { projectId, functionId, concurrencyKey }: JobRow): Promise<string> {
  const fn = await store.functions.get(projectId, functionId);
  const [groups, waiting] = await Promise.all([store.jobs.groups(1000, null), store.jobs.depth({ projectId, functionId, max: 10_000 })]);
  const taken = groups.find((group) => group.projectId === projectId && group.functionId === functionId)?.taken ?? 0;
  const most = fn?.concurrency ?? 0;
  if (fn !== null && taken >= most)
    return `It waits for a place: ${taken} executions of the function run, which is all it may have (concurrency ${most}).`;
  if (concurrencyKey !== null) return `It waits until no other execution with the concurrency key "${concurrencyKey}" runs.`;
  return `It waits for a server with room; ${waiting} executions of the function wait, ${taken} run.`;
}

function endText(row: ExecutionRow): string {
  return row.status === 'completed' ? `It completed with status ${row.responseStatus}.` : `It failed with ${row.errorCode ?? 'no code'}.`;
}

const iso = (time: number): string => new Date(time).toISOString();
