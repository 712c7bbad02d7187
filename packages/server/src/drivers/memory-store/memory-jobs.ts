/** The queue in memory. One call runs to its end before the next: that is its transaction. */
import {
  READY_COUNT_MAX,
  type ClaimedJob,
  type JobEnd,
  type JobRow,
  type JobStore,
  type NewJob,
  type TakenJob,
} from '../../ports/store/job-store.ts';
import type { NewDecision } from '../../ports/store/decision-store.ts';
import type { ExecutionRow } from '../../ports/store.ts';
import { functionKey, storeEvents, type MemoryTables } from './memory-tables.ts';

/** What all parts of the queue look at. */
function jobRows({ jobs, executions, decisions }: MemoryTables) {
  return {
    rowsIn: (...states: JobRow['state'][]) => jobs.rows((job) => states.includes(job.state)),
    executionOf: (job: JobRow): ExecutionRow => executions.get(job.executionId) as ExecutionRow,
    holds(executionId: string, fence: number): JobRow | undefined {
      const job = jobs.get(executionId);
      return job?.state === 'taken' && job.fence === fence ? job : undefined;
    },
    ofProject(projectId: string, executionId: string): JobRow | null {
      const job = jobs.get(executionId);
      return job?.projectId === projectId ? job : null;
    },
    note(job: JobRow, decision: Pick<NewDecision, 'at' | 'code' | 'text'>): void {
      decisions.push({ ...decision, projectId: job.projectId, subject: 'execution', subjectId: job.executionId });
    },
  };
}

export function memoryJobs(tables: MemoryTables): JobStore {
  return { ...incoming(tables), ...claims(tables), ...ends(tables), ...waiting(tables), ...readers(tables), ...deadOnes(tables) };
}

function incoming(tables: MemoryTables): Pick<JobStore, 'enqueue' | 'depth'> {
  const { executions, jobs, jobRequests, idempotencyKeys, decisions } = tables;
  const { rowsIn } = jobRows(tables);

  function enqueueOne(job: NewJob): ReturnType<JobStore['enqueue']> extends Promise<readonly (infer One)[]> ? One : never {
    const { execution, idempotency } = job;
    if (idempotency !== null) {
      const key = `${functionKey(execution.projectId, execution.functionId)} ${idempotency.key}`;
      const known = idempotencyKeys.get(key);
      if (known !== undefined) return { kind: 'known', executionId: known.executionId, sameRequest: known.hash === idempotency.hash };
      idempotencyKeys.set(key, { hash: idempotency.hash, executionId: execution.id });
    }
    executions.put(execution);
    jobs.put({
      executionId: execution.id,
      projectId: execution.projectId,
      functionId: execution.functionId,
      state: job.delayed ? 'delayed' : 'ready',
      runAt: job.runAt,
      priority: job.priority,
      expiresAt: job.expiresAt,
      attempt: 0,
      fence: 0,
      nodeId: null,
      concurrencyKey: job.concurrencyKey,
      cancelRequested: false,
      facts: job.facts,
    });
    jobRequests.set(execution.id, structuredClone({ request: job.request, body: job.body }));
    return { kind: 'enqueued' };
  }

  return {
    async enqueue(batch, news) {
      const answers = batch.map(enqueueOne);
      const added = new Set(batch.filter((_, index) => answers[index]?.kind === 'enqueued').map((job) => job.execution.id));
      for (const [index, { told = [] }] of batch.entries()) if (answers[index]?.kind === 'enqueued') storeEvents(tables, told);
      decisions.push(...news.filter((decision) => decision.subject !== 'execution' || added.has(decision.subjectId)));
      return answers;
    },
    depth: async ({ projectId, functionId, max }) =>
      Math.min(max, rowsIn('ready', 'delayed').filter((job) => job.projectId === projectId && job.functionId === functionId).length),
  };
}

