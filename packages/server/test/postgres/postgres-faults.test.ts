import { setTimeout as wait } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { migrate } from '../../src/drivers/postgres-store/migrate.ts';
import { createPostgresStore } from '../../src/drivers/postgres-store/postgres-store.ts';
import { createConnections } from '../../src/drivers/postgres-connection/connections.ts';
import { readSettings } from '../../src/drivers/postgres-connection/settings.ts';
import type { Store } from '../../src/ports/store.ts';
import { aFunction, aKey, aProject, aQuery, aWrite } from '../support/rows.ts';
import { suiteName } from '../support/suite-name.ts';
import { createPostgresServer, type PostgresServer } from './postgres-server.ts';
import { whyNoPostgres } from './shared-postgres.ts';
import { createTcpProxy } from './tcp-proxy.ts';

const skipped = whyNoPostgres();
/** What the platform promises once the database is back. */
const RECOVERY_MS = 5000;
const unavailable = { code: 'store_unavailable', retryAfterSeconds: 1 };

let server: PostgresServer;
const stores: Store[] = [];

async function opened(url: string, connections?: number): Promise<Store> {
  const store = createPostgresStore({ url, ...(connections !== undefined && { connections }) });
  stores.push(store);
  await store.open();
  return store;
}

async function query<Row extends object>(url: string, text: string): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query<Row>(text)).rows;
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** Resolves when sessions have noticed: the server takes a setting over some time after it is told. */
async function setStandbys(url: string, names: string): Promise<void> {
  await query(url, `alter system set synchronous_standby_names = '${names}'`);
  await query(url, 'select pg_reload_conf()');
  for (;;) {
    const [now] = await query<{ synchronous_standby_names: string }>(url, 'show synchronous_standby_names');
    if (now?.synchronous_standby_names === names) break;
    await wait(20);
  }
  await wait(200);
}

/** Writes without a pause until told to stop; knows what was acknowledged, refused, or left open. */
function startWriting(store: Store, writers = 4) {
  const acknowledged: string[] = [];
  const errors: unknown[] = [];
  let stopped = false;
  const done = Promise.all(
    Array.from({ length: writers }, async (_, writer) => {
      for (let count = 0; !stopped; count += 1) {
        const id = `${writer}-${count}`;
        try {
          await store.executions.write([aWrite({ id }, id)]);
          acknowledged.push(id);
        } catch (error) {
          errors.push(error);
          await wait(20);
        }
      }
    }),
  );
  return {
    acknowledged,
    errors,
    async stop() {
      stopped = true;
      await done;
    },
  };
}

async function expectAll(store: Store, acknowledged: readonly string[]): Promise<void> {
  const missing: string[] = [];
  for (const id of acknowledged) {
    const lines = await store.executions.lines(id);
    if ((await store.executions.find('default', id)) === null || lines.length !== 1 || lines[0]?.text !== id) missing.push(id);
  }
  expect(missing).toEqual([]);
}

/** Milliseconds until a write and a read succeed. */
async function recovery(store: Store): Promise<number> {
  const started = performance.now();
  while (performance.now() - started < 3 * RECOVERY_MS) {
    try {
      await store.executions.write([aWrite({ id: 'recovered' })]);
      await store.functions.get('default', 'any');
      await store.executions.list('default', null, aQuery());
      return performance.now() - started;
    } catch (error) {
      expect(error).toMatchObject(unavailable);
      await wait(50);
    }
  }
  throw new Error('The store did not recover');
}

