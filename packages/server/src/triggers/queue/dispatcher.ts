/**
 * Takes what is ready and runs it. It looks when something was enqueued, when a place became free, when the next delayed
 * job is due, and now and then, since other nodes enqueue too and a hint may be lost.
 */
import { isPlatformError } from '@martlet/protocol';
import { shareOut, type FairState } from '../../domain/queue/fair-claims.ts';
import type { Clock } from '../../ports/system/clock.ts';
import type { Log } from '../../ports/system/log.ts';
import type { ClaimedJob, JobStore, ReadyGroup, Take } from '../../ports/store/job-store.ts';
import type { NodeLease, NodeStore } from '../../ports/store/node-store.ts';
import type { FunctionRoutes } from '../../services/invoke/function-routes.ts';
import type { Invoke } from '../../services/invoke/invoke.ts';
import type { JobRunner, RunningJob } from '../../services/queue/run-job.ts';
import { createResting, functionKey } from './resting.ts';
import { createTending } from './tend-taken.ts';

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
/** Pages of functions that one look goes through in search of one that may run. */
const PAGES_MAX = 50;
const DUE_MAX = 1000;
/** How often it is asked for what this server has taken and does not know of. */
const FORGOTTEN_MS = 5000;
/** Lines of long attempts reach the store this often, and cancellations their attempt. */
const TEND_MS = 1000;

export function createDispatcher(options: DispatcherOptions): Dispatcher {
  const { jobs, nodes, runner, invoke, routes, clock, log, capacity, node } = options;
  const running = new Map<string, RunningJob>();
  const resting = createResting();
  /** Functions that gave less than they were asked for in this look: their keys are taken, or another server claims from them. */
  const dry = new Set<string>();
  let pagesLeft = 0;
  let fair: FairState | undefined;
  let after: ReadyGroup | null = null;
  let lease: NodeLease | undefined;
  let looking = false;
  /** What `nextDue` said, and when. */
  let due: number | null = null;
  let dueReadAt = Number.NEGATIVE_INFINITY;
  let lookAgain = false;
  let forgottenReadAt = performance.now();
  let joining: Promise<void> | undefined;
  let started = false;
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  let tending: Promise<void> | undefined;
  const taken = createTending({ jobs, nodes, runner, invoke, log, running, lease: () => lease, wake });
  const tendTimer = setInterval(() => (tending ??= taken.tend().finally(() => (tending = undefined))), TEND_MS);
  tendTimer.unref();

  return {
    join: () => (joining ??= join()),
    async start() {
      await (joining ??= join());
      started = true;
      await taken.recoverLost();
      wake();
    },
    wake,
    get running() {
      return running.size;
    },
    stop() {
      stopped = true;
      clearTimeout(timer);
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
    for (const job of running.values()) job.interrupt();
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
        dry.clear();
        pagesLeft = PAGES_MAX;
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
    timer = setTimeout(wake, untilNextLook());
    if (lookAgain) wake();
  }

  function untilNextLook(): number {
    if (due === null) return LOOK_MS;
    const ms = due - clock.now();
    // What is due still is in the hands of another server.
    return ms > 0 ? Math.max(1, Math.min(LOOK_MS, ms)) : DUE_MS;
  }

  async function readDue(): Promise<void> {
    due = await jobs.nextDue();
    dueReadAt = performance.now();
  }

  /** @returns whether anything became ready or expired, here or by another server */
  async function makeReady(next: number): Promise<boolean> {
    const now = clock.now();
    if (next > now) return false;
    const made = (await untilFewer(() => jobs.promote(now, DUE_MAX))) + (await untilFewer(() => jobs.expire(now, DUE_MAX)));
    await readDue();
    return made > 0 || due !== next;
  }

  /** Its failure must not keep ready jobs from being claimed; they are looked for again in the next look. */
  async function takeBackForgotten(): Promise<void> {
    try {
      await taken.takeBackForgotten();
      forgottenReadAt = performance.now();
    } catch (error) {
      log.warn({ err: error }, 'Cannot look for executions that this server has taken unheard; trying again');
    }
  }

  /** @returns whether there may be more to take */
  async function takeSome(): Promise<boolean> {
    const room = capacity - running.size;
    const mine = lease;
    if (room <= 0 || mine === undefined) return false;
    const groups = await jobs.groups(GROUPS_MAX, after);
    if (groups.length === 0) return false;
    const whole = groups.length < GROUPS_MAX;
    after = whole ? null : (groups.at(-1) ?? null);
    const takes = await share(groups, room);
    pagesLeft -= 1;
    if (takes.length === 0) return !whole && pagesLeft > 0;
    const claimed = await claim(mine, takes);
    // The lease may have gone while the claim was under way: then another server decides on these, and they must not run here as well.
    if (lease !== mine) return false;
    for (const job of claimed) begin(runner.run(job));
    noteDry(takes, claimed);
    const seen = groups.reduce((sum, { ready }) => sum + ready, 0);
    return claimed.length < seen || (!whole && pagesLeft > 0);
  }

  async function claim(mine: NodeLease, takes: readonly Take[]): Promise<readonly ClaimedJob[]> {
    try {
      return await jobs.claim({ nodeId: mine.id, now: clock.now(), takes });
    } catch (error) {
      // It may have taken place: whether it did is asked before the next one.
      forgottenReadAt = Number.NEGATIVE_INFINITY;
      if (isPlatformError(error) && error.code === 'store_unavailable') throw error;
      // The store refuses something about one of them, which must not keep the others from running.
      if (takes.length > 1) return (await Promise.all(takes.map((take) => claim(mine, [take])))).flat();
      log.error({ err: error, ...takes[0] }, 'The store refuses to hand out executions of a function; going on with others');
      return [];
    }
  }

  function noteDry(takes: readonly Take[], claimed: readonly ClaimedJob[]): void {
    const counts = new Map<string, number>();
    for (const { job } of claimed) counts.set(functionKey(job), (counts.get(functionKey(job)) ?? 0) + 1);
    for (const take of takes) if ((counts.get(functionKey(take)) ?? 0) < take.count) dry.add(functionKey(take));
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
      groups.map((group) => ({ ...group, free: isLeftAlone(group) ? 0 : Math.max(0, (concurrencyOf.get(group) ?? 1) - group.taken) })),
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
      // Its next attempt may have been claimed already, and stands there now.
      if (running.get(job.executionId) === job) running.delete(job.executionId);
      if (how === 'unended') taken.unended(job.executionId);
      resting.note(job, how);
      wake();
    });
  }

  function isLeftAlone(group: ReadyGroup): boolean {
    return dry.has(functionKey(group)) || resting.rests(group);
  }
}

/** @returns how many in all */
async function untilFewer(someOf: () => Promise<number>): Promise<number> {
  let all = 0;
  for (let some = DUE_MAX; some === DUE_MAX; all += some) some = await someOf();
  return all;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
