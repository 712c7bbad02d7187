/**
 * Faults that were planted on purpose, each as people make it: a line forgotten, an order reversed. The proof must find every one, by
 * the promise that it breaks; else the proof proves nothing.
 */
export interface Mutant {
  readonly name: string;
  readonly edits: readonly { readonly file: string; readonly find: string; readonly replace: string }[];
  /** By which scenario of the proof and which of its promises, or by which test. */
  readonly caughtBy: { readonly scenario: string; readonly promises: readonly string[] } | { readonly test: string };
}

const SERVER = 'packages/server/src';
const MODEL = 'packages/server/test/queue/job-model.test.ts';
const settling = `${SERVER}/drivers/sql/queue/settle-jobs.ts`;
const jobs = `${SERVER}/drivers/sql/queue/jobs.ts`;
const policy = `${SERVER}/domain/queue/retry-policy.ts`;

export const mutants: readonly Mutant[] = [
  {
    name: 'acknowledges before the commit',
    edits: [
      {
        file: `${SERVER}/services/queue/enqueue.ts`,
        find: 'const answer = await write(job);',
        replace: `const answer = { kind: 'enqueued' }; write(job).catch(() => undefined);`,
      },
    ],
    caughtBy: { scenario: 'database-trouble', promises: ['accepted-recorded'] },
  },
  {
    name: 'settles without looking at the fence',
    edits: [
      { file: settling, find: `executions.fence = ended.fence and executions.queue = 'taken'`, replace: `executions.queue = 'taken'` },
    ],
    caughtBy: { test: MODEL },
  },
  {
    name: 'moves the cursor of a schedule without looking who was faster',
    // Either of the two locks is enough; both have to go.
    edits: [
      { file: `${SERVER}/drivers/sql/triggers/schedules.ts`, find: ' and schedules.cursor_at = advanced.moved_from', replace: '' },
      {
        file: `${SERVER}/services/schedules/decide-ticks.ts`,
        find: '`tick:${row.id}:${tickMs}`',
        replace: '`tick:${row.id}:${tickMs}:${Math.random()}`',
      },
    ],
    caughtBy: { scenario: 'calm-postgres', promises: ['once-per-tick'] },
  },
  {
    name: 'renews no lease',
    edits: [
      {
        file: `${SERVER}/drivers/postgres-store/lease-thread.ts`,
        find: 'const RENEWALS_PER_LEASE = 6;',
        replace: 'const RENEWALS_PER_LEASE = 0.1;',
      },
    ],
    caughtBy: { scenario: 'calm-postgres', promises: ['attempts-within-policy'] },
  },
  {
    name: 'marks an event before its executions are stored',
    edits: [
      {
        file: `${SERVER}/services/events/dispatch-event.ts`,
        find: 'now, jobs, decisions, deliveries });',
        replace:
          'now, jobs: [], decisions: [], deliveries: [] }); await new Promise((resolve) => setTimeout(resolve, 200)); if (first) await store.jobs.enqueue(jobs, decisions);',
      },
    ],
    caughtBy: { scenario: 'kills-sqlite', promises: ['once-per-listener'] },
  },
  {
    name: 'calls an execution ended before its process is',
    edits: [
      {
        file: `${SERVER}/services/queue/run-job.ts`,
        find: `await discardBody(invoked);\n      await attempt.recording?.whenEnded();`,
        replace: 'await discardBody(invoked);',
      },
      {
        file: `${SERVER}/services/queue/run-job.ts`,
        find: 'row: recording.row(), lines: recording.takeLines(), startedAt',
        replace: `row: { ...recording.row(), status: 'failed', endedAt: clock.now(), updatedAt: clock.now() }, lines: recording.takeLines(), startedAt`,
      },
      { file: `${SERVER}/services/invoke/invoke.ts`, find: 'const STOP_GRACE_MS = 1000;', replace: 'const STOP_GRACE_MS = 8000;' },
    ],
    caughtBy: { scenario: 'calm-sqlite', promises: ['ended-dead'] },
  },
  {
    name: 'leaves what dead nodes had taken',
    edits: [
      { file: `${SERVER}/triggers/queue/tend-taken.ts`, find: 'const lost = await jobs.lost(LOST_MAX);', replace: 'const lost = [];' },
    ],
    caughtBy: { scenario: 'kills-sqlite', promises: ['accepted-ends'] },
  },
  {
    name: 'counts an attempt that was handed back',
    edits: [{ file: settling, find: 'set attempt = attempt - 1, node_id = null,', replace: 'set node_id = null,' }],
    caughtBy: { test: MODEL },
  },
  {
    name: 'ignores concurrency keys',
    edits: [
      {
        file: `${SERVER}/drivers/sql/queue/claims.ts`,
        find: "where queue = 'ready' and function_key = ${key} and project_id = ${projectId} and function_id = ${functionId} and ${keyFree}",
        replace: "where queue = 'ready' and function_key = ${key} and project_id = ${projectId} and function_id = ${functionId}",
      },
      {
        file: `${SERVER}/drivers/sql/migrations/0002-queue.ts`,
        find: 'create unique index executions_taken_key',
        replace: 'create index executions_taken_key',
      },
    ],
    caughtBy: { scenario: 'calm-sqlite', promises: ['keys-apart'] },
  },
  {
    name: 'lets delays between attempts grow without end',
    edits: [
      {
        file: policy,
        find: 'const whole = Math.min(maxMs, initialMs * factor ** (attempt - 1));',
        replace: 'const whole = initialMs * factor ** (attempt - 1);',
      },
      {
        file: policy,
        find: 'Math.round(Math.min(maxMs, whole * (1 + jitter * (2 * random - 1))))',
        replace: 'Math.round(whole * (1 + jitter * (2 * random - 1)))',
      },
    ],
    caughtBy: { scenario: 'calm-sqlite', promises: ['retries-in-time'] },
  },
  {
    name: 'takes log lines of an attempt that has ended',
    edits: [
      {
        file: settling,
        find: `and executions.fence = written.fence where executions.queue = 'taken'`,
        replace: '',
      },
      { file: settling, find: 'batch.filter((write) => held.has(signOf(write))),', replace: 'batch,' },
    ],
    caughtBy: { test: MODEL },
  },
  {
    name: 'forgets idempotency keys',
    edits: [
      {
        file: `${SERVER}/drivers/sql/queue/enqueue.ts`,
        find: 'const known = await rememberKeys(db, batch);',
        replace: 'const known = new Map<NewJob, Known>();',
      },
    ],
    caughtBy: { scenario: 'calm-sqlite', promises: ['once-per-key', 'nobody-unasked'] },
  },
  {
    name: 'leaves a canceled job in the queue',
    edits: [
      {
        file: jobs,
        find: `set queue = null, status = 'failed', error_code = 'execution_canceled'`,
        replace: `set status = 'failed', error_code = 'execution_canceled'`,
      },
    ],
    caughtBy: { test: MODEL },
  },
  {
    name: 'tries more often than the policy allows',
    edits: [{ file: policy, find: 'if (attempt >= most)', replace: 'if (attempt >= most + 2)' }],
    caughtBy: { scenario: 'calm-sqlite', promises: ['attempts-within-policy'] },
  },
  {
    name: 'runs a delayed job before its time',
    edits: [
      {
        file: jobs,
        find: `where queue = 'delayed' and run_at <= \${now} order by run_at`,
        replace: `where queue = 'delayed' order by run_at`,
      },
    ],
    caughtBy: { test: MODEL },
  },
];
