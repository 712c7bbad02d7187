import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { createDiskArtifacts } from '../../src/drivers/disk-artifacts/disk-artifacts.ts';
import { testArtifacts } from '../conformance/artifacts.ts';

const root = mkdtempSync(join(tmpdir(), 'martlet-artifacts-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const freshFolder = () => join(mkdtempSync(join(root, 'case-')), 'artifacts');

testArtifacts({ name: 'disk-artifacts', create: () => createDiskArtifacts({ folder: freshFolder() }) });

describe('disk-artifacts: on disk', () => {
  it('leaves whole files only, which no other user can read', async () => {
    const folder = freshFolder();
    const artifacts = createDiskArtifacts({ folder });
    await Promise.all(Array.from({ length: 20 }, (_, index) => artifacts.put('same/key', Buffer.alloc(100_000, index))));
    expect(readdirSync(join(folder, 'same'))).toEqual(['key']);
    expect(statSync(join(folder, 'same/key')).mode & 0o077).toBe(0);
    expect(statSync(folder).mode & 0o077).toBe(0);
  });

  it('says store_unavailable, and leaves nothing behind, where it cannot write', async () => {
    const folder = freshFolder();
    const artifacts = createDiskArtifacts({ folder });
    await artifacts.put('file', Buffer.from('x'));
    await expect(artifacts.put('file/below', Buffer.from('x'))).rejects.toMatchObject({ code: 'store_unavailable' });
    expect(readdirSync(folder)).toEqual(['file']);
  });

  it('takes no half of a write for an artifact', async () => {
    const folder = freshFolder();
    const artifacts = createDiskArtifacts({ folder });
    await artifacts.put('builds/a', Buffer.from('old'));
    writeFileSync(join(folder, 'builds/a~0123456789ab'), 'ha');
    await expect(artifacts.get('builds/a')).resolves.toEqual(Buffer.from('old'));
    await artifacts.deletePrefix('builds/a');
    expect(readdirSync(join(folder, 'builds'))).toEqual([]);
  });
});
