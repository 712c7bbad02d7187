/**
 * Takes what is ready and runs it. It looks when something was enqueued, when a place became free, when the next delayed
 * job is due, and now and then, since other nodes enqueue too and a hint may be lost.
 */
import { shareOut, type FairState } from '../../domain/queue/fair-claims.ts';
import type { Clock } from '../../ports/system/clock.ts';
import type { Log } from '../../ports/system/log.ts';
import type { JobStore, ReadyGroup, Take } from '../../ports/store/job-store.ts';
import type { NodeLease, NodeStore } from '../../ports/store/node-store.ts';
import type { FunctionRoutes } from '../../services/invoke/function-routes.ts';
import type { Invoke } from '../../services/invoke/invoke.ts';
import type { JobRunner, RunningJob } from '../../services/queue/run-job.ts';

export interface Dispatcher {
  /** Puts this server on the list of nodes, once; `start` does it otherwise. */
  join(): Promise<void>;
  /** Decides on what dead nodes left, and begins to take jobs. */
  start(): Promise<void>;
  /** Something may be ready. */
  wake(): void;
  readonly running: number;
  /** Takes nothing any more; what runs goes on. */
  stop(): void;
  /** When all that ran is on record, or after `ms`. Then it leaves the nodes. */
  close(ms: number): Promise<void>;
}

export interface DispatcherOptions {
  readonly jobs: JobStore;
  readonly nodes: NodeStore;
  readonly runner: JobRunner;
  readonly invoke: Pick<Invoke, 'cancel'>;
  readonly routes: FunctionRoutes;
  readonly clock: Clock;
  readonly log: Log;
  /** How many it runs at once. */
  readonly capacity: number;
  readonly node: { readonly name: string; newId(): string };
}

const LEASE_MS = 15_000;
/** Looking at an idle queue costs two seeks in partial indexes that are empty. */
const LOOK_MS = 1000;
/** While there is much to do, it is asked this often what is due. */
const DUE_MS = 10;
const GROUPS_MAX = 64;
/** A function for which this server has no room is left alone for so long: handing back and taking again at once would spin. */
const REST_MS = 1000;
const DUE_MAX = 1000;
const LOST_MAX = 100;
/** How often it is asked for what this server has taken and does not know of. */
const FORGOTTEN_MS = 5000;
/** Lines of long attempts reach the store this often, and cancellations their attempt. */
const TEND_MS = 1000;

