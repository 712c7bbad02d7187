/** Keeps the unpacked trees of deployments that need their files at run time, one folder per tree, shared by all workers. */
import { mkdir, mkdtemp, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { unpackTar } from 'modern-tar/fs';
import type { Artifacts } from '../../ports/artifacts.ts';

export interface DiskTrees {
  /** The folder of a tree; unpacked on first use. @throws {Error} when the artifact is gone */
  folderOf(artifactKey: string): Promise<string>;
}

export interface DiskTreesOptions {
  readonly folder: string;
  /** On the same file system; what a crash leaves here is for its owner to remove. */
  readonly tempDir: string;
  readonly artifacts: Artifacts;
}

export function createDiskTrees({ folder, tempDir, artifacts }: DiskTreesOptions): DiskTrees {
  const unpacking = new Map<string, Promise<string>>();

  return {
    folderOf(artifactKey) {
      const known = unpacking.get(artifactKey);
      if (known !== undefined) return known;
      const promise = unpack(artifactKey).catch((error: unknown) => {
        unpacking.delete(artifactKey);
        throw error;
      });
      unpacking.set(artifactKey, promise);
      return promise;
    },
  };

  async function unpack(artifactKey: string): Promise<string> {
    const target = join(folder, artifactKey.replaceAll('/', '-'));
    if (await exists(target)) return target;
    const bytes = await artifacts.get(artifactKey);
    if (bytes === undefined) throw new Error(`Cannot unpack ${artifactKey}: there is no such artifact`);
    await mkdir(folder, { recursive: true });
    const partial = await mkdtemp(join(tempDir, 'tree-'));
    await pipeline(Readable.from([bytes]), unpackTar(partial));
    // Whole or not at all.
    await rename(partial, target).catch(async (error: unknown) => {
      await rm(partial, { recursive: true, force: true });
      if (!(await exists(target))) throw error;
    });
    return target;
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
