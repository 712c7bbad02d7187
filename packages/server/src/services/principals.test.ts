import { describe, expect, test } from 'vitest';
import type { Principal } from '../domain/principal.ts';
import { createMemoryStore } from '../drivers/memory-store/memory-store.ts';
import { createSystemIds } from '../drivers/system/system-ids.ts';
import type { Clock } from '../ports/system/clock.ts';
import { createChanges } from './changes.ts';
import { createKeys } from './keys.ts';
import { createPrincipals } from './principals.ts';

async function open() {
  const store = createMemoryStore();
  await store.open();
  let now = 1_000_000_000_000;
  let micros = now * 1000;
  const clock: Clock = { now: () => now, uniqueMicros: () => (micros += 1) };
  const asked: string[] = [];
  const touched: number[] = [];
  const keyStore = {
    ...store.keys,
    getByHash: (hash: string) => {
      asked.push(hash);
      return store.keys.getByHash(hash);
    },
    touch: (id: string, at: number) => {
      touched.push(at);
      return store.keys.touch(id, at);
    },
  };
  const changes = createChanges();
  const warned: string[] = [];
  const log = { debug() {}, info() {}, warn: (_facts: object, message: string) => void warned.push(message), error() {} };
  const running: Principal = { kind: 'execution', projectId: 'p', executionId: 'e', scopes: new Set(), hops: 1 };
  const principals = createPrincipals({
    store: { keys: keyStore },
    clock,
    log,
    changes,
    lookUpExecution: (token) => (token === 'running' ? running : undefined),
    users: { bySession: () => null, byToken: () => null, tokenFor: async () => '' },
    defaultProject: 'p',
  });
  const keys = createKeys({ store, clock, ids: createSystemIds(clock), changes });
  return { store, keyStore, keys, principals, changes, asked, touched, warned, running, pass: (ms: number) => (now += ms), now: () => now };
}
const settle = () => new Promise((resolve) => setImmediate(resolve));

describe('a caller', () => {
  test('with a known key is found at once, without asking the store again', async () => {
    const { keys, principals, asked } = await open();
    const { row, secret } = await keys.create('p', { name: 'k', scopes: ['functions.read'], expiresAt: null });
    const first = await principals.identify({ apiKey: secret });
    expect(first).toEqual({ kind: 'key', projectId: 'p', keyId: row.id, scopes: new Set(['functions.read']) });
    const again = principals.identify({ bearer: secret });
    expect(again).not.toBeInstanceOf(Promise);
    expect(again).toBe(first);
    expect(asked).toHaveLength(1);
  });

  test('with a wrong key is nobody, and the store is asked at most every five seconds', async () => {
    const { principals, asked, pass } = await open();
    for (let n = 0; n < 3; n += 1) expect(await principals.identify({ apiKey: 'mk_wrong' })).toEqual({ kind: 'anonymous' });
    expect(asked).toHaveLength(1);
    pass(5001);
    await principals.identify({ apiKey: 'mk_wrong' });
    expect(asked).toHaveLength(2);
  });

  test('with a new key that was tried before it existed is known as soon as it does', async () => {
    const { keys, principals, changes } = await open();
    const { secret, row } = await keys.create('p', { name: 'k', scopes: [], expiresAt: null });
    await keys.delete('p', row.id);
    expect(await principals.identify({ apiKey: secret })).toEqual({ kind: 'anonymous' });
    changes.announce({ kind: 'key', projectId: 'p' });
    expect(principals.identify({ apiKey: secret })).toBeInstanceOf(Promise);
  });

  test('with a deleted key is nobody at once, even when it was being looked up', async () => {
    const { keys, principals, keyStore, store } = await open();
    const { secret, row } = await keys.create('p', { name: 'k', scopes: [], expiresAt: null });
    const found = await store.keys.getByHash(row.hash);
    keyStore.getByHash = async () => {
      await keys.delete('p', row.id);
      keyStore.getByHash = (hash) => store.keys.getByHash(hash);
      return found;
    };
    await principals.identify({ apiKey: secret });
    expect(await principals.identify({ apiKey: secret })).toEqual({ kind: 'anonymous' });
  });

  test('with the key of the call before is nobody as soon as it is deleted, and looked up again after a minute', async () => {
    const { keys, principals, asked, pass } = await open();
    const { secret, row } = await keys.create('p', { name: 'k', scopes: [], expiresAt: null });
    for (let n = 0; n < 3; n += 1) expect(await principals.identify({ apiKey: secret })).toMatchObject({ keyId: row.id });
    expect(asked).toHaveLength(1);
    pass(60_001);
    for (let n = 0; n < 3; n += 1) expect(await principals.identify({ apiKey: secret })).toMatchObject({ keyId: row.id });
    expect(asked).toHaveLength(2);
    await keys.delete('p', row.id);
    expect(await principals.identify({ apiKey: secret })).toEqual({ kind: 'anonymous' });
  });

  test('is never taken for the one before', async () => {
    const { keys, principals } = await open();
    const one = await keys.create('p', { name: 'one', scopes: [], expiresAt: null });
    const two = await keys.create('q', { name: 'two', scopes: [], expiresAt: null });
    for (let n = 0; n < 3; n += 1) {
      expect(await principals.identify({ apiKey: one.secret })).toMatchObject({ projectId: 'p', keyId: one.row.id });
      expect(await principals.identify({ apiKey: two.secret })).toMatchObject({ projectId: 'q', keyId: two.row.id });
      expect(await principals.identify({ apiKey: 'mk_wrong' })).toEqual({ kind: 'anonymous' });
    }
  });

  test('with an expired key is refused, also from memory', async () => {
    const { keys, principals, pass, now } = await open();
    const { secret } = await keys.create('p', { name: 'k', scopes: [], expiresAt: now() + 1000 });
    await principals.identify({ apiKey: secret });
    pass(1000);
    expect(() => principals.identify({ apiKey: secret })).toThrow(expect.objectContaining({ code: 'project_key_expired' }));
    pass(60_000);
    await expect(principals.identify({ apiKey: secret })).rejects.toMatchObject({ code: 'project_key_expired' });
  });

  test('leaves a note of the use of a key at most once a minute; a store that fails is no reason to refuse', async () => {
    const { keys, principals, touched, pass, keyStore, warned } = await open();
    const { secret } = await keys.create('p', { name: 'k', scopes: [], expiresAt: null });
    for (let n = 0; n < 5; n += 1) await principals.identify({ apiKey: secret });
    expect(touched).toHaveLength(1);
    pass(59_999);
    principals.identify({ apiKey: secret });
    expect(touched).toHaveLength(1);
    keyStore.touch = () => Promise.reject(new Error('disk full'));
    pass(1);
    expect((await principals.identify({ apiKey: secret })).kind).toBe('key');
    await settle();
    expect(warned).toEqual(['Cannot note that an API key was used']);
  });

  test('may be a running execution, or nobody', async () => {
    const { principals, running, asked } = await open();
    expect(principals.identify({ bearer: 'running' })).toBe(running);
    for (const credentials of [{}, { apiKey: '' }, { bearer: 'ended' }, { apiKey: `mk_${'x'.repeat(5000)}` }])
      expect(principals.identify(credentials)).toEqual({ kind: 'anonymous' });
    expect(asked).toEqual([]);
  });
});

test('the first key is made once, with every scope', async () => {
  const { keys, principals } = await open();
  const secret = await keys.bootstrap('p');
  expect(await principals.identify({ apiKey: secret })).toMatchObject({ kind: 'key', projectId: 'p' });
  expect(await keys.bootstrap('p')).toBeUndefined();
});