export function createDispatcher(options: DispatcherOptions): Dispatcher {
  const { jobs, nodes, runner, invoke, routes, clock, log, capacity, node } = options;
  const running = new Map<string, RunningJob>();
  /** When a function may be tried again here, in milliseconds of `performance.now()`. */
  const resting = new Map<string, number>();
  let fair: FairState | undefined;
  let after: ReadyGroup | null = null;
  let lease: NodeLease | undefined;
  let looking = false;
  /** What `nextDue` said, and when. */
  let due: number | null = null;
  let dueReadAt = Number.NEGATIVE_INFINITY;
  let lookAgain = false;
  /** Begun here, over, and not ended on record. */
  const unended = new Set<string>();
  let forgottenReadAt = performance.now();
  let joining: Promise<void> | undefined;
  let started = false;
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  let tending: Promise<void> | undefined;
  const tendTimer = setInterval(() => (tending ??= tend().finally(() => (tending = undefined))), TEND_MS);
  tendTimer.unref();

  return {
    join: () => (joining ??= join()),
    async start() {
      await (joining ??= join());
      started = true;
      await recoverLost();
      wake();
    },
    wake,
    get running() {
      return running.size;
    },
    stop() {
      stopped = true;
      clearTimeout(timer);
      clearInterval(tendTimer);
      runner.stopping();
    },
    async close(ms) {
      stopped = true;
      clearTimeout(timer);
      clearInterval(tendTimer);
      await Promise.race([Promise.all([...running.values()].map((job) => job.done)), pause(ms)]);
      await lease?.leave().catch((error: unknown) => log.warn({ err: error }, 'Cannot leave the list of nodes; the lease will run out'));
    },
  };

  async function join(): Promise<void> {
    const joined = await nodes.join({ id: node.newId(), name: node.name, leaseMs: LEASE_MS });
    lease = joined;
    joined.lost.addEventListener('abort', () => void loseLease(joined.id), { once: true });
  }

  /** Others may run now what this node has taken: it ends all of it, and begins anew under another name. */
  async function loseLease(id: string): Promise<void> {
    lease = undefined;
    log.error({ node: id, executions: running.size }, 'This server could not renew its lease; ending what it had taken');
    for (const job of running.values()) invoke.cancel(job.projectId, job.executionId);
    while (!stopped && lease === undefined) {
      await pause(LOOK_MS);
      await join().catch((error: unknown) => log.warn({ err: error }, 'Cannot join the nodes again yet'));
    }
    wake();
  }

  function wake(): void {
    if (!started || stopped || lease === undefined) return;
    if (looking) {
      lookAgain = true;
      return;
    }
    looking = true;
    void look();
  }

  async function look(): Promise<void> {
    clearTimeout(timer);
    try {
      do {
        lookAgain = false;
        if (performance.now() - forgottenReadAt > FORGOTTEN_MS) await takeBackForgotten();
        while (!stopped && (await takeSome()));
        // After what is ready: that somebody has just enqueued, most of the time.
        if (!lookAgain || performance.now() - dueReadAt > DUE_MS) await readDue();
        if (due !== null && (await makeReady(due))) lookAgain = true;
      } while (lookAgain && !stopped);
    } catch (error) {
      log.warn({ err: error }, 'Cannot look for executions in the queue; trying again');
    }
    looking = false;
    if (stopped) return;
    const wait = due === null ? LOOK_MS : Math.max(1, Math.min(LOOK_MS, due - clock.now()));
    timer = setTimeout(wake, wait);
    if (lookAgain) wake();
  }

  async function readDue(): Promise<void> {
    due = await jobs.nextDue();
    dueReadAt = performance.now();
  }

  /** @returns whether anything was due */
  async function makeReady(next: number): Promise<boolean> {
    const now = await nodes.now();
    if (next > now) return false;
    while ((await jobs.promote(now, DUE_MAX)) === DUE_MAX);
    while ((await jobs.expire(now, DUE_MAX)) === DUE_MAX);
    await readDue();
    return true;
  }

  /** @returns whether it took some and left some */
  async function takeSome(): Promise<boolean> {
    const room = capacity - running.size;
    const mine = lease;
    if (room <= 0 || mine === undefined) return false;
    const groups = await jobs.groups(GROUPS_MAX, after);
    if (groups.length === 0) return false;
    after = groups.length === GROUPS_MAX ? (groups.at(-1) ?? null) : null;
    const takes = await share(groups, room);
    if (takes.length === 0) return false;
    const claimed = await jobs.claim({ nodeId: mine.id, now: clock.now(), takes }).catch((error: unknown) => {
      // It may have taken place: whether it did is asked before the next one.
      forgottenReadAt = Number.NEGATIVE_INFINITY;
      throw error;
    });
    // The lease may have gone while the claim was under way: then another server decides on these, and they must not run here as well.
    if (lease !== mine) return false;
    for (const job of claimed) begin(runner.run(job));
    const seen = groups.reduce((sum, { ready }) => sum + ready, 0);
    return claimed.length > 0 && (claimed.length < seen || groups.length === GROUPS_MAX);
  }

  /**
   * A claim may take place although its answer is lost, even some time later; nobody else would ever run what it took, since this server
   * lives. Only between claims: the jobs of one that is under way are not known yet.
   */
  async function takeBackForgotten(): Promise<void> {
    if (lease === undefined) return;
    const forgotten = await jobs.takenBeside({ nodeId: lease.id, known: [...running.keys()], limit: LOST_MAX });
    const [begun, unheard] = [
      forgotten.filter(({ job }) => unended.has(job.executionId)),
      forgotten.filter(({ job }) => !unended.has(job.executionId)),
    ];
    if (unheard.length > 0) {
      log.warn({ executions: unheard.length }, 'This server had taken executions without hearing of it; handing them back');
      await jobs.release(unheard.map(({ job: { executionId, fence } }) => ({ executionId, fence })));
    }
    await Promise.all(begun.map((job) => runner.settleLost(job)));
    unended.clear();
    forgottenReadAt = performance.now();
  }

  async function share(groups: readonly ReadyGroup[], room: number): Promise<Take[]> {
    const concurrencyOf = new Map<ReadyGroup, number>();
    for (const group of groups) {
      const routed = await routes.byId(group.projectId, group.functionId);
      // Without a function the attempt fails with the reason, which is better than a job that waits for ever.
      concurrencyOf.set(group, routed?.fn.concurrency ?? 1);
    }
    const shared = shareOut(
      fair,
      groups.map((group) => ({ ...group, free: rests(group) ? 0 : Math.max(0, (concurrencyOf.get(group) ?? 1) - group.taken) })),
      room,
    );
    fair = shared.state;
    return shared.takes.map((take) => {
      const group = groups.find((one) => one.projectId === take.projectId && one.functionId === take.functionId);
      return { ...take, concurrency: (group && concurrencyOf.get(group)) ?? 1 };
    });
  }

  function begin(job: RunningJob): void {
    running.set(job.executionId, job);
    void job.done.then((how) => {
      running.delete(job.executionId);
      if (how === 'unended') unended.add(job.executionId);
      if (how === 'no_room') resting.set(keyOf(job), performance.now() + REST_MS);
      wake();
    });
  }

  function rests(group: ReadyGroup): boolean {
    const until = resting.get(keyOf(group));
    if (until === undefined) return false;
    if (until > performance.now()) return true;
    resting.delete(keyOf(group));
    return false;
  }

  async function tend(): Promise<void> {
    try {
      await saveLines();
      await cancelRequested();
      await recoverLost();
    } catch (error) {
      log.warn({ err: error }, 'Cannot tend the executions of the queue; trying again');
    }
  }

  async function saveLines(): Promise<void> {
    const fresh = [...running.values()].flatMap(({ executionId, fence, recording }) =>
      recording === undefined || recording.hasEnded || recording.unwritten().length === 0
        ? []
        : [{ executionId, fence, recording, lines: recording.takeLines() }],
    );
    if (fresh.length === 0) return;
    const stored = jobs.addLines(fresh.map(({ executionId, fence, lines }) => ({ executionId, fence, lines })));
    for (const { recording, lines } of fresh) recording.saving(lines.length, stored);
    await stored;
  }

  async function cancelRequested(): Promise<void> {
    if (lease === undefined || running.size === 0) return;
    for (const executionId of await jobs.cancelRequests(lease.id)) {
      const job = running.get(executionId);
      if (job !== undefined) invoke.cancel(job.projectId, executionId);
    }
  }

  async function recoverLost(): Promise<void> {
    const gone = await nodes.reap();
    if (gone.length > 0) log.warn({ nodes: gone }, 'Servers are gone; deciding on what they had taken');
    for (;;) {
      const lost = await jobs.lost(LOST_MAX);
      if (lost.length === 0) return;
      await Promise.all(lost.map((job) => runner.settleLost(job)));
      wake();
    }
  }
}

const keyOf = ({ projectId, functionId }: { readonly projectId: string; readonly functionId: string }): string =>
  `${projectId}\n${functionId}`;

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
