/**
 * What every driver of the store must do. A driver's test calls `testStore` with a way to make an empty store; tests
 * share one store per part and keep apart by their projects.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Store } from '../../src/ports/store.ts';
import { aFunction, aKey, aProject, aQuery, aVariable, aWrite } from '../support/rows.ts';
import { suiteName } from '../support/suite-name.ts';
import { testDeployments } from './store-deployments.ts';
import { testExecutions } from './store-executions.ts';
import { testEvents } from './store-events.ts';
import { testJobs } from './store-jobs.ts';
import { testSchedules } from './store-schedules.ts';
import { testLists } from './store-lists.ts';
import { testWebhooks } from './store-webhooks.ts';
import { testUsers } from './store-users.ts';

export interface StoreDriver {
  readonly name: string;
  /** A store with nothing in it, not yet opened. */
  create(): Store;
  /** Why this machine cannot run it. */
  readonly skipped?: string | undefined;
}

export function testStore({ name, create, skipped }: StoreDriver): void {
  describe.skipIf(skipped !== undefined)(suiteName(`${name}: the contract of the store`, skipped), () => {
    describe('opening and closing', () => testLifecycle(create));
    describe('projects and keys', () => testKeys(opened(create)));
    describe('functions', () => testFunctions(opened(create)));
    describe('variables', () => testVariables(opened(create)));
    describe('deployments', () => testDeployments(opened(create)));
    describe('executions', () => testExecutions(opened(create)));
    describe('schedules', () => testSchedules(opened(create)));
    describe('events', () => testEvents(opened(create)));
    describe('webhooks', () => testWebhooks(opened(create)));
    describe('jobs', () => testJobs(opened(create)));
    describe('lists', () => testLists(opened(create)));
    describe('users, sessions, teams and settings', () => testUsers(opened(create)));
  });
}

function opened(create: () => Store): () => Store {
  let store: Store | undefined;
  beforeAll(async () => {
    store = create();
    await store.open();
  });
  afterAll(() => store?.close());
  return () => {
    if (store === undefined) throw new Error('The store is there only while a test runs.');
    return store;
  };
}

function testLifecycle(create: () => Store): void {
  it('rejects with store_unavailable before it is opened and after it is closed', async () => {
    const store = create();
    await expect(store.keys.count()).rejects.toMatchObject({ code: 'store_unavailable' });
    await store.open();
    await expect(store.keys.count()).resolves.toBe(0);
    await store.close();
    await expect(store.keys.count()).rejects.toMatchObject({ code: 'store_unavailable' });
    await expect(store.executions.write([aWrite()])).rejects.toMatchObject({ code: 'store_unavailable' });
  });

  it('finishes on close what was accepted before, and may be closed twice', async () => {
    const store = create();
    await store.open();
    const writes = Array.from({ length: 50 }, (_, index) => store.executions.write([aWrite({ id: `e${index}` }, 'line')]));
    const read = store.keys.count();
    await Promise.all([store.close(), store.close()]);
    await expect(Promise.all(writes)).resolves.toHaveLength(50);
    await expect(read).resolves.toBe(0);
  });
}

function testKeys(store: () => Store): void {
  it('ensures a project once and returns what is stored', async () => {
    await expect(store().projects.get('shop')).resolves.toBeNull();
    await expect(store().projects.ensure(aProject({ id: 'shop', name: 'Shop' }))).resolves.toEqual(aProject({ id: 'shop', name: 'Shop' }));
    await expect(store().projects.ensure(aProject({ id: 'shop', name: 'Other' }))).resolves.toMatchObject({ name: 'Shop' });
    await expect(store().projects.get('shop')).resolves.toEqual(aProject({ id: 'shop', name: 'Shop' }));
  });

  it('keeps a key with every fact, finds it by hash, and only in its project by id', async () => {
    const key = aKey({ id: 'k1', expiresAt: 1_800_000_000_000, scopes: ['a', 'b'] });
    await store().keys.insert(key);
    await expect(store().keys.getByHash(key.hash)).resolves.toEqual(key);
    await expect(store().keys.getByHash('other')).resolves.toBeNull();
    await expect(store().keys.get('default', 'k1')).resolves.toEqual(key);
    await expect(store().keys.get('foreign', 'k1')).resolves.toBeNull();
  });

  it('counts, touches, lists and deletes keys', async () => {
    const before = await store().keys.count();
    await store().keys.insert(aKey({ id: 'k2', projectId: 'counted' }));
    await expect(store().keys.count()).resolves.toBe(before + 1);
    await store().keys.touch('k2', 1_769_999_999_999);
    const page = await store().keys.list('counted', aQuery());
    expect(page).toEqual({ rows: [aKey({ id: 'k2', projectId: 'counted', lastUsedAt: 1_769_999_999_999 })], total: 1 });
    await expect(store().keys.delete('foreign', 'k2')).resolves.toBe(false);
    await expect(store().keys.delete('counted', 'k2')).resolves.toBe(true);
    await expect(store().keys.delete('counted', 'k2')).resolves.toBe(false);
  });

  it('refuses a second key with the same hash', async () => {
    await store().keys.insert(aKey({ id: 'k3' }));
    await expect(store().keys.insert(aKey({ id: 'k4', hash: 'hash of k3' }))).rejects.toThrow();
    await expect(store().keys.get('default', 'k4')).resolves.toBeNull();
  });
}

