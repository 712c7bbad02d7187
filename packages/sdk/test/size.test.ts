/** What a page pays for the SDK, and what it does not pay for. */
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { describe, expect, test } from 'vitest';

const GZIPPED_MAX = 8000;
const SDK = fileURLToPath(new URL('../', import.meta.url));

async function bundle(code: string): Promise<{ text: string; inputs: string[] }> {
  const { outputFiles, metafile } = await build({
    stdin: { contents: code, resolveDir: SDK, loader: 'ts' },
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    write: false,
    metafile: true,
    external: ['react'],
  });
  const [outputs] = Object.values(metafile.outputs);
  // Only what is left of a file costs anything.
  const inputs = Object.entries(outputs?.inputs ?? {}).flatMap(([path, { bytesInOutput }]) =>
    bytesInOutput > 0 ? [path.replace(/^.*src\//, '')] : [],
  );
  return { text: outputFiles[0]?.text ?? '', inputs };
}

test(`all of the main entry is at most ${GZIPPED_MAX} bytes, minified and gzipped`, async () => {
  const { text } = await bundle("export * from './src/index.ts';");
  expect(gzipSync(text, { level: 9 }).length).toBeLessThanOrEqual(GZIPPED_MAX);
});

test('a page that only invokes has nothing of admin, React and queries in it', async () => {
  const { text, inputs } = await bundle(
    "import { createClient } from '@martlet/sdk';\nawait createClient({ url: 'http://x' }).functions.invoke('hello');",
  );
  expect(inputs).toContain('client.ts');
  expect(inputs.filter((path) => /^(?:admin|react)\/|^query\.ts|^client-from-request\.ts/.test(path))).toEqual([]);
  expect(text).not.toMatch(/containsAny|Base44-Api-Url|\/project\/variables|useState/i);
});

describe.each(['index.ts', 'admin/index.ts', 'react/index.ts'])('%s', (entry) => {
  test('uses nothing that only Node has, and no package but React', async () => {
    const { text } = await bundle(`export * from './src/${entry}';`);
    expect(text).not.toMatch(/(?<![\w$.])(?:process|Buffer|require|global|__dirname|setImmediate)\b(?!\s*:)/);
    const imported = [...text.matchAll(/from\s*"([^"]+)"/g)].map(([, name]) => name);
    expect(imported.filter((name) => name !== 'react')).toEqual([]);
  });
});
