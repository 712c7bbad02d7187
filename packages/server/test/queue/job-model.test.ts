/**
 * The queue of each store against the one in memory, which is simple enough to be believed: whatever is done in whatever order, also
 * with claims that are long lost, both say and keep the same. Fast-check makes the orders, and shortens one that fails.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { createMemoryStore } from '../../src/drivers/memory-store/memory-store.ts';
import { createPostgresStore } from '../../src/drivers/postgres-store/postgres-store.ts';
import { createSqliteStore } from '../../src/drivers/sqlite-store/sqlite-store.ts';
import type { Store } from '../../src/ports/store.ts';
import type { ClaimedJob, JobEnd } from '../../src/ports/store/job-store.ts';
import { sharedPostgres, whyNoPostgres } from '../postgres/shared-postgres.ts';
import { aJob } from '../support/rows.ts';
import { suiteName } from '../support/suite-name.ts';

const NOW = 1_769_817_600_000;
const RUNS = 40;
const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

/** What the test itself remembers: every claim there ever was, and a clock that only it moves. */
interface Model {
  readonly memory: Store;
  readonly projectId: string;
  readonly claims: ClaimedJob[];
  jobs: number;
  now: number;
}

type Step = fc.AsyncCommand<Model, Store>;

/** A step that is done to both stores, which must answer alike and look alike afterwards. */
function step(name: string, act: (store: Store, model: Model) => Promise<unknown>, keep?: (model: Model, answer: unknown) => void): Step {
  return {
    check: () => true,
    async run(model, real) {
      const before = { ...model };
      const expected = await act(model.memory, { ...before });
      const answer = await act(real, { ...before });
      expect(answer, name).toEqual(expected);
      keep?.(model, expected);
      expect(await stateOf(real, model), `after ${name}`).toEqual(await stateOf(model.memory, model));
    },
    toString: () => name,
  };
}

const idOf = ({ projectId }: Model, number: number): string => `${projectId}-${number}`;

/** Everything that anybody could see of the jobs of this run. */
async function stateOf(store: Store, model: Model): Promise<unknown> {
  const { projectId } = model;
  return Promise.all(
    Array.from({ length: model.jobs }, async (_, number) => {
      const id = idOf(model, number);
      const row = await store.executions.find(projectId, id);
      return {
        job: await store.jobs.get(projectId, id),
        status: row?.status,
        errorCode: row?.errorCode,
        endedAt: row?.endedAt,
        attempts: await store.jobs.attempts(projectId, id),
        lines: (await store.executions.lines(id)).map(({ text }) => text),
        payload: (await store.jobs.payload(projectId, id)) !== null,
        decisions: (await store.decisions.list({ projectId, subject: 'execution', subjectId: id, limit: 100 })).map(({ code }) => code),
      };
    }),
  );
}

const inOrder = (claimed: readonly ClaimedJob[]) =>
  claimed
    .map(({ job, body }) => ({ job, body: Buffer.from(body).toString() }))
    .toSorted((a, b) => (a.job.executionId < b.job.executionId ? -1 : 1));

const enqueue = fc
  .record({
    priority: fc.integer({ min: -1, max: 1 }),
    delay: fc.constantFrom(0, 0, 5, 20),
    expires: fc.constantFrom(null, null, 10, 30),
    key: fc.constantFrom(null, null, 'k1', 'k2'),
    same: fc.constantFrom(null, null, 'i1', 'i2'),
  })
  .map((given) =>
    step(
      `enqueue ${JSON.stringify(given)}`,
      (store, model) => {
        const runAt = model.now + given.delay + model.jobs / 1000;
        const job = aJob(
          { id: idOf(model, model.jobs), projectId: model.projectId, status: given.delay > 0 ? 'scheduled' : 'waiting' },
          {
            runAt,
            delayed: given.delay > 0,
            priority: given.priority,
            expiresAt: given.expires === null ? null : model.now + given.expires,
            concurrencyKey: given.key,
            idempotency: given.same === null ? null : { key: given.same, hash: 'h' },
          },
        );
        return store.jobs.enqueue([job], []);
      },
      (model) => void (model.jobs += 1),
    ),
  );

const claim = fc
  .record({ count: fc.integer({ min: 1, max: 4 }), concurrency: fc.integer({ min: 1, max: 4 }), node: fc.constantFrom('a', 'b') })
  .map(({ count, concurrency, node }): Step => {
    const claims: { last: readonly ClaimedJob[] } = { last: [] };
    return step(
      `claim ${count} of ${concurrency} for ${node}`,
      async (store, { projectId, now }) => {
        claims.last = await store.jobs.claim({ nodeId: node, now, takes: [{ projectId, functionId: 'hello', count, concurrency }] });
        return inOrder(claims.last);
      },
      (model) => void model.claims.push(...claims.last),
    );
  });

/** Of all claims there were, so that most of those who write are too late. */
const ofClaims = (at: number, { claims }: Model): readonly ClaimedJob[] =>
  claims.length === 0 ? [] : [claims[at % claims.length] as ClaimedJob];

