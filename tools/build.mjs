/**
 * `npm run build`: writes what the published packages run: `martlet` to packages/cli/dist (see tools/package/bundles.mjs)
 * and `@martlet/sdk` to packages/sdk/dist (see tools/package/sdk.mjs).
 */
import { runOnNode24 } from './run-on-node-24.mjs';

await runOnNode24(import.meta.url, async () => {
  const { writeBundles } = await import('./package/bundles.mjs');
  const { files } = await writeBundles();
  for (const { name, bytes } of files) console.log(`packages/cli/dist/${name}  ${(bytes / 1024).toFixed(0)} KB`);
  const { writeSdk } = await import('./package/sdk.mjs');
  const sdk = writeSdk();
  const bytes = sdk.reduce((sum, file) => sum + file.bytes, 0);
  console.log(`packages/sdk/dist/  ${sdk.length} files, ${(bytes / 1024).toFixed(0)} KB`);
});
