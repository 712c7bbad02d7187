/** A project as a user has it: functions, shared code, and the SDK installed from what is published. */
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { REPOSITORY } from '../start-martlet.ts';

export interface SdkProject {
  readonly folder: string;
  /** The package as it is published, unpacked. */
  readonly sdk: string;
  remove(): Promise<void>;
}

export async function createSdkProject(): Promise<SdkProject> {
  const folder = await mkdtemp(join(tmpdir(), 'martlet-sdk-'));
  const sdk = join(folder, 'node_modules/@martlet/sdk');
  const { stageSdk } = (await import(new URL('../../tools/package/sdk.mjs', import.meta.url).href)) as { stageSdk(stage: string): void };
  stageSdk(sdk);
  for (const part of ['functions', 'shared']) await cp(join(REPOSITORY, 'e2e/sdk', part), join(folder, part), { recursive: true });
  return { folder, sdk, remove: () => rm(folder, { recursive: true, force: true }) };
}
