/**
 * Ends what killed servers left on record as running, and builds what they had accepted. A server that shares its store with no other
 * knows at its start that nothing of it runs any more. Beside others it looks again and again, and ends what was run by servers that
 * are not on the list of nodes any more; what does not say whose it is, when it is older than its function may run.
 */
import { isNodeOf } from '../../domain/queue/node-id.ts';
import type { Clock } from '../../ports/system/clock.ts';
import type { Log } from '../../ports/system/log.ts';
import type { Store } from '../../ports/store.ts';
import type { Builds } from '../builds.ts';

export interface RecoveryOptions {
  readonly store: Store;
  readonly builds: Pick<Builds, 'recover'>;
  readonly clock: Pick<Clock, 'now'>;
  readonly log: Log;
  /** Whether other servers may use the same store. */
  readonly shared: boolean;
  /** Of this server, which is on the list of nodes already. */
  readonly serverId: string;
  readonly everyMs?: number;
  readonly settleMs?: number;
}

/** With the lease and its end on the list, a dead server's executions have ended within 30 s. */
const EVERY_MS = 10_000;
/** After an outage of the database nodes that live join anew, each second: until then they look dead. */
const SETTLE_MS = 3000;
/** What ending an execution and writing its record may take. */
const GRACE_MS = 15_000;

export async function startRecovery(options: RecoveryOptions): Promise<{ stop(): void }> {
  const { store, builds, clock, log } = options;
  if (options.shared) return lookAgainAndAgain(options);
  await endInterrupted(store, { log, now: clock.now() });
  await builds.recover({ alone: true });
  return { stop: () => undefined };
}

async function lookAgainAndAgain(options: RecoveryOptions): Promise<{ stop(): void }> {
  const { store, builds, log, serverId, everyMs = EVERY_MS, settleMs = SETTLE_MS } = options;
  let listedAs = (await readNodes()).mine;
  let isFirst = true;
  let stopped = false;
  let timer: NodeJS.Timeout;
  lookAfter(settleMs);
  return {
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };

  function lookAfter(ms: number): void {
    if (stopped) return;
    timer = setTimeout(() => void look(), ms);
    timer.unref();
  }

  async function look(): Promise<void> {
    try {
      const { mine, alone } = await readNodes();
      // Whoever was off the list itself a moment ago knows nothing of the others.
      if (mine !== undefined && mine === listedAs) {
        await endInterrupted(store, { log, now: await store.nodes.now(), graceMs: GRACE_MS });
        await builds.recover({ alone: isFirst && alone });
        isFirst = false;
      }
      listedAs = mine;
    } catch (error) {
      if (!stopped) log.warn({ err: error }, 'Cannot look for what dead nodes have left; trying again');
    }
    lookAfter(everyMs);
  }

  async function readNodes(): Promise<{ mine: string | undefined; alone: boolean }> {
    await store.nodes.reap();
    const nodes = await store.nodes.list();
    const isMine = ({ id }: { readonly id: string }): boolean => isNodeOf(id, serverId);
    return { mine: nodes.find(isMine)?.id, alone: nodes.every(isMine) };
  }
}

async function endInterrupted(
  { executions }: Store,
  { log, now, graceMs }: { readonly log: Log; readonly now: number; readonly graceMs?: number },
): Promise<void> {
  const interrupted = await executions.failInterrupted(now, graceMs);
  if (interrupted > 0) log.warn({ interrupted }, 'Executions that ran when a server was stopped are now on record as failed');
}
