/** Files beside the code that the server starts other things from: from source they are made, a package brings them along. */
import { fileURLToPath } from 'node:url';

export interface ServerFiles {
  /** The worker as one file. */
  readonly workerBundle: string;
  /** Entries of threads; undefined: beside the driver's source. */
  readonly sqliteThread: URL | undefined;
  readonly egressThread: URL | undefined;
  readonly leaseThread: URL | undefined;
}

/** `folder`: where a bundle may be written when running from source. */
export async function prepareServerFiles(folder: string): Promise<ServerFiles> {
  const packaged = import.meta.url.endsWith('.mjs');
  if (packaged) {
    return {
      workerBundle: fileURLToPath(new URL('./worker.cjs', import.meta.url)),
      sqliteThread: new URL('./sqlite-thread.mjs', import.meta.url),
      egressThread: new URL('./egress-thread.mjs', import.meta.url),
      leaseThread: new URL('./lease-thread.mjs', import.meta.url),
    };
  }
  const { bundleWorker } = await import('@martlet/worker');
  const workerBundle = `${folder}/worker.cjs`;
  await bundleWorker(workerBundle);
  return { workerBundle, sqliteThread: undefined, egressThread: undefined, leaseThread: undefined };
}