function claims(tables: MemoryTables): Pick<JobStore, 'groups' | 'claim'> {
  const { executions, jobs, jobRequests, attempts } = tables;
  const { rowsIn, executionOf, note } = jobRows(tables);
  const inOrder = (a: JobRow, b: JobRow) => b.priority - a.priority || a.runAt - b.runAt;

  /** @returns undefined where what it was to be called with is gone: it is over then */
  function take(job: JobRow, nodeId: string, now: number): ClaimedJob | undefined {
    const taken = jobs.put({ ...job, state: 'taken', attempt: job.attempt + 1, fence: job.fence + 1, nodeId, cancelRequested: false });
    const execution = executions.put({ ...executionOf(job), status: 'processing' });
    const { executionId, attempt: number, fence } = taken;
    attempts.push({ executionId, number, fence, nodeId, startedAt: now, endedAt: null, errorCode: null });
    const payload = jobRequests.get(executionId);
    if (payload === undefined) {
      jobs.put({ ...taken, state: null, nodeId: null });
      executions.put({ ...execution, status: 'failed', errorCode: 'general_server_error', endedAt: now, updatedAt: now });
      note(job, { at: now, code: 'request_lost', text: 'What it was to be called with is no longer in the store.' });
      return undefined;
    }
    return { job: taken, execution, ...payload };
  }

  return {
    async groups(limit, after) {
      const keys = [...new Set(rowsIn('ready').map((job) => functionKey(job.projectId, job.functionId)))].toSorted();
      const from = after === null ? 0 : keys.findIndex((key) => key > functionKey(after.projectId, after.functionId));
      const round = from <= 0 ? keys : [...keys.slice(from), ...keys.slice(0, from)];
      return round.slice(0, limit).map((key) => {
        const [projectId, functionId] = JSON.parse(key) as [string, string];
        const count = (state: JobRow['state']) =>
          rowsIn(state).filter((job) => job.projectId === projectId && job.functionId === functionId).length;
        return { projectId, functionId, ready: Math.min(READY_COUNT_MAX, count('ready')), taken: count('taken') };
      });
    },
    async claim({ nodeId, now, takes }) {
      const claimed: ClaimedJob[] = [];
      for (const { projectId, functionId, count, concurrency } of takes) {
        const isOf = (job: JobRow) => job.projectId === projectId && job.functionId === functionId;
        for (const job of rowsIn('ready').filter(isOf).toSorted(inOrder).slice()) {
          const taken = rowsIn('taken').filter(isOf);
          if (claimed.filter((one) => isOf(one.job)).length >= count || taken.length >= concurrency) break;
          if (job.concurrencyKey !== null && taken.some((other) => other.concurrencyKey === job.concurrencyKey)) continue;
          const one = take(job, nodeId, now);
          if (one !== undefined) claimed.push(one);
        }
      }
      return claimed;
    },
  };
}

function ends(tables: MemoryTables): Pick<JobStore, 'settle' | 'addLines' | 'release'> {
  const { executions, executionLines, jobs, jobRequests, attempts, decisions } = tables;
  const { executionOf, holds, note } = jobRows(tables);

  function settleOne(end: JobEnd): boolean {
    for (const [index, attempt] of attempts.entries())
      if (attempt.executionId === end.executionId && attempt.fence === end.fence)
        attempts[index] = { ...attempt, endedAt: end.attempt.endedAt, errorCode: end.attempt.errorCode };
    const job = holds(end.executionId, end.fence);
    if (job === undefined) return false;
    const canceled = job.cancelRequested && (end.next.state === 'ready' || end.next.state === 'delayed');
    const next: JobEnd['next'] = canceled ? { state: null } : end.next;
    jobs.put({
      ...job,
      nodeId: null,
      state: next.state,
      runAt: 'runAt' in end.next ? end.next.runAt : job.runAt,
      facts: end.next.state === null ? job.facts : end.next.facts,
    });
    const { createdAt, projectId, functionId } = executionOf(job);
    const ended = canceled
      ? ({ ...end.execution, status: 'failed', errorCode: 'execution_canceled', endedAt: end.attempt.endedAt } as const)
      : end.execution;
    executions.put({ ...ended, createdAt, projectId, functionId });
    addLines(end.executionId, end.lines);
    if (end.execution.status === 'completed') jobRequests.delete(end.executionId);
    if (canceled) note(job, { at: end.attempt.endedAt, code: 'canceled', text: 'It was canceled while it ran, and is not tried again.' });
    else decisions.push(...end.decisions);
    storeEvents(tables, end.told ?? []);
    return true;
  }

  function addLines(executionId: string, lines: JobEnd['lines']): void {
    if (lines.length > 0) executionLines.set(executionId, [...(executionLines.get(executionId) ?? []), ...structuredClone(lines)]);
  }

  return {
    settle: async (batch) => batch.map(settleOne),
    async addLines(batch) {
      for (const { executionId, fence, lines } of batch) if (holds(executionId, fence) !== undefined) addLines(executionId, lines);
    },
    async release(batch) {
      for (const { executionId, fence } of batch) {
        const job = holds(executionId, fence);
        if (job === undefined) continue;
        jobs.put({ ...job, state: job.cancelRequested ? null : 'ready', attempt: job.attempt - 1, nodeId: null });
        const execution = executionOf(job);
        if (job.cancelRequested)
          executions.put({ ...execution, status: 'failed', errorCode: 'execution_canceled', endedAt: execution.updatedAt });
        else executions.put({ ...execution, status: 'waiting' });
        attempts.splice(0, attempts.length, ...attempts.filter((one) => one.executionId !== executionId || one.fence !== fence));
      }
    },
  };
}

