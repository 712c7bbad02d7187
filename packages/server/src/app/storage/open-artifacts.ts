/** Opens the place of sources and builds: the disk of one server, or a far one that every node reaches. */
import { createCachedArtifacts } from '../../drivers/cached-artifacts/cached-artifacts.ts';
import { createDiskArtifacts } from '../../drivers/disk-artifacts/disk-artifacts.ts';
import { createPostgresArtifacts } from '../../drivers/postgres-artifacts/postgres-artifacts.ts';
import { createS3Artifacts } from '../../drivers/s3-artifacts/s3-artifacts.ts';
import type { Artifacts } from '../../ports/artifacts.ts';
import type { Log } from '../../ports/system/log.ts';
import type { Config } from '../config.ts';

export interface ArtifactsOptions {
  readonly config: Pick<Config, 'artifacts' | 'databaseUrl'>;
  /** Of this machine; copies of far ones lie there. */
  readonly folder: string;
  readonly log: Log;
}

/** @throws {PlatformError} `store_unavailable` */
export async function openArtifacts({ config, folder, log }: ArtifactsOptions, closers: (() => unknown)[]): Promise<Artifacts> {
  const near = createDiskArtifacts({ folder });
  if (config.artifacts === 'disk') return near;
  const far = await openFar(config, closers);
  return createCachedArtifacts({ far, near, isFixed, log });
}

async function openFar({ artifacts, databaseUrl }: ArtifactsOptions['config'], closers: (() => unknown)[]): Promise<Artifacts> {
  if (typeof artifacts === 'object') {
    const far = createS3Artifacts(artifacts);
    await far.open();
    return far;
  }
  const far = createPostgresArtifacts({ url: databaseUrl ?? '' });
  closers.push(() => far.close());
  await far.open();
  return far;
}

/** Sources and builds lie under the hash of their bytes; code caches are replaced. */
function isFixed(key: string): boolean {
  return key.startsWith('sources/') || key.startsWith('artifacts/');
}
