/** Bundles the worker into the one file that is mounted into sandboxes. */
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

/** Writes the bundle, a CommonJS script for Node 24, to `outfile`. Takes some 20 ms. */
export async function bundleWorker(outfile: string): Promise<void> {
  await build({
    entryPoints: [fileURLToPath(new URL('./main.ts', import.meta.url))],
    outfile,
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'cjs',
    legalComments: 'none',
    logLevel: 'silent',
  });
}