const settle = fc.record({ at: fc.nat(50), how: fc.constantFrom('completed', 'dead', 'delayed', 'ready' as const) }).map(({ at, how }) =>
  step(`settle claim ${at} as ${how}`, async (store, model) => {
    const ends = ofClaims(at, model).map(({ job, execution }): JobEnd => {
      const failed = how !== 'completed';
      const facts = { crashes: failed ? 1 : 0 };
      return {
        executionId: job.executionId,
        fence: job.fence,
        execution: {
          ...execution,
          attempt: job.attempt,
          status: how === 'completed' ? 'completed' : how === 'dead' ? 'failed' : 'waiting',
          errorCode: failed ? 'execution_threw' : null,
          endedAt: how === 'completed' || how === 'dead' ? model.now : null,
        },
        lines: [{ time: model.now, level: 'info', stream: 'logs', text: `end of ${job.fence}` }],
        attempt: { startedAt: model.now - 1, endedAt: model.now, errorCode: failed ? 'execution_threw' : null },
        next:
          how === 'completed'
            ? { state: null }
            : how === 'dead'
              ? { state: 'dead', facts }
              : { state: how === 'ready' ? 'ready' : 'delayed', runAt: model.now + 10 + job.fence / 100, facts },
        decisions: [{ at: model.now, projectId: model.projectId, subject: 'execution', subjectId: job.executionId, code: how, text: how }],
      };
    });
    return store.jobs.settle(ends);
  }),
);

const addLines = fc.nat(50).map((at) =>
  step(`add lines by claim ${at}`, (store, model) =>
    store.jobs.addLines(
      ofClaims(at, model).map(({ job: { executionId, fence } }) => ({
        executionId,
        fence,
        lines: [{ time: model.now, level: 'info', stream: 'logs', text: `line of ${fence}` }],
      })),
    ),
  ),
);

const release = fc
  .nat(50)
  .map((at) =>
    step(`release claim ${at}`, (store, model) =>
      store.jobs.release(ofClaims(at, model).map(({ job: { executionId, fence } }) => ({ executionId, fence }))),
    ),
  );

const passTime = fc.integer({ min: 1, max: 15 }).map((ms) =>
  step(
    `${ms} ms pass`,
    async (store, { now }) => {
      // Jobs of other runs lie in the same store: how many there were is nobody's business.
      await store.jobs.promote(now + ms, 10_000);
      await store.jobs.expire(now + ms, 10_000);
    },
    (model) => void (model.now += ms),
  ),
);

const cancel = fc
  .nat(20)
  .map((number) =>
    step(`cancel job ${number}`, (store, model) =>
      store.jobs.cancel({ projectId: model.projectId, executionId: idOf(model, number % Math.max(1, model.jobs)), now: model.now }),
    ),
  );

const look = fc.constant(
  step('look', async (store, { projectId }) => ({
    groups: (await store.jobs.groups(10_000, null))
      .filter((group) => group.projectId === projectId)
      .map(({ ready, taken }) => [ready, taken]),
    lost: (await store.jobs.lost(10_000))
      .map(({ job }) => job.executionId)
      .filter((id) => id.startsWith(`${projectId}-`))
      .toSorted(),
    asked: (await store.jobs.cancelRequests('a')).filter((id) => id.startsWith(`${projectId}-`)).toSorted(),
    beside: (await store.jobs.takenBeside({ nodeId: 'a', known: [`${projectId}-0`], limit: 1000 }))
      .map(({ job }) => job.executionId)
      .filter((id) => id.startsWith(`${projectId}-`))
      .toSorted(),
    depth: await store.jobs.depth({ projectId, functionId: 'hello', max: 100 }),
    dead: (await store.jobs.listDead({ projectId, functionId: null, limit: 100 })).map(({ id }) => id).toSorted(),
  })),
);

const purge = fc.constant(step('purge the dead', (store, { projectId }) => store.jobs.purgeDead({ projectId, functionId: null })));

const steps = fc.commands([enqueue, enqueue, claim, claim, settle, settle, addLines, release, passTime, cancel, look, purge], {
  maxCommands: 40,
  // A short story never comes to the point where somebody is too late.
  size: 'max',
});

function testModel(name: string, create: () => Promise<Store> | Store, skipped?: string): void {
  describe.skipIf(skipped !== undefined)(suiteName(`the queue of ${name}`, skipped), () => {
    let store: Store;
    let runs = 0;
    beforeAll(async () => {
      store = await create();
      await store.open();
    });
    afterAll(() => store?.close());

    it('says and keeps what the one in memory does, in every order', async () => {
      await fc.assert(
        fc.asyncProperty(steps, async (commands) => {
          runs += 1;
          const memory = createMemoryStore();
          await memory.open();
          const model: Model = { memory, projectId: `m${runs}`, claims: [], jobs: 0, now: NOW };
          await fc.asyncModelRun(() => ({ model, real: store }), commands);
        }),
        { numRuns: RUNS, interruptAfterTimeLimit: 25_000, markInterruptAsFailure: false },
      );
    }, 60_000);
  });
}

const folder = mkdtempSync(join(tmpdir(), 'martlet-model-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

testModel('sqlite-store', () => createSqliteStore({ path: join(folder, 'martlet.db'), log: silent }));
testModel(
  'postgres-store',
  async () => createPostgresStore({ url: await (await sharedPostgres(inject('postgresFolder'))).createDatabase() }),
  whyNoPostgres(),
);