describe.skipIf(skipped !== undefined)(suiteName('postgres-store: the database fails', skipped), () => {
  beforeAll(async () => {
    server = await createPostgresServer({ fsync: true });
  });
  afterAll(async () => {
    await Promise.allSettled(stores.map((store) => store.close()));
    await server?.destroy();
  });

  it('rejects open() with the reason where there is no server, no database, no such user or no Martlet', async () => {
    const open = (url: string) => createPostgresStore({ url }).open();
    await expect(open('postgres://martlet@127.0.0.1:1/x')).rejects.toMatchObject(unavailable);
    await expect(open(`postgres://martlet@127.0.0.1:${server.port}/missing`)).rejects.toMatchObject({
      ...unavailable,
      message: expect.stringContaining('"missing" does not exist'),
    });
    const url = await server.createDatabase();
    await query(url, 'create table orders (id int)');
    await expect(open(url)).rejects.toMatchObject({ ...unavailable, message: expect.stringContaining('"orders"') });
    expect(() => createPostgresStore({ url: 'mysql://x' })).toThrow(expect.objectContaining({ code: 'config_invalid' }));
  });

  it('refuses a database of a newer version, and one with another past, and leaves both as they are', async () => {
    const url = await server.createDatabase();
    await (await opened(url)).close();
    const open = () => createPostgresStore({ url }).open();
    await query(url, `insert into migrations values (999, 'future', 'x', 1)`);
    await expect(open()).rejects.toMatchObject({ message: expect.stringContaining('newer Martlet') });
    await query(url, `delete from migrations where number = 999; update migrations set checksum = 'other' where number = 1`);
    await expect(open()).rejects.toMatchObject({ message: expect.stringContaining('is not the one') });
  });

  it('lets one of many nodes that start at once migrate, and applies all migrations or none', async () => {
    const url = await server.createDatabase();
    const nodes = await Promise.all(Array.from({ length: 6 }, () => opened(url, 4)));
    await nodes[0]?.projects.ensure(aProject());
    await expect(nodes[5]?.projects.get('default')).resolves.toEqual(aProject());

    const other = createConnections({
      settings: readSettings(await server.createDatabase()),
      limits: { statementMs: 5000, lockMs: 5000 },
      max: 2,
    });
    const good = { number: 1, name: 'good', sql: () => 'create table good (id text)' };
    const bad = { number: 2, name: 'bad', sql: () => 'create table second (id text); no sql' };
    await other.write((session) => migrate(session, [good]));
    await expect(other.write((session) => migrate(session, [good, bad]))).rejects.toThrow('syntax');
    const tables = await other.use((session) =>
      session.query('select tablename from pg_tables where schemaname = current_schema() order by 1'),
    );
    expect(tables.rows).toEqual([{ tablename: 'good' }, { tablename: 'migrations' }]);
    await other.close();
  });

  it('asks of every session what durability and time limits need', async () => {
    const url = await server.createDatabase();
    await query(url, `alter database ${new URL(url).pathname.slice(1)} set synchronous_commit = off`);
    for (const suffix of ['', '?pgbouncer=true']) {
      const connections = createConnections({
        settings: readSettings(url + suffix),
        limits: { statementMs: 7000, lockMs: 3000 },
        max: 1,
      });
      const { rows } = await connections.write((session) =>
        session.query<Record<string, string>>(
          `select name, setting from pg_settings where name in
           ('synchronous_commit', 'statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout') order by name`,
        ),
      );
      expect(rows.map(({ name, setting }) => [name, setting])).toEqual([
        ['idle_in_transaction_session_timeout', '20000'],
        ['lock_timeout', '3000'],
        ['statement_timeout', '7000'],
        ['synchronous_commit', 'on'],
      ]);
      await connections.close();
    }
  });

  it('loses nothing that was acknowledged in a crash of the server, and goes on within five seconds of its return', async () => {
    const store = await opened(await server.createDatabase());
    const writing = startWriting(store);
    await wait(300);
    await server.stop('immediate');
    await expect(store.keys.count()).rejects.toMatchObject(unavailable);
    await expect(store.keys.insert(aKey({ id: 'down' }))).rejects.toMatchObject(unavailable);
    await expect(store.executions.list('default', null, aQuery())).rejects.toMatchObject(unavailable);
    await server.start();
    expect(await recovery(store)).toBeLessThan(RECOVERY_MS);
    await writing.stop();
    expect(writing.acknowledged.length).toBeGreaterThan(10);
    for (const error of writing.errors) expect(error).toMatchObject(unavailable);
    await expectAll(store, writing.acknowledged);
  }, 60_000);

  it('survives that its connections are terminated in the middle, again and again', async () => {
    const url = await server.createDatabase();
    const store = await opened(url);
    const writing = startWriting(store, 8);
    for (let round = 0; round < 10; round += 1) {
      await wait(60);
      await query(
        url,
        `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'martlet' and datname = current_database()`,
      );
    }
    await writing.stop();
    expect(writing.acknowledged.length).toBeGreaterThan(10);
    for (const error of writing.errors) expect(error).toMatchObject(unavailable);
    await expectAll(store, writing.acknowledged);
    const [twice] = await query(url, 'select count(*)::int as n from (select id from executions group by id having count(*) > 1) as d');
    expect(twice).toEqual({ n: 0 });
  });

  it('says that it does not know where the connection is lost during a commit', async () => {
    const proxy = await createTcpProxy(server.port);
    const url = await server.createDatabase();
    const store = await opened(url.replace(`:${server.port}/`, `:${proxy.port}/`));
    await store.keys.insert(aKey({ id: 'before' }));
    // The commit waits for a standby that does not exist.
    try {
      await setStandbys(url, 'nobody');
      const insert = store.keys.insert(aKey({ id: 'unknown' }));
      insert.catch(() => undefined);
      await wait(500);
      await proxy.close();
      await expect(insert).rejects.toMatchObject({ ...unavailable, message: expect.stringContaining('not known') });
    } finally {
      await setStandbys(url, '');
    }
  });

  it('notices connections that are half open, and works on others within five seconds', async () => {
    const proxy = await createTcpProxy(server.port);
    const url = await server.createDatabase();
    const store = await opened(url.replace(`:${server.port}/`, `:${proxy.port}/`));
    const writing = startWriting(store);
    await Promise.all([store.functions.insert(aFunction()), store.keys.count(), store.executions.list('default', null, aQuery())]);
    await wait(200);
    proxy.cutHalf();
    expect(await recovery(store)).toBeLessThan(RECOVERY_MS);
    proxy.swallow();
    await wait(1500);
    proxy.heal();
    expect(await recovery(store)).toBeLessThan(RECOVERY_MS);
    await writing.stop();
    await expectAll(store, writing.acknowledged);
    await store.close();
    await proxy.close();
  }, 60_000);

  it('does not take a statement that is at work for a dead connection', async () => {
    const settings = readSettings(await server.createDatabase());
    const connections = createConnections({ settings, limits: { statementMs: 8000, lockMs: 5000 }, max: 2 });
    const { rows } = await connections.use((session) => session.query(`select 1 as done from pg_sleep(5)`));
    expect(rows).toEqual([{ done: 1 }]);
    await connections.close();
  });

  it('answers store_unavailable when the server takes no more connections, and works when it does', async () => {
    const url = await server.createDatabase();
    await (await opened(url)).close();
    const name = new URL(url).pathname.slice(1);
    await query(url, `create role few login connection limit 2; grant all on database ${name} to few`);
    await query(url, 'grant all on all tables in schema public to few; grant all on schema public to few');
    const few = url.replace('martlet@', 'few@');
    const taken = [new pg.Client({ connectionString: few }), new pg.Client({ connectionString: few })];
    const store = await opened(few);
    for (const client of taken) client.on('error', () => undefined);
    await taken[0]?.connect();
    const results = await Promise.allSettled([store.keys.count(), store.executions.list('default', null, aQuery())]);
    for (const result of results) if (result.status === 'rejected') expect(result.reason).toMatchObject(unavailable);
    expect(results.some(({ status }) => status === 'rejected')).toBe(true);
    await taken[0]?.end();
    expect(await recovery(store)).toBeLessThan(RECOVERY_MS);
  });

  it('writes nothing to a server that is read-only, and goes on when it is not', async () => {
    const url = await server.createDatabase();
    const store = await opened(url);
    await query(url, `alter database ${new URL(url).pathname.slice(1)} set default_transaction_read_only = on`);
    await query(
      url,
      `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'martlet' and datname = current_database()`,
    );
    await wait(1100);
    await expect(store.keys.insert(aKey())).rejects.toMatchObject({ ...unavailable, message: expect.stringContaining('read-only') });
    const writable = `${url}?options=${encodeURIComponent('-c default_transaction_read_only=off')}`;
    await query(writable, `alter database ${new URL(url).pathname.slice(1)} reset all`);
    expect(await recovery(store)).toBeLessThan(RECOVERY_MS);
  });

  it('refuses a write that breaks a rule without harming the writes that share its transaction', async () => {
    const store = await opened(await server.createDatabase());
    await store.functions.insert(aFunction({ id: 'taken' }));
    const results = await Promise.allSettled(
      Array.from({ length: 20 }, (_, index) =>
        store.functions.insert(
          aFunction({ id: index % 2 === 0 ? `free-${index}` : `bad-${index}`, path: index % 2 === 0 ? `p${index}` : 'taken' }),
        ),
      ),
    );
    expect(results.map(({ status }) => status)).toEqual(
      Array.from({ length: 20 }, (_, index) => (index % 2 === 0 ? 'fulfilled' : 'rejected')),
    );
  });
});
