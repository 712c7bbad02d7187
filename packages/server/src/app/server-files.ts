/** Files beside the code that the server starts other things from: from source they are made, a package brings them along. */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const PACKAGED = import.meta.url.endsWith('.mjs');

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
  if (PACKAGED) {
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

const clientModules = new Map<string, Promise<string>>();

/** `@martlet/sdk` or `@martlet/sdk/admin` as one module, made or read once. */
export function readClient(specifier: string): Promise<string> {
  const known = clientModules.get(specifier);
  if (known !== undefined) return known;
  const module = PACKAGED ? readFile(new URL(clientFile(specifier), import.meta.url), 'utf8') : bundleClient(specifier);
  clientModules.set(specifier, module);
  return module;
}

/** Where a package keeps it; tools/package/bundles.mjs writes the same names. */
const clientFile = (specifier: string): string => `./client/${specifier.split('/').at(-1)}.mjs`;

async function bundleClient(specifier: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(import.meta.resolve(specifier))],
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'neutral',
    target: 'es2022',
  });
  return outputFiles[0]?.text ?? '';
}
