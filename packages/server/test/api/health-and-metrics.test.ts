import { expect, test } from 'vitest';
import { createMemoryStore } from '../../src/drivers/memory-store/memory-store.ts';
import { createHealthRoutes } from '../../src/gateway/health/health-routes.ts';
import { readinessChecks, type ReadinessOptions } from '../../src/gateway/health/readiness-checks.ts';
import { createMetricsRoute } from '../../src/gateway/metrics/metrics-route.ts';
import type { Log } from '../../src/ports/system/log.ts';

const warned: object[] = [];
const log: Log = { debug() {}, info() {}, warn: (facts) => void warned.push(facts), error: (facts) => void warned.push(facts) };

async function open(options: Partial<ReadinessOptions> = {}) {
  const store = createMemoryStore();
  await store.open();
  await store.projects.ensure({ id: 'default', name: 'default', createdAt: 0, updatedAt: 0 });
  const checks = readinessChecks({
    store,
    defaultProject: 'default',
    tier: 'A',
    wantedTier: 'A-',
    pool: () => ({ ok: true, detail: '2 blanks' }),
    isDraining: () => false,
    ...options,
  });
  let isLost = false;
  const routes = createHealthRoutes({ version: '1', checks, log, isLost: () => isLost });
  return {
    store,
    lose: () => (isLost = true),
    ready: async () => json(await routes.fetch(new Request('http://x/health/ready'))),
    live: async () => json(await routes.fetch(new Request('http://x/health/live'))),
  };
}
const json = async (response: Response) => ({
  status: response.status,
  body: (await response.json()) as { status: string; checks?: { name: string; ok: boolean; detail: string }[] },
});

test('a server that only a new start can mend is not alive', async () => {
  const { live, lose } = await open();
  expect(await live()).toMatchObject({ status: 200, body: { status: 'pass' } });
  lose();
  expect(await live()).toMatchObject({ status: 503, body: { status: 'fail' } });
});

test('a server that can do its work is ready', async () => {
  expect(await (await open()).ready()).toMatchObject({
    status: 200,
    body: {
      status: 'pass',
      checks: [
        { name: 'store', ok: true },
        { name: 'sandbox', ok: true, detail: 'tier A, wanted A-' },
        { name: 'pool', ok: true },
        { name: 'draining', ok: true },
      ],
    },
  });
});

test.each<[string, Partial<ReadinessOptions>]>([
  ['sandbox', { tier: 'C', wantedTier: 'A' }],
  ['pool', { pool: () => ({ ok: false, detail: 'no worker starts' }) }],
  ['draining', { isDraining: () => true }],
])('a server whose %s is not in order is not ready, but alive', async (name, options) => {
  const server = await open(options);
  const { status, body } = await server.ready();
  expect([status, body.status, body.checks?.filter(({ ok }) => !ok).map((check) => check.name)]).toEqual([503, 'fail', [name]]);
  expect((await server.live()).status).toBe(200);
});

test('a store that fails or hangs makes the server unready without showing why to strangers', async () => {
  const failing = await open();
  await failing.store.close();
  expect((await failing.ready()).body.checks?.[0]).toEqual({ name: 'store', ok: false, detail: 'failed; see the log of the server' });
  expect(warned).toHaveLength(1);
  const hanging = await open();
  Reflect.set(hanging.store.projects, 'get', () => new Promise(() => undefined));
  expect((await hanging.ready()).body.checks?.[0]).toEqual({ name: 'store', ok: false, detail: 'no answer in 2000 ms' });
});

test('metrics are for keys that may read health, or for everybody where the operator said so', async () => {
  const options = { contentType: 'text/plain; version=0.0.4', render: async () => 'martlet_x 1\n', log };
  const fetch = (route: { fetch(request: Request): Promise<Response> }, key = '') =>
    route.fetch(new Request('http://x/metrics', { headers: { authorization: key } }));
  const closed = createMetricsRoute({
    ...options,
    identify: (request) =>
      request.headers.get('authorization') === 'good'
        ? { kind: 'key', projectId: 'p', keyId: 'k', scopes: new Set() }
        : { kind: 'anonymous' },
  });
  expect((await fetch(closed)).status).toBe(401);
  expect(await (await fetch(closed, 'good')).text()).toBe('martlet_x 1\n');
  const opened = createMetricsRoute({ ...options, open: true, identify: () => ({ kind: 'anonymous' }) });
  expect((await fetch(opened)).headers.get('content-type')).toContain('text/plain');
});
