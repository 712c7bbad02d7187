/** Tries what a server needs on this host, for `martlet doctor`. Starts nothing that stays. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeDurability, type DatabaseCheck } from '../drivers/postgres-connection/describe-durability.ts';
import { createPinoLog } from '../drivers/system/pino-log.ts';
import type { SandboxCheck, Tier } from '../ports/sandbox.ts';
import type { Config } from './config.ts';
import { chooseSandbox, isAtLeast } from './create-sandbox.ts';
import { prepareServerFiles } from './server-files.ts';

export interface Diagnosis {
  readonly tier: Tier;
  /** Whether `martlet serve` would start with this configuration. */
  readonly goodEnough: boolean;
  readonly checks: readonly SandboxCheck[];
  /** What the database promises; empty where there is none. */
  readonly database: readonly DatabaseCheck[];
}

export async function diagnose(config: Config): Promise<Diagnosis> {
  const folder = mkdtempSync(join(tmpdir(), 'martlet-doctor-'));
  try {
    const { workerBundle } = await prepareServerFiles(folder);
    const { sandbox, probe } = await chooseSandbox({ workerBundle, stateDir: folder }, createPinoLog({ level: 'silent' }));
    await sandbox.close();
    const database = config.databaseUrl === undefined ? [] : await describeDurability(config.databaseUrl);
    return { tier: probe.tier, goodEnough: isAtLeast(probe.tier, config.sandboxTier), checks: probe.checks, database };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