function testFunctions(store: () => Store): void {
  it('keeps a function with every fact', async () => {
    const row = aFunction({
      id: 'all',
      projectId: 'facts',
      path: 'deep/er/all',
      execute: ['users', 'team:a/b'],
      enabled: false,
      logging: false,
      scopes: ['x'],
      events: ['users.*.create'],
      egress: { allow: ['example.com:443'] },
      durability: 'strict',
      live: true,
      activeDeploymentId: 'd1',
    });
    await store().functions.insert(row);
    await expect(store().functions.get('facts', 'all')).resolves.toEqual(row);
    await expect(store().functions.get('default', 'all')).resolves.toBeNull();
  });

  it('lets exactly one of many concurrent inserts have a path, and harms no neighbour', async () => {
    const inserts = Array.from({ length: 20 }, (_, index) =>
      store().functions.insert(aFunction({ id: `race-${index}`, projectId: 'race', path: 'same' })),
    );
    const neighbours = Array.from({ length: 20 }, (_, index) =>
      store().functions.insert(aFunction({ id: `calm-${index}`, projectId: 'race' })),
    );
    const results = await Promise.allSettled(inserts);
    await Promise.all(neighbours);
    expect(results.filter((result) => result.status === 'fulfilled')).toHaveLength(1);
    const reasons = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as { code: string }] : []));
    expect(new Set(reasons.map((reason) => reason.code))).toEqual(new Set(['function_already_exists']));
    await expect(store().functions.list('race', aQuery())).resolves.toMatchObject({ total: 21 });
  });

  it('takes ids and paths per project', async () => {
    await store().functions.insert(aFunction({ id: 'twin', projectId: 'one' }));
    await store().functions.insert(aFunction({ id: 'twin', projectId: 'two' }));
    await expect(store().functions.insert(aFunction({ id: 'twin', projectId: 'one', path: 'free' }))).rejects.toMatchObject({
      code: 'function_already_exists',
    });
  });

  it('finds the first of several paths, which are given longest first', async () => {
    await store().functions.insert(aFunction({ id: 'short', projectId: 'paths', path: 'a' }));
    await store().functions.insert(aFunction({ id: 'long', projectId: 'paths', path: 'a/b' }));
    const found = async (...paths: string[]) => (await store().functions.getByPath('paths', paths))?.id;
    await expect(found('a/b/c', 'a/b', 'a')).resolves.toBe('long');
    await expect(found('a/x', 'a')).resolves.toBe('short');
    await expect(found('x')).resolves.toBeUndefined();
    await expect(found()).resolves.toBeUndefined();
  });

  it('searches words in id, name, path and runtime, whatever their case', async () => {
    await store().functions.insert(
      aFunction({ id: 'mail', projectId: 'search', name: 'Größe SENDEN', path: 'post/mail', runtime: 'node-22' }),
    );
    await store().functions.insert(aFunction({ id: 'other', projectId: 'search', name: '100%_sure', path: 'other' }));
    const found = async (search: string) => (await store().functions.list('search', aQuery(), search)).rows.map((row) => row.id);
    await expect(found('größe senden')).resolves.toEqual(['mail']);
    await expect(found('GRÖSSE')).resolves.toEqual([]);
    await expect(found('node-22 POST/')).resolves.toEqual(['mail']);
    await expect(found('100%')).resolves.toEqual(['other']);
    await expect(found('1_0')).resolves.toEqual([]);
    await expect(found('  ')).resolves.toEqual(['mail', 'other']);
    await store().functions.update('search', 'other', { name: 'Renamed' });
    await expect(found('renamed')).resolves.toEqual(['other']);
    await expect(found('sure')).resolves.toEqual([]);
  });

  it('changes just what a change names, and refuses a taken path', async () => {
    const row = aFunction({ id: 'changing', projectId: 'change', egress: { allow: ['a'] } });
    await store().functions.insert(row);
    await store().functions.insert(aFunction({ id: 'owner', projectId: 'change', path: 'owned' }));
    const change = { enabled: false, execute: [], activeDeploymentId: 'd9', updatedAt: 5 };
    await expect(store().functions.update('change', 'changing', change)).resolves.toEqual({ ...row, ...change });
    await expect(store().functions.update('change', 'changing', { activeDeploymentId: null })).resolves.toMatchObject({
      activeDeploymentId: null,
    });
    await expect(store().functions.update('change', 'changing', {})).resolves.toMatchObject({ enabled: false });
    await expect(store().functions.update('change', 'changing', { path: 'owned' })).rejects.toMatchObject({
      code: 'function_already_exists',
    });
    await expect(store().functions.update('change', 'missing', { path: 'owned' })).resolves.toBeNull();
    await expect(store().functions.get('change', 'changing')).resolves.toMatchObject({ path: 'changing' });
  });
}

