/** Chooses the strongest sandbox of this host, and refuses one that is weaker than wanted. */
import { PlatformError } from '@martlet/protocol';
import { createBubblewrapSandbox } from '../drivers/bubblewrap-sandbox/bubblewrap-sandbox.ts';
import { createProcessSandbox } from '../drivers/process-sandbox/process-sandbox.ts';
import type { Log } from '../ports/system/log.ts';
import { tiers, type Sandbox, type SandboxProbe, type Tier } from '../ports/sandbox.ts';

export interface SandboxChoice {
  readonly sandbox: Sandbox;
  readonly probe: SandboxProbe;
}

export interface SandboxFiles {
  readonly workerBundle: string;
  readonly stateDir: string;
}

export async function chooseSandbox(files: SandboxFiles, log: Log): Promise<SandboxChoice> {
  const options = { nodePath: process.execPath, workerBundlePath: files.workerBundle, stateDir: files.stateDir, log };
  const bubblewrap = createBubblewrapSandbox(options);
  const strong = await bubblewrap.probe();
  if (strong.tier !== 'C') return { sandbox: bubblewrap, probe: strong };
  await bubblewrap.close();
  const plain = createProcessSandbox(options);
  const weak = await plain.probe();
  return { sandbox: plain, probe: { tier: weak.tier, checks: [...strong.checks, ...weak.checks] } };
}

/** @throws {PlatformError} `sandbox_tier_too_low` */
export function assertTier(probe: SandboxProbe, wanted: Tier): void {
  if (isAtLeast(probe.tier, wanted)) return;
  const reasons = probe.checks.filter((check) => !check.ok).map((check) => `${check.feature}: ${check.detail}`);
  throw new PlatformError(
    'sandbox_tier_too_low',
    `Cannot serve: this host gives sandbox tier ${probe.tier}, wanted is ${wanted} (${reasons.join('; ')}). To accept the weaker tier, set MARTLET_SANDBOX_TIER=${probe.tier}.`,
  );
}

export function isAtLeast(tier: Tier, wanted: Tier): boolean {
  return tiers.indexOf(tier) <= tiers.indexOf(wanted);
}
