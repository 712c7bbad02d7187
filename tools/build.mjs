/** `npm run build`: writes what the published package `martlet` runs, to packages/cli/dist. See tools/package/bundles.mjs. */
import { runOnNode24 } from './run-on-node-24.mjs';

await runOnNode24(import.meta.url, async () => {
  const { writeBundles } = await import('./package/bundles.mjs');
  const { files } = await writeBundles();
  for (const { name, bytes } of files) console.log(`packages/cli/dist/${name}  ${(bytes / 1024).toFixed(0)} KB`);
});
