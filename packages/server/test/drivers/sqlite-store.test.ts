import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, rmSync, statSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { afterAll, describe, expect, it } from 'vitest';
import { openReader, openWriter, type Connection } from '../../src/drivers/sqlite-store/connection.ts';
import { encodeBatch } from '../../src/drivers/sqlite-store/execution-batch.ts';
import { migrate } from '../../src/drivers/sqlite-store/migrate.ts';
import { migrations } from '../../src/drivers/sql/migration.ts';
import { ownerKey } from '../../src/drivers/sql/owner-key.ts';
import { createRequestTurn } from '../../src/drivers/sqlite-store/request-turn.ts';
import { createSqliteStore } from '../../src/drivers/sqlite-store/sqlite-store.ts';
import type { Filter, Store } from '../../src/ports/store.ts';
import { testStore } from '../conformance/store.ts';
import {
  aDelivery,
  aDeployment,
  aFunction,
  aKey,
  anEvent,
  anExecution,
  aProject,
  aQuery,
  aVariable,
  aWebhook,
  aWrite,
} from '../support/rows.ts';

const folder = mkdtempSync(join(tmpdir(), 'martlet-store-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let paths = 0;
function freshPath(): string {
  paths += 1;
  return join(folder, `${paths}`, 'martlet.db');
}

function createLog() {
  const errors: string[] = [];
  const ignore = () => undefined;
  return {
    errors,
    log: { debug: ignore, info: ignore, warn: ignore, error: (_facts: object, message: string) => void errors.push(message) },
  };
}

async function withStore<Result>(path: string, use: (store: Store) => Promise<Result>, threadUrl?: URL): Promise<Result> {
  const store = createSqliteStore({ path, log: createLog().log, ...(threadUrl === undefined ? {} : { threadUrl }) });
  await store.open();
  try {
    return await use(store);
  } finally {
    await store.close();
  }
}

testStore({ name: 'sqlite-store', create: () => createSqliteStore({ path: freshPath(), log: createLog().log }) });

describe('sqlite-store: what is on disk', () => {
  it('keeps everything over a restart', async () => {
    const path = freshPath();
    await withStore(path, async (store) => {
      await store.projects.ensure(aProject());
      await store.keys.insert(aKey());
      await store.functions.insert(aFunction());
      await store.deployments.insert(aDeployment());
      await store.deployments.appendBuildLog('deployment-1', 'built');
      await store.variables.insert(aVariable());
      await store.executions.write([aWrite({}, 'line')]);
    });
    await withStore(path, async (store) => {
      await expect(store.projects.get('default')).resolves.toEqual(aProject());
      await expect(store.keys.getByHash('hash of key-1')).resolves.toEqual(aKey());
      await expect(store.functions.get('default', 'hello')).resolves.toEqual(aFunction());
      await expect(store.deployments.get('default', 'hello', 'deployment-1')).resolves.toEqual(aDeployment());
      await expect(store.deployments.buildLog('deployment-1')).resolves.toBe('built');
      await expect(store.variables.listEffective('default', 'hello')).resolves.toEqual([aVariable()]);
      await expect(store.executions.list('default', 'hello', aQuery())).resolves.toEqual({ rows: [anExecution()], total: 1 });
      await expect(store.executions.lines(anExecution().id)).resolves.toMatchObject([{ text: 'line' }]);
    });
  });

  it('has every write that was acknowledged before a kill -9, and fails what was running', async () => {
    const path = freshPath();
    const script = fileURLToPath(new URL('../support/acknowledging-writer.ts', import.meta.url));
    const child = spawn(process.execPath, [script, path], { stdio: ['ignore', 'pipe', 'inherit'] });
    const acknowledged: string[] = [];
    const lines = createInterface({ input: child.stdout });
    lines.on('line', (id) => {
      acknowledged.push(id);
      if (acknowledged.length === 500) child.kill('SIGKILL');
    });
    await Promise.all([once(child, 'exit'), once(lines, 'close')]);
    expect(child.signalCode).toBe('SIGKILL');
    await withStore(path, async (store) => {
      const missing: string[] = [];
      for (const id of acknowledged) {
        const [row, texts] = await Promise.all([store.executions.find('default', id), store.executions.lines(id)]);
        if (row === null || texts[0]?.text !== id) missing.push(id);
      }
      expect(missing).toEqual([]);
      expect(await store.executions.failInterrupted(1)).toBeGreaterThanOrEqual(acknowledged.length);
    });
  });

  it('is written with the settings that durability needs, and readable by its user only', async () => {
    const path = freshPath();
    await withStore(path, async () => {
      expect(statSync(path).mode & 0o777).toBe(0o600);
      expect(statSync(`${path}-wal`).mode & 0o777).toBe(0o600);
    });
    const writer = openWriter(path);
    const setting = (name: string) => Object.values(writer.raw.prepare(`pragma ${name}`).get() ?? {})[0];
    expect(['journal_mode', 'synchronous', 'foreign_keys', 'busy_timeout', 'journal_size_limit'].map(setting)).toEqual([
      'wal',
      2,
      1,
      5000,
      67_108_864,
    ]);
    writer.close();
    const reader = openReader(path);
    expect(() => reader.raw.exec('delete from executions')).toThrow('readonly');
    reader.close();
  });

  it('leaves no log behind when it is closed', async () => {
    const path = freshPath();
    await withStore(path, (store) => store.executions.write([aWrite()]));
    expect(statSync(`${path}-wal`, { throwIfNoEntry: false })).toBeUndefined();
  });
});

describe('sqlite-store: a webhook with many deliveries', () => {
  it('is deleted in pieces, between which others write', async () => {
    await withStore(freshPath(), async (store) => {
      await store.webhooks.insert(aWebhook());
      const event = anEvent();
      await store.events.append([event]);
      const deliveries = Array.from({ length: 1200 }, (_, index) => aDelivery({ id: `d${index}` }));
      await store.events.dispatch({ ...event, now: 1, jobs: [], decisions: [], deliveries });
      const order: string[] = [];
      const deleted = store.webhooks.delete('default', 'webhook-1').then((was) => order.push(`deleted ${was}`));
      await Promise.all([deleted, store.keys.insert(aKey()).then(() => order.push('written'))]);
      expect(order).toEqual(['written', 'deleted true']);
      await expect(store.deliveries.list('default', 'webhook-1', aQuery())).resolves.toMatchObject({ total: 0 });
    });
  });
});

describe('sqlite-store: files that it refuses', () => {
  function refusal(path: string): unknown {
    try {
      openWriter(path).close();
      return 'opened';
    } catch (error) {
      return error;
    }
  }

  it('takes no damaged, cut or foreign file for a new database', () => {
    const [empty, garbage, foreign, cut] = [freshPath(), freshPath(), freshPath(), freshPath()];
    for (const path of [empty, garbage, foreign, cut]) expect(refusal(path)).toBe('opened');
    truncateSync(empty, 0);
    writeFileSync(garbage, 'x'.repeat(10_000));
    rmSync(foreign);
    new DatabaseSync(foreign).exec('create table other (id)');
    truncateSync(cut, 8192);
    for (const path of [empty, garbage, foreign, cut]) {
      expect(refusal(path)).toMatchObject({ code: 'store_unavailable', message: expect.stringContaining('backup') });
    }
  });

  it('rejects open() with the reason, and names the file that it cannot make', async () => {
    const path = freshPath();
    expect(refusal(path)).toBe('opened');
    const below = join(path, 'below', 'a-file.db');
    const opening = withStore(below, async () => 'opened');
    await expect(opening).rejects.toMatchObject({ code: 'store_unavailable', message: expect.stringContaining(below) });
  });

  it('refuses a database of a newer version, and one with another past, and leaves both as they are', () => {
    const path = freshPath();
    expect(refusal(path)).toBe('opened');
    const raw = new DatabaseSync(path);
    raw.exec(`insert into migrations values (999, 'future', 'x', 1)`);
    expect(refusal(path)).toMatchObject({ code: 'store_unavailable', message: expect.stringContaining('newer Martlet') });
    raw.exec(`delete from migrations where number = 999; update migrations set checksum = 'other' where number = 1`);
    expect(refusal(path)).toMatchObject({ code: 'store_unavailable', message: expect.stringContaining('is not the one') });
    expect(raw.prepare('select count(*) as n from migrations').get()).toEqual({ n: migrations.length });
    raw.close();
  });

  it('brings the executions of the first schema along', () => {
    const raw = new DatabaseSync(':memory:');
    migrate(raw, migrations.slice(0, 1));
    raw.exec(
      `insert into executions (id, created_at, updated_at, project_id, function_id, deployment_id, trigger, status, request_method, request_path, response_status, run_ms, facts)
       values ('old', 1, 1, 'p', 'f', 'd', 'http', 'completed', 'GET', '/', 200, 1, '[]')`,
    );
    migrate(raw);
    expect(
      raw.prepare('select id from executions where function_key = ? and project_key = ?').get(ownerKey('p', 'f'), ownerKey('p')),
    ).toEqual({
      id: 'old',
    });
    raw.close();
  });

  it('brings the deliveries that wait along', () => {
    const raw = new DatabaseSync(':memory:');
    const own = migrations.findIndex(({ name }) => name === 'webhooks');
    migrate(raw, migrations.slice(0, own));
    raw.exec(
      `insert into webhooks (id, created_at, updated_at, project_id, name, direction, enabled, url, events, hears_executions, secrets)
       values ('w', 1, 1, 'p', 'w', 'out', 1, '', '[]', 0, '');
       insert into webhook_deliveries (id, created_at, updated_at, project_id, webhook_id, event_id, event_source, event_type, status, attempt, tries, next_at, response_status, error)
       values ('old', 1, 1, 'p', 'w', 'e', '/', 'a.b', 'waiting', 0, 0, 1, 0, '')`,
    );
    migrate(raw);
    expect(raw.prepare('select id from webhook_deliveries where webhook_key = ?').get(ownerKey('p', 'w'))).toEqual({ id: 'old' });
    raw.close();
  });

  it('applies all missing migrations or none', () => {
    const raw = new DatabaseSync(':memory:');
    const good = { number: 1, name: 'good', sql: () => 'create table good (id)' };
    const next = { number: 2, name: 'next', sql: () => 'create table next (id)' };
    migrate(raw, [good]);
    expect(() => migrate(raw, [good, next, { number: 3, name: 'bad', sql: () => 'create table third (id); no sql' }])).toThrow('syntax');
    const tables = () =>
      raw
        .prepare(`select name from sqlite_schema where type = 'table' order by name`)
        .all()
        .map((row) => row['name']);
    expect(tables()).toEqual(['good', 'migrations']);
    migrate(raw, [good, next]);
    migrate(raw, [good, next]);
    expect(tables()).toEqual(['good', 'migrations', 'next']);
  });
});

describe('sqlite-store: the storage fails', () => {
  async function withTurn(use: (connection: Connection) => Promise<void>): Promise<void> {
    const writer = openWriter(freshPath());
    try {
      await use(writer);
    } finally {
      writer.close();
    }
  }
  const bigBatch = (id: string) =>
    encodeBatch(Array.from({ length: 50 }, (_, index) => aWrite({ id: `${id}-${index}`, requestPath: 'x'.repeat(4000) })));

  it('acknowledges nothing when the disk is full, and recovers by itself when there is room', async () => {
    await withTurn(async (connection) => {
      const turn = createRequestTurn(connection, 'writer');
      const pages = Number(Object.values(connection.raw.prepare('pragma page_count').get() ?? {})[0]);
      connection.raw.exec(`pragma max_page_count = ${pages + 10}`);
      const full = await turn.run([
        [1, 'executions.write', bigBatch('a')],
        [2, 'executions.write', bigBatch('b')],
      ]);
      expect(full).toEqual(
        [1, 2].map((number) => [number, false, { code: 'store_unavailable', message: expect.stringContaining('full') }]),
      );
      connection.raw.exec('pragma max_page_count = 1000000');
      const replies = await turn.run([
        [3, 'executions.write', bigBatch('b')],
        [4, 'executions.find', { projectId: 'default', id: 'b-0' }],
        [5, 'executions.find', { projectId: 'default', id: 'a-0' }],
      ]);
      expect(replies).toEqual([
        [3, true, undefined],
        [4, true, expect.objectContaining({ id: 'b-0' })],
        [5, true, null],
      ]);
    });
  });

  it('waits for no second writer for ever: it answers store_unavailable', async () => {
    await withTurn(async (connection) => {
      const path = String(connection.raw.location());
      const other = new DatabaseSync(path);
      connection.raw.exec('pragma busy_timeout = 50');
      other.exec('begin immediate');
      const turn = createRequestTurn(connection, 'writer');
      await expect(turn.run([[1, 'keys.touch', { id: 'k', usedAt: 1 }]])).resolves.toEqual([
        [1, false, { code: 'store_unavailable', message: expect.stringContaining('locked') }],
      ]);
      other.exec('rollback');
      await expect(turn.run([[2, 'keys.touch', { id: 'k', usedAt: 1 }]])).resolves.toEqual([[2, true, undefined]]);
      other.close();
    });
  });

  it('rejects everything, at once and later, when a thread dies, and says so in the log', async () => {
    const { log, errors } = createLog();
    const threadUrl = pathToFileURL(join(folder, 'dying-thread.mjs'));
    writeFileSync(
      threadUrl,
      `import { parentPort } from 'node:worker_threads';
       parentPort.postMessage([[0, true, null]]);
       parentPort.on('message', () => { throw new Error('broken'); });`,
    );
    const fatal: string[] = [];
    const store = createSqliteStore({ path: freshPath(), log, threadUrl, onFatal: ({ message }) => fatal.push(message) });
    await store.open();
    const calls = [store.keys.count(), store.executions.write([aWrite()]), store.keys.count()];
    for (const result of await Promise.allSettled(calls))
      expect(result).toMatchObject({ status: 'rejected', reason: { code: 'store_unavailable' } });
    await expect(store.keys.count()).rejects.toMatchObject({ code: 'store_unavailable', message: expect.stringContaining('broken') });
    expect(errors).toContainEqual(expect.stringContaining('writer thread failed'));
    // Nobody but a new process can open it anew.
    expect(fatal).toEqual([expect.stringContaining('broken')]);
    await store.close();
  });

  it('trusts a file no further in which it found damage: the thread ends, and says so', async () => {
    const path = freshPath();
    await withStore(path, (store) => store.executions.write(Array.from({ length: 2000 }, (_, index) => aWrite({ id: `e${index}` }))));
    const file = openSync(path, 'r+');
    // Behind the first pages, which hold the schema.
    for (let at = 120 * 4096; at < statSync(path).size; at += 4096) writeSync(file, Buffer.alloc(64, 0xee), 0, 64, at);
    closeSync(file);
    const { log, errors } = createLog();
    const fatal: string[] = [];
    const store = createSqliteStore({ path, log, onFatal: ({ message }) => fatal.push(message) });
    await store.open();
    const list = () => store.executions.list('default', 'hello', aQuery({ limit: 2000 }));
    await expect(list()).rejects.toMatchObject({ code: 'store_unavailable', message: expect.stringContaining('malformed') });
    await expect(list()).rejects.toMatchObject({ code: 'store_unavailable' });
    expect(errors).toEqual([expect.stringContaining('reader thread failed')]);
    // Which stops nothing but lists.
    expect(fatal).toEqual([]);
    await store.close();
  });

  it('answers more values than a statement can bind with an error of the caller', async () => {
    const filter: Filter = { kind: 'equal', attribute: '$id', values: Array.from({ length: 500 }, (_, index) => `${index}`) };
    const query = aQuery({ filters: Array.from({ length: 100 }, () => filter) });
    await withStore(freshPath(), (store) =>
      expect(store.executions.list('p', null, query)).rejects.toMatchObject({ code: 'general_query_invalid' }),
    );
  });
});

describe('sqlite-store: bundled', () => {
  it('runs with its thread bundled to one file', async () => {
    const outfile = join(folder, 'bundled', 'sqlite-thread.mjs');
    const entry = fileURLToPath(new URL('../../src/drivers/sqlite-store/sqlite-thread.ts', import.meta.url));
    await build({ entryPoints: [entry], outfile, bundle: true, platform: 'node', format: 'esm', target: 'node24', logLevel: 'silent' });
    const check = async (store: Store) => {
      await store.executions.write([aWrite()]);
      await expect(store.executions.list('default', null, aQuery())).resolves.toMatchObject({ total: 1 });
    };
    await withStore(freshPath(), check, pathToFileURL(outfile));
  });
});
