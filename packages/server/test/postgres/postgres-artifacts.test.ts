import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, describe, expect, inject, it } from 'vitest';
import { createCachedArtifacts } from '../../src/drivers/cached-artifacts/cached-artifacts.ts';
import { createDiskArtifacts } from '../../src/drivers/disk-artifacts/disk-artifacts.ts';
import { createPostgresArtifacts, type PostgresArtifacts } from '../../src/drivers/postgres-artifacts/postgres-artifacts.ts';
import type { Artifacts } from '../../src/ports/artifacts.ts';
import { testArtifacts } from '../conformance/artifacts.ts';
import { suiteName } from '../support/suite-name.ts';
import { sharedPostgres, whyNoPostgres } from './shared-postgres.ts';

const skipped = whyNoPostgres();
const url = skipped === undefined ? await (await sharedPostgres(inject('postgresFolder'))).createDatabase() : '';
const folder = mkdtempSync(join(tmpdir(), 'martlet-near-'));
const open: PostgresArtifacts[] = [];
afterAll(async () => {
  await Promise.all(open.map((artifacts) => artifacts.close()));
  rmSync(folder, { recursive: true, force: true });
});

async function opened(): Promise<PostgresArtifacts> {
  const artifacts = createPostgresArtifacts({ url });
  open.push(artifacts);
  await artifacts.open();
  return artifacts;
}

async function count(table: string): Promise<number> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const { rows } = await client.query<{ n: number }>(`select count(*)::int as n from ${table}`);
  await client.end();
  return rows[0]?.n ?? Number.NaN;
}

// The tests of the contract use other keys each, but for those that remove what they made.
const shared = skipped === undefined ? await opened() : undefined;
const missing = (): never => {
  throw new Error('There is no PostgreSQL');
};
if (shared !== undefined) testArtifacts({ name: 'postgres-artifacts', create: () => shared ?? missing() });

describe.skipIf(skipped !== undefined)(suiteName('postgres-artifacts: in the database', skipped), () => {
  it('keeps artifacts of several pieces, of exactly one piece, and of none', async () => {
    const artifacts = await opened();
    for (const size of [0, 1, 1_048_575, 1_048_576, 1_048_577, 5_000_000]) {
      const bytes = Buffer.alloc(size, size % 251);
      await artifacts.put(`sizes/${size}`, bytes);
      expect((await artifacts.get(`sizes/${size}`))?.equals(bytes), String(size)).toBe(true);
    }
  });

  it('keeps no pieces of what was replaced or removed, however many nodes write at once', async () => {
    const [one, two] = await Promise.all([opened(), opened()]);
    const before = await count('artifact_pieces');
    await Promise.all(
      Array.from({ length: 20 }, (_, index) => (index % 2 === 0 ? one : two).put('same/key', Buffer.alloc(1_500_000, index))),
    );
    const stored = await one.get('same/key');
    expect(new Set(stored)).toHaveLength(1);
    expect(await count('artifact_pieces')).toBe(before + 2);
    await two.deletePrefix('same/');
    expect(await count('artifact_pieces')).toBe(before);
  });
});

describe('cached-artifacts', () => {
  const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
  const isFixed = (key: string): boolean => key.startsWith('fixed/');

  function counting(far: Artifacts): { far: Artifacts; gets: string[] } {
    const gets: string[] = [];
    return {
      gets,
      far: {
        ...far,
        get: (key) => {
          gets.push(key);
          return far.get(key);
        },
      },
    };
  }
  const onDisk = (name: string): Artifacts => createDiskArtifacts({ folder: join(folder, name) });

  testArtifacts({
    name: 'cached-artifacts',
    create: () => {
      const at = mkdtempSync(join(folder, 'pair-'));
      const place = (name: string): Artifacts => createDiskArtifacts({ folder: join(at, name) });
      return createCachedArtifacts({ far: place('far'), near: place('near'), isFixed: () => false, log: silent });
    },
  });

  it('reads what is fixed once, and what may change each time', async () => {
    const { far, gets } = counting(onDisk('far'));
    await far.put('fixed/a', Buffer.from('a'));
    await far.put('loose/b', Buffer.from('b'));
    const artifacts = createCachedArtifacts({ far, near: onDisk('near'), isFixed, log: silent });
    for (let round = 0; round < 3; round += 1) {
      await expect(artifacts.get('fixed/a')).resolves.toEqual(Buffer.from('a'));
      await expect(artifacts.get('loose/b')).resolves.toEqual(Buffer.from('b'));
    }
    expect(gets).toEqual(['fixed/a', 'loose/b', 'loose/b', 'loose/b']);
  });

  it('works on without the disk near by', async () => {
    const far = onDisk('far-alone');
    await onDisk('broken').put('fixed', Buffer.from('a file where a folder should be'));
    const artifacts = createCachedArtifacts({ far, near: onDisk('broken'), isFixed, log: silent });
    await artifacts.put('fixed/x', Buffer.from('x'));
    await expect(artifacts.get('fixed/x')).resolves.toEqual(Buffer.from('x'));
  });
});
