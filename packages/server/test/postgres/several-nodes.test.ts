import { randomBytes } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { createPostgresHints } from '../../src/drivers/postgres-hints/postgres-hints.ts';
import { createPostgresStore } from '../../src/drivers/postgres-store/postgres-store.ts';
import type { Store } from '../../src/ports/store.ts';
import { startRecovery } from '../../src/services/upkeep/recovery.ts';
import { startPlatform, type TestPlatform } from '../platform/start-platform.ts';
import { aDeployment, aFunction, anEvent, anExecution, aWrite } from '../support/rows.ts';
import { suiteName } from '../support/suite-name.ts';
import { sharedPostgres, whyNoPostgres } from './shared-postgres.ts';

const skipped = whyNoPostgres();
const server = skipped === undefined ? await sharedPostgres(inject('postgresFolder')) : { createDatabase: () => Promise.resolve('') };
const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const key = (): string => randomBytes(32).toString('base64');

/** Asks until the answer is as wanted, since another node notices a change a moment later. */
async function until(check: () => Promise<boolean>, ms = 10_000): Promise<number> {
  const started = performance.now();
  while (!(await check())) {
    if (performance.now() - started > ms) throw new Error('It did not become true');
    await wait(25);
  }
  return performance.now() - started;
}

describe.skipIf(skipped !== undefined)(suiteName('several nodes on one database', skipped), () => {
  const vaultKeys = [key()];
  let url: string;
  let one: TestPlatform;
  let two: TestPlatform;

  beforeAll(async () => {
    url = await server.createDatabase();
    const change = { databaseUrl: url, artifacts: 'database', vaultKeys } as const;
    [one, two] = await Promise.all([startPlatform(change), startPlatform(change)]);
  });
  afterAll(() => Promise.all([one?.close(), two?.close()]));

  const text = async (node: TestPlatform, path: string): Promise<string> => (await node.call(path)).text();

  it('answers on any node what was deployed on another, at once after a change', async () => {
    await expect(two.call('passed')).resolves.toMatchObject({ status: 404 });
    await one.deployCode('passed', `export default () => new Response('first');`);
    await until(async () => (await text(two, 'passed')) === 'first');
    const id = await one.api('GET', '/v1/functions').then(({ body }) => (body as { functions: { $id: string }[] }).functions[0]?.$id ?? '');
    await one.api('PUT', `/v1/functions/${id}`, { name: 'passed', enabled: false, execute: ['any'] });
    await until(async () => (await two.call('passed')).status === 404);
  });

  it('gives a secret that was set on one node to functions on another', async () => {
    const id = await one.deployCode('secret', `export default () => new Response(process.env.TOKEN ?? 'none');`);
    await until(async () => (await text(two, 'secret')) === 'none');
    await one.api('POST', `/v1/functions/${id}/variables`, { variableId: 'unique()', key: 'TOKEN', value: 'sealed', secret: true });
    await until(async () => (await text(two, 'secret')) === 'sealed');
  });

  it('lets a terminal that began on one node log in on another, once', async () => {
    const post = (node: TestPlatform, path: string, body: object) =>
      fetch(node.url + path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
    const started = (await (await post(one, '/v1/login/device', { machine: 'laptop' })).json()) as { deviceCode: string; userCode: string };
    const { deviceCode, userCode } = started;
    expect(await (await post(two, '/v1/login/device/token', { deviceCode })).json()).toMatchObject({ type: 'login_pending' });
    const page = await fetch(`${two.url}/console/device`, {
      method: 'POST',
      headers: { origin: two.url },
      body: new URLSearchParams({ code: userCode, key: one.platform.apiKey ?? two.platform.apiKey ?? '', decision: 'allow' }),
    });
    expect([page.status, await page.text()]).toEqual([200, expect.stringContaining('gets its key')]);
    const collected = await Promise.all([one, two, one, two].map((node) => post(node, '/v1/login/device/token', { deviceCode })));
    expect(collected.map(({ status }) => status).toSorted()).toEqual([200, 400, 400, 400]);
    const bodies = (await Promise.all(collected.map((each) => each.json()))) as { key?: string }[];
    const secret = bodies.find(({ key: made }) => made !== undefined)?.key ?? '';
    for (const node of [one, two])
      expect((await fetch(`${node.url}/v1/functions`, { headers: { 'x-martlet-key': secret } })).status).toBe(200);
  });

  it('shows a record on every node', async () => {
    await one.deployCode('recorded', `export default () => new Response('ok');`);
    const record = await two.recordOf(await one.call('recorded'));
    expect(record).toMatchObject({ status: 'completed' });
  });

  it('says on record which node runs an execution that somebody waits for', async () => {
    await one.deployCode(
      'lasting',
      `export default async () => { await new Promise((ok) => setTimeout(ok, 1500)); return new Response(); };`,
    );
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    const answer = one.call('lasting');
    const nodes = new Set<string>();
    await until(async () => {
      const { rows } = await client.query<{ id: string }>(
        `select nodes.id from nodes join executions on nodes.id like executions.node_id || '.%' where executions.status = 'processing'`,
      );
      rows.forEach((row) => nodes.add(row.id));
      return nodes.size > 0;
    });
    expect(nodes.size).toBe(1);
    expect((await answer).status).toBe(200);
    await client.end();
  });

  it('runs each accepted execution once, whichever node it was given to', async () => {
    const id = await one.deployCode('counted', `export default () => new Response('ok');`);
    const created = await Promise.all(
      Array.from({ length: 40 }, (_, index) =>
        (index % 2 === 0 ? one : two).api('POST', `/v1/functions/${id}/executions`, { async: true }),
      ),
    );
    const ids = created.map(({ body }) => (body as { $id: string }).$id);
    for (const execution of ids) expect(await one.recordOf(execution)).toMatchObject({ status: 'completed' });
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    const { rows } = await client.query<{ n: number; nodes: number }>(
      'select count(*)::int as n, count(distinct node_id)::int as nodes from execution_attempts where execution_id = any($1)',
      [ids],
    );
    await client.end();
    expect(rows[0]?.n).toBe(40);
  });

  it('refuses a node that cannot open the secrets of the others, and takes one with a newer key beside the old', async () => {
    const start = (keys: readonly string[]) => startPlatform({ databaseUrl: url, artifacts: 'database', vaultKeys: keys });
    await expect(start([key()])).rejects.toMatchObject({ code: 'config_invalid', message: expect.stringContaining('MARTLET_VAULT_KEY') });
    const rotated = await start([key(), ...vaultKeys]);
    await rotated.close();
    await expect(start(vaultKeys)).rejects.toMatchObject({ code: 'config_invalid' });
  });

  it('is on the list of nodes before it decides on what dead ones left', async () => {
    const fresh = await server.createDatabase();
    const store = createPostgresStore({ url: fresh });
    await store.open();
    await store.executions.write([aWrite({ id: 'open', status: 'processing', endedAt: null, createdAt: Date.now() - 3_600_000 })]);
    const client = new pg.Client({ connectionString: fresh });
    await client.connect();
    await client.query(`create function note_open() returns trigger language plpgsql as $$ begin
      new.name = (select count(*) from executions where status = 'processing');
      return new;
    end $$`);
    await client.query('create trigger note_open before insert on nodes for each row execute function note_open()');
    const node = await startPlatform({ databaseUrl: fresh, artifacts: 'database', vaultKeys });
    await expect(store.nodes.list()).resolves.toMatchObject([{ name: '1' }]);
    await until(async () => (await store.executions.find('default', 'open'))?.status === 'failed');
    await node.close();
    await client.end();
    await store.close();
  });

  it('makes one first key, however many nodes start on an empty database', async () => {
    const empty = await server.createDatabase();
    const nodes = await Promise.all(
      Array.from({ length: 3 }, () =>
        startPlatform({ databaseUrl: empty, artifacts: 'database', vaultKeys, mode: 'serve', sandboxTier: 'C' }),
      ),
    );
    expect(nodes.filter(({ platform }) => platform.apiKey !== undefined)).toHaveLength(1);
    await Promise.all(nodes.map((node) => node.close()));
  });
});

describe.skipIf(skipped !== undefined)(suiteName('what dead nodes leave on a shared database', skipped), () => {
  const began = { status: 'processing', endedAt: null } as const;
  const openStore = async () => {
    const store = createPostgresStore({ url: await server.createDatabase() });
    await store.open();
    return store;
  };
  /** Of the server "me", in a hurry. */
  async function recover(store: Store, { looks }: { looks: number }): Promise<boolean[]> {
    const alone: boolean[] = [];
    const builds = { recover: async (from: { readonly alone: boolean }) => void alone.push(from.alone) };
    const options = { store, builds, clock: { now: Date.now }, log: silent, shared: true, serverId: 'me', settleMs: 50, everyMs: 50 };
    const recovery = await startRecovery(options);
    await until(async () => alone.length >= looks);
    recovery.stop();
    return alone.slice(0, looks);
  }

  it('builds at its start what was cut off when it is alone, and beside others ends only what cannot run any more', async () => {
    const store = await openStore();
    const lease = await store.nodes.join({ id: 'other.1', name: 'other', leaseMs: 15_000 });
    const mine = await store.nodes.join({ id: 'me.1', name: 'me', leaseMs: 15_000 });
    await store.executions.write([
      aWrite({ ...began, id: 'old', createdAt: Date.now() - 3_600_000 }),
      aWrite({ ...began, id: 'young', createdAt: Date.now() - 1000 }),
    ]);
    await expect(recover(store, { looks: 2 })).resolves.toEqual([false, false]);
    const statuses = await Promise.all(['old', 'young'].map((id) => store.executions.find('default', id)));
    expect(statuses.map((row) => row?.status)).toEqual(['failed', 'processing']);
    await lease.leave();
    await expect(recover(store, { looks: 2 })).resolves.toEqual([true, false]);
    await mine.leave();
    await store.close();
  });

  it('waits while it is off the list itself, as those that live may be too', async () => {
    const store = await openStore();
    await store.executions.write([{ ...aWrite({ ...began, id: 'of-living', createdAt: Date.now() }), serverId: 'living' }]);
    let looks = 0;
    const nodes = { ...store.nodes, list: async () => ((looks += 1), store.nodes.list()) };
    const builds = { recover: async () => undefined };
    const options = { builds, clock: { now: Date.now }, log: silent, shared: true, serverId: 'me', settleMs: 20, everyMs: 20 };
    const recovery = await startRecovery({ ...options, store: { ...store, nodes } });
    await until(async () => looks >= 5);
    await expect(store.executions.find('default', 'of-living')).resolves.toMatchObject({ status: 'processing' });
    const living = await store.nodes.join({ id: 'living.2', name: 'living', leaseMs: 15_000 });
    const mine = await store.nodes.join({ id: 'me.2', name: 'me', leaseMs: 15_000 });
    const seen = looks;
    await until(async () => looks >= seen + 5);
    await expect(store.executions.find('default', 'of-living')).resolves.toMatchObject({ status: 'processing' });
    await living.leave();
    await until(async () => (await store.executions.find('default', 'of-living'))?.status === 'failed');
    recovery.stop();
    await mine.leave();
    await store.close();
  });

  it('ends what a dead node ran, whatever the time limit, and nothing of one that joined anew', async () => {
    const store = await openStore();
    await store.functions.insert(aFunction({ id: 'long', path: 'long', timeoutSeconds: 900 }));
    const begun = { ...began, functionId: 'long', createdAt: Date.now() };
    const servers = ['me', 'back', 'dead', undefined];
    const id = (serverId: string | undefined) => `of-${serverId}`;
    await store.executions.write(
      servers.map((serverId) => ({ ...aWrite({ ...begun, id: id(serverId) }), ...(serverId !== undefined && { serverId }) })),
    );
    const told = anEvent({ id: 'told' });
    await store.executions.write([{ ...aWrite({ ...begun, id: id('told') }), serverId: 'dead', told: [told] }]);
    const leases = await Promise.all(['me.1', 'back.2'].map((node) => store.nodes.join({ id: node, name: node, leaseMs: 15_000 })));
    await recover(store, { looks: 1 });
    const rows = await Promise.all([...servers, 'told'].map((serverId) => store.executions.find('default', id(serverId))));
    expect(rows.map((row) => [row?.status, row?.errorCode])).toEqual([
      ['processing', null],
      ['processing', null],
      ['failed', 'execution_interrupted'],
      ['processing', null],
      ['failed', 'execution_interrupted'],
    ]);
    await Promise.all(leases.map((lease) => lease.leave()));
    await store.close();
  });

  it('tells a node that it was put off the list, and one that could not renew in time', async () => {
    const store = createPostgresStore({ url: await server.createDatabase() });
    await store.open();
    const lease = await store.nodes.join({ id: 'a', name: 'a', leaseMs: 1000 });
    await wait(1500);
    expect(lease.lost.aborted).toBe(false);
    await expect(store.nodes.reap()).resolves.toEqual([]);
    const other = await store.nodes.join({ id: 'b', name: 'b', leaseMs: 500 });
    await store.close();
    await until(async () => lease.lost.aborted && other.lost.aborted, 3000);
  });

  it('deletes old records on many nodes at once, and leaves nothing of them behind', async () => {
    const url = await server.createDatabase();
    const nodes = await Promise.all(
      Array.from({ length: 3 }, async () => {
        const store = createPostgresStore({ url, connections: 4 });
        await store.open();
        return store;
      }),
    );
    const [first] = nodes;
    await first?.functions.insert(aFunction());
    await first?.deployments.insert(aDeployment());
    await first?.executions.write(
      Array.from({ length: 900 }, (_, index) => ({
        row: anExecution({ id: `e${index}`, createdAt: index, endedAt: index }),
        lines: [{ time: 1, level: 'info' as const, stream: 'logs' as const, text: 'x' }],
      })),
    );
    let deleted = 0;
    await Promise.all(
      nodes.map(async (node) => {
        for (let count = 1; count > 0; deleted += count) count = await node.executions.deleteEndedBefore(10_000, 50);
      }),
    );
    expect(deleted).toBe(900);
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    const { rows } = await client.query(
      'select (select count(*)::int from executions) as e, (select count(*)::int from execution_logs) as l',
    );
    expect(rows).toEqual([{ e: 0, l: 0 }]);
    await client.end();
    await Promise.all(nodes.map((node) => node.close()));
  });
});

describe.skipIf(skipped !== undefined)(suiteName('postgres-hints', skipped), () => {
  it.each(['', '?pgbouncer=true'])('reaches every other node once, in order, and not its own (%s)', async (suffix) => {
    const url = (await server.createDatabase()) + suffix;
    const heard: string[][] = [[], [], []];
    const nodes = await Promise.all(heard.map((_, index) => createPostgresHints({ url, nodeId: `n${index}`, log: silent })));
    nodes.forEach((node, index) => node.subscribe('t', (word) => heard[index]?.push(word)));
    for (const word of ['a', 'b', 'c']) await nodes[0]?.publish('t', word);
    await nodes[0]?.publish('other', 'x');
    await until(async () => heard[1]?.length === 3 && heard[2]?.length === 3, 5000);
    await wait(1500);
    expect(heard).toEqual([[], ['a', 'b', 'c'], ['a', 'b', 'c']]);
    await Promise.all(nodes.map((node) => node.close()));
  });

  it('loses nothing when the connection that listens is cut', async () => {
    const url = await server.createDatabase();
    const heard: string[] = [];
    const [speaker, hearer] = await Promise.all(['s', 'h'].map((nodeId) => createPostgresHints({ url, nodeId, log: silent })));
    hearer?.subscribe('t', (word) => heard.push(word));
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    await client.query(
      'select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
    );
    await client.end();
    await wait(100);
    await speaker?.publish('t', 'after');
    await until(async () => heard.length === 1, 5000);
    await Promise.all([speaker?.close(), hearer?.close()]);
  });
});