function testVariables(store: () => Store): void {
  it('keeps variables of the project apart from those of its functions', async () => {
    await store().functions.insert(aFunction({ id: 'f', projectId: 'vars' }));
    const shared = aVariable({ id: 'v', projectId: 'vars', key: 'KEY', value: 'project' });
    const own = aVariable({ id: 'v', projectId: 'vars', functionId: 'f', key: 'KEY', value: 'function', secret: true });
    await store().variables.insert(own);
    await store().variables.insert(shared);
    await expect(store().variables.get('vars', null, 'v')).resolves.toEqual(shared);
    await expect(store().variables.get('vars', 'f', 'v')).resolves.toEqual(own);
    await expect(store().variables.listEffective('vars', 'f')).resolves.toEqual([shared, own]);
    await expect(store().variables.listEffective('vars', 'g')).resolves.toEqual([shared]);
    await expect(store().variables.list('vars', null, aQuery())).resolves.toEqual({ rows: [shared], total: 1 });
    await expect(store().variables.delete('vars', null, 'v')).resolves.toBe(true);
    await expect(store().variables.delete('vars', null, 'v')).resolves.toBe(false);
    await expect(store().variables.list('vars', 'f', aQuery())).resolves.toEqual({ rows: [own], total: 1 });
  });

  it('refuses an id or a key that is taken, also by a change, and for a project where the function is null', async () => {
    await store().variables.insert(aVariable({ id: 'a', projectId: 'taken', key: 'A' }));
    await store().variables.insert(aVariable({ id: 'b', projectId: 'taken', key: 'B' }));
    const taken = { code: 'variable_already_exists' };
    await expect(store().variables.insert(aVariable({ id: 'a', projectId: 'taken', key: 'C' }))).rejects.toMatchObject(taken);
    await expect(store().variables.insert(aVariable({ id: 'c', projectId: 'taken', key: 'A' }))).rejects.toMatchObject(taken);
    await expect(store().variables.update('taken', null, 'b', { key: 'A' })).rejects.toMatchObject(taken);
    await expect(store().variables.update('taken', null, 'b', { value: 'new', secret: true, updatedAt: 7 })).resolves.toMatchObject({
      key: 'B',
      value: 'new',
      secret: true,
      updatedAt: 7,
    });
    await expect(store().variables.update('taken', 'f', 'b', { value: 'x' })).resolves.toBeNull();
  });

  it('refuses a variable of a function that is not there', async () => {
    await expect(store().variables.insert(aVariable({ projectId: 'none', functionId: 'gone' }))).rejects.toMatchObject({
      code: 'function_not_found',
    });
  });
}
