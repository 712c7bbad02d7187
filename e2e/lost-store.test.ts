/** A server whose database breaks under it: it must not live on without a store. */
import { closeSync, openSync, statSync, writeSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startMartlet } from './start-martlet.ts';

test('a server ends when only a new start can open its store, and says so', async () => {
  const data = await mkdtemp(join(tmpdir(), 'martlet-lost-'));
  const martlet = await startMartlet(['serve'], { data, env: { MARTLET_HOST: '127.0.0.1', MARTLET_SANDBOX_TIER: 'C' } });
  for (const name of ['martlet.db', 'martlet.db-wal']) damage(join(data, name));
  await fetch(`${martlet.ready.url}/v1/functions`, {
    method: 'POST',
    headers: { 'x-martlet-key': martlet.ready.apiKey, 'content-type': 'application/json' },
    body: JSON.stringify({ functionId: 'unique()', name: 'any', runtime: 'node-24' }),
  }).catch(() => undefined);
  await expect(martlet.ended).resolves.toBe(1);
  expect(martlet.output()).toContain('writer thread failed');
  await rm(data, { recursive: true, force: true });
});

/** Behind the first page, which says what file it is. */
function damage(path: string): void {
  const file = openSync(path, 'r+');
  for (let at = 4096; at < statSync(path).size; at += 512) writeSync(file, Buffer.alloc(64, 0xee), 0, 64, at);
  closeSync(file);
}
