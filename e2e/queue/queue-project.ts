/** A server over the functions of this folder, each of them live. */
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { REPOSITORY, startMartlet, type Martlet } from '../start-martlet.ts';

export interface QueueProject {
  readonly folder: string;
  readonly martlet: Martlet;
  close(): Promise<void>;
}

export async function startQueueProject(): Promise<QueueProject> {
  const folder = await mkdtemp(join(tmpdir(), 'martlet-e2e-queue-'));
  await cp(join(REPOSITORY, 'e2e/queue/functions'), join(folder, 'functions'), { recursive: true });
  const martlet = await startMartlet(['dev', folder, '--no-types']);
  return {
    folder,
    martlet,
    async close() {
      await martlet.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Looks again and again until it holds. */
export async function until<Value>(look: () => Promise<Value>, holds: (value: Value) => boolean): Promise<Value> {
  for (const deadline = Date.now() + 90_000; ;) {
    const value = await look();
    if (holds(value)) return value;
    if (Date.now() > deadline) throw new Error(`It did not come about; last: ${JSON.stringify(value)}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
