/** Which tier the host of the tests reaches, so that a test it cannot run is skipped with the reason. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createBubblewrapSandbox } from '../../src/drivers/bubblewrap-sandbox/bubblewrap-sandbox.ts';
import type { Tier } from '../../src/ports/sandbox.ts';
import { strictLog } from '../conformance/sandbox.ts';

export async function hostTier(): Promise<{ readonly tier: Tier; readonly reason: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'martlet-tier-'));
  const workerBundlePath = join(folder, 'worker.cjs');
  await writeFile(workerBundlePath, '');
  const sandbox = createBubblewrapSandbox({ nodePath: process.execPath, workerBundlePath, stateDir: folder, log: strictLog([]) });
  try {
    const { tier, checks } = await sandbox.probe();
    const failed = checks.filter((check) => !check.ok).map((check) => `${check.feature}: ${check.detail}`);
    return { tier, reason: failed.join('; ') };
  } finally {
    await sandbox.close();
    await rm(folder, { recursive: true, force: true });
  }
}