function waiting(tables: MemoryTables): Pick<JobStore, 'promote' | 'expire' | 'nextDue' | 'cancel'> {
  const { executions, jobs, jobRequests } = tables;
  const { rowsIn, executionOf, ofProject, note } = jobRows(tables);

  function failWaiting(job: JobRow, now: number, errorCode: 'execution_expired' | 'execution_canceled'): void {
    jobs.put({ ...job, state: null });
    executions.put({ ...executionOf(job), status: 'failed', errorCode, endedAt: now, updatedAt: now });
    jobRequests.delete(job.executionId);
  }

  return {
    async promote(now, limit) {
      const due = rowsIn('delayed')
        .filter((job) => job.runAt <= now)
        .slice(0, limit);
      for (const job of due) {
        jobs.put({ ...job, state: 'ready' });
        executions.put({ ...executionOf(job), status: 'waiting' });
      }
      return due.length;
    },
    async expire(now, limit) {
      const due = rowsIn('ready', 'delayed')
        .filter((job) => job.expiresAt !== null && job.expiresAt <= now)
        .slice(0, limit);
      for (const job of due) {
        failWaiting(job, now, 'execution_expired');
        note(job, { at: now, code: 'expired', text: 'It waited beyond the time until which it was worth running.' });
      }
      return due.length;
    },
    async nextDue() {
      const times = [
        ...rowsIn('delayed').map((job) => job.runAt),
        ...rowsIn('ready', 'delayed').flatMap((job) => (job.expiresAt === null ? [] : [job.expiresAt])),
      ];
      return times.length === 0 ? null : Math.min(...times);
    },
    async cancel({ projectId, executionId, now }) {
      const job = ofProject(projectId, executionId);
      if (job === null || job.state === null || job.state === 'dead') return null;
      if (job.state === 'taken') {
        jobs.put({ ...job, cancelRequested: true });
        return 'requested';
      }
      failWaiting(job, now, 'execution_canceled');
      note(job, { at: now, code: 'canceled', text: 'It was canceled while it waited.' });
      return 'canceled';
    },
  };
}

function readers(tables: MemoryTables): Pick<JobStore, 'cancelRequests' | 'takenBeside' | 'lost' | 'get' | 'payload' | 'attempts'> {
  const { jobRequests, attempts, nodes } = tables;
  const { rowsIn, executionOf, ofProject } = jobRows(tables);
  const toTaken = (job: JobRow): TakenJob => ({ job, execution: executionOf(job) });

  return {
    cancelRequests: async (nodeId) =>
      rowsIn('taken')
        .filter((job) => job.nodeId === nodeId && job.cancelRequested)
        .map((job) => job.executionId),
    takenBeside: async ({ nodeId, known, limit }) =>
      rowsIn('taken')
        .filter((job) => job.nodeId === nodeId && !known.includes(job.executionId))
        .slice(0, limit)
        .map(toTaken),
    lost: async (limit) =>
      rowsIn('taken')
        .filter((job) => job.nodeId === null || !nodes.has(job.nodeId))
        .slice(0, limit)
        .map(toTaken),
    get: async (projectId, executionId) => ofProject(projectId, executionId),
    payload: async (projectId, executionId) => (ofProject(projectId, executionId) === null ? null : (jobRequests.get(executionId) ?? null)),
    attempts: async (projectId, executionId) =>
      ofProject(projectId, executionId) === null ? [] : attempts.filter((attempt) => attempt.executionId === executionId),
  };
}

function deadOnes(tables: MemoryTables): Pick<JobStore, 'listDead' | 'purgeDead'> {
  const { jobs, jobRequests } = tables;
  const { rowsIn, executionOf } = jobRows(tables);

  function dead(at: Parameters<JobStore['purgeDead']>[0]): JobRow[] {
    return rowsIn('dead').filter(
      (job) =>
        job.projectId === at.projectId &&
        (at.functionId === null || job.functionId === at.functionId) &&
        (at.executionIds === undefined || at.executionIds.includes(job.executionId)) &&
        (at.before === undefined || (executionOf(job).endedAt ?? Infinity) < at.before),
    );
  }

  return {
    listDead: async (at) => dead(at).slice(0, at.limit).map(executionOf),
    async purgeDead(at) {
      const gone = dead(at);
      for (const job of gone) {
        jobs.put({ ...job, state: null });
        jobRequests.delete(job.executionId);
      }
      return gone.length;
    },
  };
}
