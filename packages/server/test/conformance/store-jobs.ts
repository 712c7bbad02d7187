/** The queue: part of the contract of the store. */
import { expect, it } from 'vitest';
import type { Store } from '../../src/ports/store.ts';
import type { ClaimedJob, JobEnd, NewJob, Take, TakenJob } from '../../src/ports/store/job-store.ts';
import { hostileTexts } from '../support/hostile-texts.ts';
import { aJob, anExecution, aQuery } from '../support/rows.ts';

const NOW = 1_769_817_600_000;

export function testJobs(store: () => Store): void {
  const jobs = () => store().jobs;
  const enqueue = (...batch: NewJob[]) => jobs().enqueue(batch, []);
  const take = (projectId: string, facts: Partial<Take> = {}): Take => ({
    projectId,
    functionId: 'hello',
    count: 10,
    concurrency: 100,
    ...facts,
  });
  const claim = (nodeId: string, ...takes: Take[]) => jobs().claim({ nodeId, now: NOW + 5, takes });
  const ids = (claimed: readonly TakenJob[]) => claimed.map((one) => one.job.executionId);
  const end = ({ job, execution }: ClaimedJob, facts: Partial<JobEnd> = {}): JobEnd => ({
    executionId: job.executionId,
    fence: job.fence,
    execution: { ...execution, status: 'completed', endedAt: NOW + 9, responseStatus: 200 },
    lines: [],
    attempt: { startedAt: NOW + 5, endedAt: NOW + 9, errorCode: null },
    next: { state: null },
    decisions: [],
    ...facts,
  });

  it('keeps an accepted job with its execution, its request and its body', async () => {
    const job = aJob(
      { id: 'kept', projectId: 'q-kept' },
      { concurrencyKey: 'k', priority: 3, expiresAt: NOW + 99, facts: { crashes: 0, eventId: 'e1' } },
    );
    await expect(enqueue(job)).resolves.toEqual([{ kind: 'enqueued' }]);
    await expect(store().executions.find('q-kept', 'kept')).resolves.toEqual(job.execution);
    await expect(jobs().get('q-kept', 'kept')).resolves.toEqual({
      executionId: 'kept',
      projectId: 'q-kept',
      functionId: 'hello',
      state: 'ready',
      runAt: NOW,
      priority: 3,
      expiresAt: NOW + 99,
      attempt: 0,
      fence: 0,
      nodeId: null,
      concurrencyKey: 'k',
      cancelRequested: false,
      facts: { crashes: 0, eventId: 'e1' },
    });
    const payload = await jobs().payload('q-kept', 'kept');
    expect(payload?.request).toEqual(job.request);
    expect(Buffer.from(payload?.body ?? [])).toEqual(Buffer.from(job.body));
    await expect(jobs().payload('other', 'kept')).resolves.toBeNull();
    await expect(jobs().get('other', 'kept')).resolves.toBeNull();
    await store().executions.write([{ row: anExecution({ id: 'q-sync', projectId: 'q-kept' }), lines: [] }]);
    await expect(jobs().get('q-kept', 'q-sync')).resolves.toBeNull();
    await expect(store().executions.failInterrupted(1)).resolves.toBe(0);
  });

  it('keeps requests and keys of any text', async () => {
    for (const [index, text] of hostileTexts.entries()) {
      const job = aJob(
        { id: `q-hostile-${index}`, projectId: 'q-hostile' },
        { concurrencyKey: text === '' ? null : text, idempotency: { key: text, hash: text } },
      );
      await enqueue({ ...job, request: { ...job.request, path: text, headers: [text, text] } });
      await expect(jobs().payload('q-hostile', `q-hostile-${index}`)).resolves.toMatchObject({
        request: { path: text, headers: [text, text] },
      });
    }
  });

  it('hands a job to one claimer only, whoever asks', async () => {
    await enqueue(...Array.from({ length: 30 }, (_, index) => aJob({ id: `q-one-${index}`, projectId: 'q-one' })));
    const claims = await Promise.all(Array.from({ length: 12 }, (_, node) => claim(`n${node}`, take('q-one', { count: 4 }))));
    const claimed = claims.flatMap(ids);
    for (let round = 0; claimed.length < 30 && round < 30; round += 1) claimed.push(...ids(await claim('n', take('q-one', { count: 4 }))));
    expect(claimed.toSorted()).toEqual([...new Set(claimed)].toSorted());
    expect(claimed).toHaveLength(30);
    await expect(claim('late', take('q-one'))).resolves.toEqual([]);
  });

  it('gives each claim a new fence and attempt, and shows it as processing', async () => {
    await enqueue(aJob({ id: 'q-claimed', projectId: 'q-claim' }));
    const [claimed] = await claim('node-1', take('q-claim'));
    expect(claimed?.job).toMatchObject({ state: 'taken', attempt: 1, fence: 1, nodeId: 'node-1' });
    expect(claimed?.execution).toMatchObject({ id: 'q-claimed', status: 'processing' });
    expect(Buffer.from(claimed?.body ?? []).toString()).toBe('{"a":1}');
    await expect(jobs().attempts('q-claim', 'q-claimed')).resolves.toEqual([
      { executionId: 'q-claimed', number: 1, fence: 1, nodeId: 'node-1', startedAt: NOW + 5, endedAt: null, errorCode: null },
    ]);
  });

  it('takes higher priority first, then longer waiting', async () => {
    await enqueue(
      aJob({ id: 'q-low', projectId: 'q-order' }, { priority: -1, runAt: NOW - 9 }),
      aJob({ id: 'q-late', projectId: 'q-order' }, { runAt: NOW - 1 }),
      aJob({ id: 'q-early', projectId: 'q-order' }, { runAt: NOW - 5 }),
      aJob({ id: 'q-high', projectId: 'q-order' }, { priority: 5 }),
    );
    const claimed: string[] = [];
    for (let round = 0; round < 4; round += 1) claimed.push(...ids(await claim('n', take('q-order', { count: 1 }))));
    expect(claimed).toEqual(['q-high', 'q-early', 'q-late', 'q-low']);
  });

  it('takes no more of a function than may run at once, over all nodes', async () => {
    await enqueue(...Array.from({ length: 6 }, (_, index) => aJob({ id: `q-room-${index}`, projectId: 'q-room' })));
    const limited = take('q-room', { concurrency: 3 });
    await expect(claim('a', { ...limited, count: 2 })).resolves.toHaveLength(2);
    const [last, ...none] = await claim('b', limited);
    expect(none).toEqual([]);
    await expect(claim('b', limited)).resolves.toEqual([]);
    await jobs().settle([end(last as ClaimedJob)]);
    await expect(claim('a', limited)).resolves.toHaveLength(1);
  });

  it('runs one job per concurrency key at a time, in order, and lets others pass', async () => {
    await enqueue(
      aJob({ id: 'q-k1', projectId: 'q-keys' }, { concurrencyKey: 'same' }),
      aJob({ id: 'q-k2', projectId: 'q-keys' }, { concurrencyKey: 'same', runAt: NOW + 1 }),
      aJob({ id: 'q-k3', projectId: 'q-keys' }, { concurrencyKey: 'other', runAt: NOW + 2 }),
      aJob({ id: 'q-k4', projectId: 'q-keys' }, { runAt: NOW + 3 }),
    );
    const first = await claim('n', take('q-keys'));
    expect(ids(first).toSorted()).toEqual(['q-k1', 'q-k3', 'q-k4']);
    await expect(claim('n', take('q-keys'))).resolves.toEqual([]);
    await jobs().settle([end(first.find(({ job }) => job.executionId === 'q-k1') as ClaimedJob)]);
    expect(ids(await claim('n', take('q-keys')))).toEqual(['q-k2']);
  });

  it('ends an execution once: a fence that no longer holds writes nothing but its attempt', async () => {
    await enqueue(aJob({ id: 'q-fence', projectId: 'q-fence' }));
    const [stale] = await claim('old', take('q-fence'));
    await jobs().release([{ executionId: 'q-fence', fence: 1 }]);
    await expect(jobs().get('q-fence', 'q-fence')).resolves.toMatchObject({ state: 'ready', attempt: 0, fence: 1, nodeId: null });
    const [fresh] = await claim('new', take('q-fence'));
    expect(fresh?.job).toMatchObject({ attempt: 1, fence: 2 });
    await jobs().addLines([{ executionId: 'q-fence', fence: 1, lines: [aLine('stale')] }]);
    await jobs().addLines([{ executionId: 'q-fence', fence: 2, lines: [aLine('early')] }]);
    await jobs().release([{ executionId: 'q-fence', fence: 1 }]);
    const late = end(stale as ClaimedJob, {
      lines: [aLine('late')],
      execution: anExecution({ id: 'q-fence', projectId: 'q-fence', status: 'failed' }),
    });
    const right = end(fresh as ClaimedJob, { lines: [aLine('right')], decisions: [aDecision('q-fence', 'done')] });
    await expect(jobs().settle([late, right])).resolves.toEqual([false, true]);
    await expect(jobs().settle([right])).resolves.toEqual([false]);
    await expect(store().executions.find('q-fence', 'q-fence')).resolves.toEqual(right.execution);
    await expect(store().executions.lines('q-fence')).resolves.toMatchObject([{ text: 'early' }, { text: 'right' }]);
    await expect(jobs().payload('q-fence', 'q-fence')).resolves.toBeNull();
    await expect(listed('q-fence')).resolves.toEqual(['done']);
  });

  it('puts a job back for later with its facts, and its attempts stay on record', async () => {
    await enqueue(aJob({ id: 'q-again', projectId: 'q-again' }));
    const [first] = await claim('n', take('q-again'));
    const { execution } = first as ClaimedJob;
    await jobs().settle([
      end(first as ClaimedJob, {
        execution: { ...execution, status: 'waiting', errorCode: 'execution_threw' },
        attempt: { startedAt: NOW + 5, endedAt: NOW + 7, errorCode: 'execution_threw' },
        next: { state: 'delayed', runAt: NOW + 1000, facts: { crashes: 1 } },
      }),
    ]);
    await expect(claim('n', take('q-again'))).resolves.toEqual([]);
    await expect(jobs().nextDue()).resolves.toBeLessThanOrEqual(NOW + 1000);
    await jobs().promote(NOW + 1000, 1000);
    const [second] = await claim('n', take('q-again'));
    expect(second?.job).toMatchObject({ attempt: 2, fence: 2, facts: { crashes: 1 } });
    await expect(jobs().attempts('q-again', 'q-again')).resolves.toMatchObject([
      { number: 1, endedAt: NOW + 7, errorCode: 'execution_threw' },
      { number: 2, endedAt: null },
    ]);
  });

  it('makes delayed jobs ready in time, and expires those that waited too long', async () => {
    await jobs().promote(NOW + 5000, 1000);
    await enqueue(
      aJob({ id: 'q-later', projectId: 'q-due', status: 'scheduled' }, { delayed: true, runAt: NOW + 5100 }),
      aJob({ id: 'q-latest', projectId: 'q-due', status: 'scheduled' }, { delayed: true, runAt: NOW + 5200 }),
      aJob({ id: 'q-stale', projectId: 'q-due' }, { expiresAt: NOW + 5050 }),
    );
    await expect(jobs().promote(NOW + 5099, 10)).resolves.toBe(0);
    await expect(jobs().promote(NOW + 5300, 1)).resolves.toBe(1);
    await expect(store().executions.find('q-due', 'q-later')).resolves.toMatchObject({ status: 'waiting' });
    await expect(store().executions.find('q-due', 'q-latest')).resolves.toMatchObject({ status: 'scheduled' });
    await jobs().expire(NOW + 5049, 1000);
    await expect(store().executions.find('q-due', 'q-stale')).resolves.toMatchObject({ status: 'waiting' });
    await expect(jobs().expire(NOW + 5050, 1000)).resolves.toBe(1);
    await expect(store().executions.find('q-due', 'q-stale')).resolves.toMatchObject({
      status: 'failed',
      errorCode: 'execution_expired',
      endedAt: NOW + 5050,
    });
    await expect(listed('q-stale')).resolves.toEqual(['expired']);
    expect(ids(await claim('n', take('q-due')))).toEqual(['q-later']);
  });

  it('cancels what waits, and asks the node to cancel what runs', async () => {
    await enqueue(aJob({ id: 'q-waits', projectId: 'q-cancel' }));
    await enqueue(aJob({ id: 'q-runs', projectId: 'q-cancel' }, { priority: 9 }));
    await claim('canceler', take('q-cancel', { count: 1 }));
    const cancel = (executionId: string, projectId = 'q-cancel') => jobs().cancel({ projectId, executionId, now: NOW + 6 });
    await expect(cancel('q-waits', 'other')).resolves.toBeNull();
    await expect(cancel('q-waits')).resolves.toBe('canceled');
    await expect(cancel('q-waits')).resolves.toBeNull();
    await expect(store().executions.find('q-cancel', 'q-waits')).resolves.toMatchObject({
      status: 'failed',
      errorCode: 'execution_canceled',
    });
    await expect(cancel('q-runs')).resolves.toBe('requested');
    await expect(jobs().cancelRequests('canceler')).resolves.toEqual(['q-runs']);
    await expect(jobs().cancelRequests('other')).resolves.toEqual([]);
  });

  it('gives the same execution for the same idempotency key, in one function', async () => {
    const keyed = (id: string, hash: string, functionId = 'hello') =>
      aJob({ id, projectId: 'q-idem', functionId }, { idempotency: { key: 'order-1', hash } });
    const decisions = ['q-i1', 'q-i2'].map((id) => ({ ...aDecision(id, 'accepted'), projectId: 'q-idem' }));
    await expect(jobs().enqueue([keyed('q-i1', 'h'), keyed('q-i2', 'h')], decisions)).resolves.toEqual([
      { kind: 'enqueued' },
      { kind: 'known', executionId: 'q-i1', sameRequest: true },
    ]);
    await expect(enqueue(keyed('q-i3', 'other'))).resolves.toEqual([{ kind: 'known', executionId: 'q-i1', sameRequest: false }]);
    await expect(enqueue(keyed('q-i4', 'h', 'second'))).resolves.toEqual([{ kind: 'enqueued' }]);
    await expect(store().executions.find('q-idem', 'q-i2')).resolves.toBeNull();
    await expect(listed('q-i2', 'q-idem')).resolves.toEqual([]);
    await store().executions.delete('q-idem', 'hello', 'q-i1');
    await expect(enqueue(keyed('q-i5', 'h'))).resolves.toEqual([{ kind: 'enqueued' }]);
    const racing = Array.from({ length: 10 }, (_, index) =>
      aJob({ id: `q-race-${index}`, projectId: 'q-idem' }, { idempotency: { key: 'race', hash: 'h' } }),
    );
    const answers = (await Promise.all(racing.map((job) => enqueue(job)))).flat();
    expect(answers.filter(({ kind }) => kind === 'enqueued')).toHaveLength(1);
  });

  it('knows functions with work in turn, and how much of it is taken', async () => {
    for (const functionId of ['f1', 'f2', 'f3'])
      await enqueue(
        ...['a', 'b'].map((name) => aJob({ id: `q-g-${functionId}-${name}`, projectId: 'q-groups', functionId }, { priority: 1 })),
      );
    await claim('n', take('q-groups', { functionId: 'f2', count: 1 }));
    const groups = await jobs().groups(1000, null);
    const ours = groups.filter((group) => group.projectId === 'q-groups');
    expect(ours.map(({ functionId, ready, taken }) => [functionId, ready, taken]).toSorted()).toEqual([
      ['f1', 2, 0],
      ['f2', 1, 1],
      ['f3', 2, 0],
    ]);
    const seen: string[] = [];
    let after: { projectId: string; functionId: string } | null = null;
    for (let round = 0; round < groups.length; round += 1) {
      const [next]: readonly { projectId: string; functionId: string }[] = await jobs().groups(1, after);
      seen.push(`${next?.projectId} ${next?.functionId}`);
      after = next ?? null;
    }
    expect(seen.toSorted()).toEqual(groups.map((group) => `${group.projectId} ${group.functionId}`).toSorted());
    await expect(jobs().depth({ projectId: 'q-groups', functionId: 'f1', max: 100 })).resolves.toBe(2);
    await expect(jobs().depth({ projectId: 'q-groups', functionId: 'f1', max: 1 })).resolves.toBe(1);
  });

  it('does not try again what somebody wants canceled', async () => {
    await enqueue(aJob({ id: 'q-c1', projectId: 'q-cancel' }), aJob({ id: 'q-c2', projectId: 'q-cancel' }, { runAt: NOW + 1 }));
    const [first, second] = await claim('n', take('q-cancel'));
    if (first === undefined || second === undefined) throw new Error('There is nothing to claim.');
    for (const executionId of ['q-c1', 'q-c2'])
      await expect(jobs().cancel({ projectId: 'q-cancel', executionId, now: NOW })).resolves.toBe('requested');
    const retry = { at: NOW, projectId: 'q-cancel', subject: 'execution', subjectId: 'q-c1', code: 'retry', text: 'again' } as const;
    await jobs().settle([
      end(first, {
        execution: { ...first.execution, status: 'waiting', errorCode: 'execution_threw', endedAt: null },
        attempt: { startedAt: NOW + 5, endedAt: NOW + 9, errorCode: 'execution_threw' },
        next: { state: 'delayed', runAt: NOW + 99, facts: { crashes: 0 } },
        decisions: [retry],
      }),
    ]);
    await jobs().release([{ executionId: 'q-c2', fence: second.job.fence }]);
    for (const id of ['q-c1', 'q-c2']) {
      await expect(jobs().get('q-cancel', id)).resolves.toMatchObject({ state: null });
      const record = await store().executions.find('q-cancel', id);
      expect(record).toMatchObject({ status: 'failed', errorCode: 'execution_canceled' });
      expect(record?.endedAt).not.toBeNull();
    }
    const why = await store().decisions.list({ projectId: 'q-cancel', subject: 'execution', subjectId: 'q-c1', limit: 9 });
    expect(why.map(({ code }) => code)).toEqual(['canceled']);
  });

  it('counts the first of two ends of one attempt', async () => {
    await enqueue(aJob({ id: 'q-twice', projectId: 'q-twice' }));
    const [claimed] = await claim('n', take('q-twice'));
    if (claimed === undefined) throw new Error('There is nothing to claim.');
    const again = end(claimed, {
      execution: { ...claimed.execution, status: 'waiting' },
      next: { state: 'ready', runAt: NOW, facts: { crashes: 1 } },
    });
    await expect(jobs().settle([end(claimed), again])).resolves.toEqual([true, false]);
    await expect(jobs().get('q-twice', 'q-twice')).resolves.toMatchObject({ state: null });
    await expect(store().executions.find('q-twice', 'q-twice')).resolves.toMatchObject({ status: 'completed' });
  });

  it('finds what a node has taken beside what it knows of', async () => {
    await enqueue(...['q-b1', 'q-b2', 'q-b3'].map((id, index) => aJob({ id, projectId: 'q-beside' }, { runAt: NOW + index })));
    await claim('forgetful', take('q-beside', { count: 2 }));
    await claim('other', take('q-beside', { count: 1 }));
    const beside = async (...known: string[]) => ids(await jobs().takenBeside({ nodeId: 'forgetful', known, limit: 10 })).toSorted();
    await expect(beside()).resolves.toEqual(['q-b1', 'q-b2']);
    await expect(beside('q-b1', 'unknown')).resolves.toEqual(['q-b2']);
    await expect(beside('q-b1', 'q-b2')).resolves.toEqual([]);
    const [first] = await jobs().takenBeside({ nodeId: 'forgetful', known: ['q-b2'], limit: 10 });
    await jobs().release([{ executionId: 'q-b1', fence: first?.job.fence ?? 0 }]);
    await expect(beside()).resolves.toEqual(['q-b2']);
  });

  it('finds what a node had taken once it is off the list', async () => {
    const lease = await store().nodes.join({ id: 'alive', name: 'test', leaseMs: 10_000 });
    await enqueue(aJob({ id: 'q-alive', projectId: 'q-lost' }), aJob({ id: 'q-gone', projectId: 'q-lost' }, { runAt: NOW + 1 }));
    await claim('alive', take('q-lost', { count: 1 }));
    await claim('gone', take('q-lost', { count: 1 }));
    const lost = (await jobs().lost(1000)).map(({ job }) => job.executionId);
    expect(lost).toContain('q-gone');
    expect(lost).not.toContain('q-alive');
    await expect(store().nodes.list()).resolves.toMatchObject([{ id: 'alive', name: 'test' }]);
    expect(lease.lost.aborted).toBe(false);
    await lease.leave();
    await lease.leave();
    expect((await jobs().lost(1000)).map(({ job }) => job.executionId)).toContain('q-alive');
    await expect(store().nodes.list()).resolves.toEqual([]);
  });

  it('lists dead jobs and purges them, their record stays', async () => {
    await enqueue(...['q-d1', 'q-d2'].map((id, index) => aJob({ id, projectId: 'q-dead', functionId: 'f' }, { runAt: NOW + index })));
    const claimed = await claim('n', take('q-dead', { functionId: 'f' }));
    await jobs().settle(
      claimed.map((one, index) =>
        end(one, {
          execution: { ...one.execution, status: 'failed', errorCode: 'execution_threw', endedAt: NOW + 10 + index },
          next: { state: 'dead', facts: { crashes: 0 } },
        }),
      ),
    );
    const list = async (query: { functionId?: string; before?: number; executionIds?: string[]; projectId?: string } = {}) =>
      (await jobs().listDead({ projectId: 'q-dead', functionId: null, limit: 10, ...query })).map((row) => row.id);
    await expect(list()).resolves.toEqual(['q-d1', 'q-d2']);
    await expect(list({ functionId: 'other' })).resolves.toEqual([]);
    await expect(list({ projectId: 'other' })).resolves.toEqual([]);
    await expect(list({ before: NOW + 11 })).resolves.toEqual(['q-d1']);
    await expect(list({ executionIds: ['q-d2'] })).resolves.toEqual(['q-d2']);
    await expect(jobs().payload('q-dead', 'q-d1')).resolves.not.toBeNull();
    await expect(jobs().purgeDead({ projectId: 'q-dead', functionId: 'f', executionIds: ['q-d1'] })).resolves.toBe(1);
    await expect(list()).resolves.toEqual(['q-d2']);
    await expect(jobs().payload('q-dead', 'q-d1')).resolves.toBeNull();
    await expect(store().executions.list('q-dead', null, aQuery())).resolves.toMatchObject({ total: 2 });
  });

  it('keeps the ledger in order, per subject, and forgets what is old', async () => {
    await store().decisions.append([aDecision('q-s', 'one'), aDecision('q-s', 'two'), { ...aDecision('q-s', 'else'), subject: 'event' }]);
    await expect(listed('q-s')).resolves.toEqual(['one', 'two']);
    await expect(listed('q-s', 'other')).resolves.toEqual([]);
    await store().decisions.append([{ ...aDecision('q-old', 'old'), at: 1 }]);
    await expect(store().decisions.deleteBefore(2, 100)).resolves.toBe(1);
    await expect(listed('q-old')).resolves.toEqual([]);
  });

  async function listed(
    subjectId: string,
    projectId = subjectId.startsWith('q-stale') ? 'q-due' : subjectId === 'q-fence' ? 'q-fence' : 'q-ledger',
  ) {
    const decisions = await store().decisions.list({ projectId, subject: 'execution', subjectId, limit: 10 });
    return decisions.map((decision) => decision.code);
  }
}

const aLine = (text: string) => ({ time: NOW, level: 'info' as const, stream: 'logs' as const, text });
const aDecision = (subjectId: string, code: string) => ({
  at: NOW,
  projectId: subjectId === 'q-fence' ? 'q-fence' : 'q-ledger',
  subject: 'execution' as const,
  subjectId,
  code,
  text: `${code} of ${subjectId}`,
});
