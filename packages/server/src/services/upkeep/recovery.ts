/**
 * Ends what killed servers left on record as running, and builds what they had accepted. A server that is alone knows at
 * its start that nothing of it runs any more. Beside others it looks again and again, and ends what was run by servers that
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
}

const EVERY_MS = 10_000;
/** What ending an execution and writing its record may take. */
const GRACE_MS = 15_000;

export async function startRecovery({ store, builds, clock, log, shared, serverId }: RecoveryOptions): Promise<{ stop(): void }> {
  await recover(!shared || (await isAlone(store, serverId)));
  if (!shared) return { stop: () => undefined };
  const timer = setInterval(() => {
    recover(false).catch((error: unknown) => log.warn({ err: error }, 'Cannot look for what dead nodes have left; trying again'));
  }, EVERY_MS);
  timer.unref();
  return { stop: () => clearInterval(timer) };

  async function recover(alone: boolean): Promise<void> {
    const now = shared ? await store.nodes.now() : clock.now();
    const interrupted = await store.executions.failInterrupted(now, alone ? undefined : GRACE_MS);
    if (interrupted > 0) log.warn({ interrupted }, 'Executions that ran when a server was stopped are now on record as failed');
    await builds.recover({ alone });
  }
}

async function isAlone({ nodes }: Store, serverId: string): Promise<boolean> {
  await nodes.reap();
  return (await nodes.list()).every(({ id }) => isNodeOf(id, serverId));
}
