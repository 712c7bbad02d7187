/** Backup, restore and migration: everything arrives, from whichever store into whichever, also while servers write. */
import { randomBytes } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { gunzipSync, gzipSync } from 'node:zlib';
import { backup, createPlatform, loadConfig, migrateToDatabase, restore, type Config } from '@martlet/server';
import pg from 'pg';
import { afterAll, describe, expect, inject, it } from 'vitest';
import { createPostgresStore } from '../../src/drivers/postgres-store/postgres-store.ts';
import { copiedTables } from '../../src/drivers/sqlite-store/copied-tables.ts';
import { createSqliteStore } from '../../src/drivers/sqlite-store/sqlite-store.ts';
import { createDiskArtifacts } from '../../src/drivers/disk-artifacts/disk-artifacts.ts';
import { migrations } from '../../src/drivers/sql/migration.ts';
import type { Store } from '../../src/ports/store.ts';
import { sharedPostgres, whyNoPostgres } from '../postgres/shared-postgres.ts';
import { createS3Server } from '../s3/s3-server.ts';
import { aDeployment, aFunction, anExecution, aProject } from '../support/rows.ts';
import { suiteName } from '../support/suite-name.ts';

const skipped = whyNoPostgres();
const server = skipped === undefined ? await sharedPostgres(inject('postgresFolder')) : { createDatabase: () => Promise.resolve('') };
const root = mkdtempSync(join(tmpdir(), 'martlet-copy-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const onProgress = (): void => undefined;
const KEY = randomBytes(32).toString('base64');
const NASTY = 'nul \u0000, one \u0001, emoji 🐦, quote " and \\ and a line\nmore';

let count = 0;
function place(name: string): string {
  count += 1;
  const at = join(root, `${count}-${name}`);
  mkdirSync(at);
  return at;
}

function configOf(data: string, change: Partial<Config> = {}): Config {
  const config = loadConfig({ mode: 'serve', env: { PATH: process.env['PATH'] }, flags: { port: 0, data }, folder: data });
  return { ...config, logLevel: 'silent', vaultKeys: [KEY], ...change };
}

async function onDatabase(data: string, url?: string): Promise<Config> {
  return configOf(data, { databaseUrl: url ?? (await server.createDatabase()), artifacts: 'database' });
}

async function fill(store: Store, executions = 1500): Promise<void> {
  await store.projects.ensure(aProject());
  await store.functions.insert(aFunction({ name: NASTY }));
  await store.deployments.insert(aDeployment());
  await store.executions.write(
    Array.from({ length: executions }, (_, index) => ({
      row: anExecution({ id: `e${String(index).padStart(6, '0')}`, requestPath: `/${index}${NASTY}`, createdAt: index + 0.5 }),
      lines: index % 10 === 0 ? [{ time: index, level: 'info' as const, stream: 'logs' as const, text: `${index} ${NASTY} \uD800` }] : [],
    })),
  );
}

async function filledFolder(): Promise<string> {
  const data = place('filled');
  const store = createSqliteStore({ path: join(data, 'martlet.db'), log: silent });
  await store.open();
  await fill(store);
  await store.close();
  const artifacts = createDiskArtifacts({ folder: join(data, 'artifacts') });
  await artifacts.put('sources/abc', randomBytes(7_000_000));
  await artifacts.put('artifacts/def/code.js', Buffer.from('code'));
  await artifacts.put('artifacts/def/empty', new Uint8Array());
  return data;
}

/** All rows of all tables, as text that can be compared. */
function rowsOfFolder(data: string): Record<string, unknown[]> {
  const db = new DatabaseSync(join(data, 'martlet.db'), { readOnly: true });
  const rows = copiedTables(migrations.length).map(({ name, key }) => [
    name,
    db.prepare(`select * from ${name} order by ${key.join(', ')}`).all(),
  ]);
  db.close();
  return JSON.parse(JSON.stringify(Object.fromEntries(rows))) as Record<string, unknown[]>;
}

async function filesOf(data: string): Promise<Record<string, string>> {
  const artifacts = createDiskArtifacts({ folder: join(data, 'artifacts') });
  const keys = (await artifacts.keys()).toSorted();
  return Object.fromEntries(
    await Promise.all(keys.map(async (key) => [key, ((await artifacts.get(key)) ?? Buffer.alloc(0)).toString('base64')] as const)),
  );
}

async function withClient<Result>(url: string, use: (client: pg.Client) => Promise<Result>): Promise<Result> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}

describe('backup and restore of a data folder', () => {
  it('bring back every row and every artifact, into a folder that a server then uses', async () => {
    const data = await filledFolder();
    const file = join(place('backup'), 'all.martlet');
    const written = await backup({ config: configOf(data), onProgress }, file);
    expect(written).toMatchObject({ was: 'new', artifacts: 3, tables: { executions: 1500, execution_logs: 150, functions: 1 } });
    const target = place('restored');
    await expect(restore({ config: configOf(target), onProgress }, file)).resolves.toMatchObject({ rows: written.rows, artifacts: 3 });
    expect(rowsOfFolder(target)).toEqual(rowsOfFolder(data));
    await expect(filesOf(target)).resolves.toEqual(await filesOf(data));
    const store = createSqliteStore({ path: join(target, 'martlet.db'), log: silent });
    await store.open();
    await store.executions.write([{ row: anExecution({ id: 'after' }), lines: [] }]);
    await expect(store.executions.find('default', 'after')).resolves.toMatchObject({ id: 'after' });
    await store.close();
  });

  it('take what was acknowledged before the backup began, while a server writes', async () => {
    const data = place('busy');
    const store = createSqliteStore({ path: join(data, 'martlet.db'), log: silent });
    await store.open();
    await fill(store, 300);
    let stop = false;
    let acknowledged = 0;
    const writing = (async () => {
      while (!stop) {
        await store.executions.write([
          { row: anExecution({ id: `w${acknowledged}` }), lines: [{ time: 1, level: 'info', stream: 'logs', text: String(acknowledged) }] },
        ]);
        acknowledged += 1;
      }
    })();
    for (let round = 0; round < 5; round += 1) {
      const before = acknowledged;
      const file = join(data, `${round}.martlet`);
      await backup({ config: configOf(data), onProgress }, file);
      const target = place('busy-restored');
      await restore({ config: configOf(target), onProgress }, file);
      const rows = rowsOfFolder(target);
      const written = (rows['executions'] ?? []).filter((row) => String((row as { id: string }).id).startsWith('w'));
      expect(written.length).toBeGreaterThanOrEqual(before);
      // A row and its lines are one commit: a snapshot has both or none.
      expect((rows['execution_logs'] ?? []).length).toBe(written.length + 30);
    }
    stop = true;
    await writing;
    await store.close();
  });

  it('refuse a folder that is in use, one that holds data, and a file that exists', async () => {
    const data = await filledFolder();
    const file = join(place('backup'), 'all.martlet');
    await backup({ config: configOf(data), onProgress }, file);
    await expect(backup({ config: configOf(data), onProgress }, file)).rejects.toMatchObject({ code: 'config_invalid' });
    await expect(restore({ config: configOf(data), onProgress }, file)).rejects.toMatchObject({
      message: expect.stringContaining('it exists'),
    });
    await expect(backup({ config: configOf(place('none')), onProgress }, `${file}2`)).rejects.toMatchObject({ code: 'config_invalid' });
    expect(existsSync(`${file}2`)).toBe(false);
  });

  it('refuse to restore without the key of the secrets, and leave nothing behind', async () => {
    const data = await filledFolder();
    const file = join(place('backup'), 'all.martlet');
    await backup({ config: configOf(data), onProgress }, file);
    for (const vaultKeys of [[], [randomBytes(32).toString('base64')]]) {
      const target = place('keyless');
      await expect(restore({ config: configOf(target, { vaultKeys }), onProgress }, file)).rejects.toMatchObject({
        code: 'config_invalid',
        message: expect.stringContaining('vault key'),
      });
      expect(readdirSync(target)).toEqual([]);
    }
  });

  it.each<[string, (bytes: Buffer) => Buffer]>([
    ['a file that is cut', (bytes) => bytes.subarray(0, bytes.length / 2)],
    [
      'a file with a flipped bit',
      (bytes) => Buffer.from(bytes.map((byte, index) => (index === Math.floor(bytes.length / 2) ? byte ^ 1 : byte))),
    ],
    ['a file of something else', () => Buffer.from('hello')],
    ['an empty file', () => Buffer.alloc(0)],
    [
      'lines that are missing',
      (bytes) =>
        gzipSync(
          gunzipSync(bytes)
            .toString()
            .split('\n')
            .filter((line) => !line.startsWith('{"artifact"'))
            .join('\n'),
        ),
    ],
    [
      'a table of another kind',
      (bytes) => gzipSync(gunzipSync(bytes).toString().replace('"table":"functions"', '"table":"sqlite_master"')),
    ],
    ['a column of another kind', (bytes) => gzipSync(gunzipSync(bytes).toString().replace('"search_text"', '"x\\") values (1); --"'))],
    [
      'an artifact that leaves its folder',
      (bytes) => gzipSync(gunzipSync(bytes).toString().replace('"artifact":"sources/abc"', '"artifact":"../../abc"')),
    ],
    [
      'a schema from the future',
      (bytes) =>
        gzipSync(
          gunzipSync(bytes)
            .toString()
            .replace(/"migration":\d+/, '"migration":999'),
        ),
    ],
  ])('refuse %s, and leave no database', async (_, damage) => {
    const data = await filledFolder();
    const file = join(place('backup'), 'all.martlet');
    await backup({ config: configOf(data), onProgress }, file);
    writeFileSync(file, damage(readFileSync(file)));
    const target = place('damaged');
    await expect(restore({ config: configOf(target), onProgress }, file)).rejects.toMatchObject({
      code: expect.stringMatching(/config_invalid|general_server_error/),
    });
    expect(readdirSync(target).filter((name) => name.startsWith('martlet.db'))).toEqual([]);
  });
});

describe.skipIf(skipped !== undefined)(suiteName('copies to and from PostgreSQL', skipped), () => {
  it('go from a folder into a database, out of it into a backup, and back into a folder, with nothing lost or changed', async () => {
    const data = await filledFolder();
    const config = await onDatabase(place('node'));
    const report = await migrateToDatabase({ config, onProgress }, data);
    expect(report).toMatchObject({ was: 'new', artifacts: 3, tables: { executions: 1500, execution_logs: 150 } });
    const file = join(place('backup'), 'all.martlet');
    await backup({ config, onProgress }, file);
    const target = place('back');
    await restore({ config: configOf(target), onProgress }, file);
    expect(rowsOfFolder(target)).toEqual(rowsOfFolder(data));
    await expect(filesOf(target)).resolves.toEqual(await filesOf(data));
    const again = await onDatabase(place('node'));
    await expect(restore({ config: again, onProgress }, file)).resolves.toMatchObject({ rows: report.rows });
    await expect(migrateToDatabase({ config, onProgress }, data)).resolves.toMatchObject({ was: 'complete', artifacts: 0 });
  });

  it('put artifacts where the database will look for them', async () => {
    const access = { bucket: 'things', region: 'eu-test-1', accessKeyId: 'AKTEST', secretAccessKey: 'secret' };
    const bucket = await createS3Server(access);
    try {
      const artifacts = { ...access, endpoint: bucket.endpoint, prefix: 'm/' };
      const config = { ...(await onDatabase(place('node'))), artifacts };
      const data = await filledFolder();
      await migrateToDatabase({ config, onProgress }, data);
      expect([...bucket.objects.keys()].toSorted()).toEqual(['m/artifacts/def/code.js', 'm/artifacts/def/empty', 'm/sources/abc']);
      const file = join(place('backup'), 'all.martlet');
      await expect(backup({ config: { ...config, dataDir: place('other') }, onProgress }, file)).resolves.toMatchObject({ artifacts: 3 });
    } finally {
      await bucket.close();
    }
  });

  it('leave a database that servers use and count on in', async () => {
    const data = await filledFolder();
    const config = await onDatabase(place('node'));
    await migrateToDatabase({ config, onProgress }, data);
    const store = createPostgresStore({ url: config.databaseUrl ?? '' });
    await store.open();
    await store.executions.write([{ row: anExecution({ id: 'after' }), lines: [{ time: 1, level: 'info', stream: 'logs', text: 'x' }] }]);
    await expect(store.executions.lines('after')).resolves.toHaveLength(1);
    await store.close();
  });

  it('go on where they were cut, and no server starts on half of one', async () => {
    const data = await filledFolder();
    const config = await onDatabase(place('node'));
    let pieces = 0;
    const cut = (): void => {
      pieces += 1;
      if (pieces === 6) throw new Error('cut');
    };
    await expect(migrateToDatabase({ config, onProgress: cut }, data)).rejects.toThrow('cut');
    const store = createPostgresStore({ url: config.databaseUrl ?? '' });
    await expect(store.open()).rejects.toMatchObject({ code: 'store_unavailable', message: expect.stringContaining('not finished') });
    await store.close();
    const names: string[] = [];
    const resumed = await migrateToDatabase({ config, onProgress: ({ name }) => names.push(name) }, data);
    expect(resumed).toMatchObject({ was: 'resumed', tables: { executions: 1500 } });
    expect(names).not.toContain('functions');
    const target = place('back');
    const file = join(target, 'x.martlet');
    await backup({ config, onProgress }, file);
    await restore({ config: configOf(target), onProgress }, file);
    expect(rowsOfFolder(target)).toEqual(rowsOfFolder(data));
  });

  it('refuse a database that holds anything else, and leave it as it was', async () => {
    const data = await filledFolder();
    const foreign = await onDatabase(place('node'));
    await withClient(foreign.databaseUrl ?? '', (client) => client.query('create table theirs (x int)'));
    await expect(migrateToDatabase({ config: foreign, onProgress }, data)).rejects.toMatchObject({
      message: expect.stringContaining('theirs'),
    });
    const tables = await withClient(foreign.databaseUrl ?? '', (client) =>
      client.query(`select tablename from pg_tables where schemaname = 'public'`),
    );
    expect(tables.rows).toEqual([{ tablename: 'theirs' }]);
    const used = await onDatabase(place('node'));
    const store = createPostgresStore({ url: used.databaseUrl ?? '' });
    await store.open();
    await store.projects.ensure(aProject());
    await store.close();
    await expect(migrateToDatabase({ config: used, onProgress }, data)).rejects.toMatchObject({ code: 'config_invalid' });
    const copied = await onDatabase(place('node'));
    await migrateToDatabase({ config: copied, onProgress }, data);
    await expect(migrateToDatabase({ config: copied, onProgress }, await filledFolder())).rejects.toMatchObject({ code: 'config_invalid' });
  });

  it('take a snapshot of a database that is written to', async () => {
    const config = await onDatabase(place('node'));
    const store = createPostgresStore({ url: config.databaseUrl ?? '' });
    await store.open();
    await fill(store, 300);
    let stop = false;
    let acknowledged = 0;
    const writing = (async () => {
      while (!stop) {
        await store.executions.write([
          { row: anExecution({ id: `w${acknowledged}` }), lines: [{ time: 1, level: 'info', stream: 'logs', text: 'x' }] },
        ]);
        acknowledged += 1;
      }
    })();
    const file = join(place('backup'), 'all.martlet');
    await new Promise((resolve) => setTimeout(resolve, 200));
    const before = acknowledged;
    const { tables } = await backup({ config, onProgress }, file);
    stop = true;
    await writing;
    await store.close();
    expect(before).toBeGreaterThan(0);
    expect(tables['executions']).toBeGreaterThanOrEqual(before + 300);
    expect(tables['execution_logs']).toBe((tables['executions'] ?? 0) - 270);
  });
});

describe.skipIf(skipped !== undefined)(suiteName('a platform that moves', skipped), () => {
  it('answers from the database as it did from its folder, secrets and all', async () => {
    const data = place('platform');
    const keyFile = join(data, 'vault.keys');
    writeFileSync(keyFile, `${KEY}\n`, { mode: 0o600 });
    const code = place('code');
    mkdirSync(join(code, 'functions'));
    writeFileSync(join(code, 'functions', 'hello.ts'), `export default () => new Response('hello ' + process.env.TOKEN);`);
    const config = { ...configOf(data, { vaultKeys: [] }), mode: 'dev' as const, host: '127.0.0.1', blanks: 1, drainSeconds: 0 };
    const first = await createPlatform(config);
    const headers = { 'x-martlet-key': first.apiKey ?? '', 'content-type': 'application/json' };
    const post = (path: string, body: object) => fetch(first.url + path, { method: 'POST', headers, body: JSON.stringify(body) });
    await post('/v1/functions', {
      functionId: 'hello',
      name: 'hello',
      runtime: 'node-24',
      execute: ['any'],
      entrypoint: 'functions/hello.ts',
    });
    const variable = await post('/v1/functions/hello/variables', { variableId: 'unique()', key: 'TOKEN', value: 'secret', secret: true });
    expect(variable.status).toBe(201);
    const fn = await first.services.functions.row(first.project, 'hello');
    await first.services.deployments.createFromFolder({ fn, folder: code, entrypoint: fn.entrypoint });
    await expect((await fetch(`${first.url}/functions/hello`)).text()).resolves.toBe('hello secret');
    // The folder belongs to the server that runs.
    const database = await onDatabase(place('node'));
    await first.close();
    await migrateToDatabase({ config: { ...database, vaultKeys: [] }, onProgress }, data);
    const node = place('node');
    copyFileSync(keyFile, join(node, 'vault.keys'));
    const second = await createPlatform({
      ...config,
      ...database,
      dataDir: node,
      vaultKeys: [],
      mode: 'dev',
      host: '127.0.0.1',
      blanks: 1,
      drainSeconds: 0,
    });
    await expect((await fetch(`${second.url}/functions/hello`)).text()).resolves.toBe('hello secret');
    await second.close();
    await expect(createPlatform({ ...config, ...database, dataDir: place('other'), vaultKeys: [] })).rejects.toMatchObject({
      code: 'config_invalid',
    });
  });
});
