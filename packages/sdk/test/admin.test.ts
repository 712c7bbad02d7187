/** What each call of `@martlet/sdk/admin` sends. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { BuildError, createAdmin, type Admin } from '../src/admin/index.ts';
import { createClient, Query, TimeoutError } from '../src/index.ts';
import { formOf, json, startLocalServer, type LocalServer } from './local-server.ts';

let server: LocalServer;
let admin: Admin;
beforeAll(async () => {
  server = await startLocalServer();
  admin = createAdmin({ url: server.url, apiKey: 'mk_key' });
});
beforeEach(() => {
  server.received.length = 0;
  server.answer((_request, response) => json(response, 200, { $id: 'x', total: 0, functions: [], variables: [] }));
});
afterAll(() => server.close());

const LIMIT = '?queries%5B0%5D=%7B%22method%22%3A%22limit%22%2C%22values%22%3A%5B5%5D%7D';
const queries = [Query.limit(5)];

test.each<[string, (admin: Admin) => Promise<unknown>, string, unknown?]>([
  ['functions.list', (one) => one.functions.list({ queries, search: 'a b' }), `GET /functions${LIMIT}&search=a%20b`],
  ['functions.get', (one) => one.functions.get('f/1'), 'GET /functions/f%2F1'],
  ['functions.find', (one) => one.functions.find('orders/process'), 'GET /functions?path=orders%2Fprocess'],
  [
    'functions.create',
    (one) => one.functions.create({ name: 'n', timeout: 5 }),
    'POST /functions',
    { functionId: 'unique()', runtime: 'node-24', name: 'n', timeout: 5 },
  ],
  ['functions.update', (one) => one.functions.update('f', { name: 'n', memory: 128 }), 'PUT /functions/f', { name: 'n', memory: 128 }],
  ['functions.delete', (one) => one.functions.delete('f'), 'DELETE /functions/f'],
  ['deployments.list', (one) => one.deployments.list('f', { total: false }), 'GET /functions/f/deployments?total=false'],
  ['deployments.get', (one) => one.deployments.get('f', 'd'), 'GET /functions/f/deployments/d'],
  ['deployments.activate', (one) => one.deployments.activate('f', 'd'), 'PATCH /functions/f/deployment', { deploymentId: 'd' }],
  ['deployments.rollback', (one) => one.deployments.rollback('f'), 'POST /functions/f/deployments/rollback'],
  ['deployments.rebuild', (one) => one.deployments.rebuild('f', 'd'), 'POST /functions/f/deployments/duplicate', { deploymentId: 'd' }],
  ['deployments.cancel', (one) => one.deployments.cancel('f', 'd'), 'PATCH /functions/f/deployments/d/status'],
  ['deployments.download', (one) => one.deployments.download('f', 'd', 'output'), 'GET /functions/f/deployments/d/download?type=output'],
  ['deployments.delete', (one) => one.deployments.delete('f', 'd'), 'DELETE /functions/f/deployments/d'],
  ['variables.list of a function', (one) => one.variables.list({ functionId: 'f', queries }), `GET /functions/f/variables${LIMIT}`],
  ['variables.list of the project', (one) => one.variables.list(), 'GET /project/variables'],
  ['variables.get', (one) => one.variables.get('v', { functionId: 'f' }), 'GET /functions/f/variables/v'],
  [
    'variables.create',
    (one) => one.variables.create({ functionId: 'f', key: 'A', value: 'b', secret: false }),
    'POST /functions/f/variables',
    { key: 'A', value: 'b', secret: false },
  ],
  ['variables.update', (one) => one.variables.update('v', { value: 'c' }), 'PUT /project/variables/v', { value: 'c' }],
  ['variables.delete', (one) => one.variables.delete('v'), 'DELETE /project/variables/v'],
  ['schedules.list', (one) => one.schedules.list(), 'GET /schedules'],
  ['schedules.get', (one) => one.schedules.get('s'), 'GET /schedules/s'],
  [
    'schedules.create',
    (one) => one.schedules.create({ functionId: 'f', expression: '* * * * *' }),
    'POST /functions/f/schedules',
    { expression: '* * * * *' },
  ],
  ['schedules.list of a function', (one) => one.schedules.list({ functionId: 'f' }), 'GET /functions/f/schedules'],
  ['schedules.update', (one) => one.schedules.update('s', { enabled: false }), 'PATCH /schedules/s', { enabled: false }],
  ['schedules.delete', (one) => one.schedules.delete('s'), 'DELETE /schedules/s'],
  ['schedules.get with its next times', (one) => one.schedules.get('s', { next: 20 }), 'GET /schedules/s?next=20'],
  ['schedules.why', (one) => one.schedules.why('s'), 'GET /schedules/s/decisions'],
  ['events.list', (one) => one.events.list({ queries }), `GET /events${LIMIT}`],
  ['events.why', (one) => one.events.why({ source: '/s', id: 'a b' }), 'GET /events/why?source=%2Fs&id=a%20b'],
  ['executions.why', (one) => one.executions.why('e/1'), 'GET /executions/e%2F1/why'],
  ['executions.replay', (one) => one.executions.replay('e'), 'POST /executions/e/replay', {}],
  ['executions.replay, changed', (one) => one.executions.replay('e', { body: 'b' }), 'POST /executions/e/replay', { body: 'b' }],
  ['executions.listDead', (one) => one.executions.listDead({ functionId: 'f', limit: 5 }), 'GET /dead-executions?functionId=f&limit=5'],
  ['executions.replayDead', (one) => one.executions.replayDead(), 'POST /dead-executions/replay', {}],
  [
    'executions.purgeDead',
    (one) => one.executions.purgeDead({ executionIds: ['e'] }),
    'POST /dead-executions/purge',
    { executionIds: ['e'] },
  ],
  ['schedules.run', (one) => one.schedules.run('s'), 'POST /schedules/s/executions'],
  ['keys.list', (one) => one.keys.list(), 'GET /keys'],
  ['keys.get', (one) => one.keys.get('k'), 'GET /keys/k'],
  [
    'keys.create',
    (one) => one.keys.create({ name: 'n', scopes: ['functions.read'] }),
    'POST /keys',
    { name: 'n', scopes: ['functions.read'] },
  ],
  ['keys.delete', (one) => one.keys.delete('k'), 'DELETE /keys/k'],
  ['users.list', (one) => one.users.list({ search: 'a' }), 'GET /users?search=a'],
  ['users.get', (one) => one.users.get('u'), 'GET /users/u'],
  ['users.create', (one) => one.users.create({ email: 'a@b.c' }), 'POST /users', { userId: 'unique()', email: 'a@b.c' }],
  ['users.delete', (one) => one.users.delete('u'), 'DELETE /users/u'],
  ['users.block', (one) => one.users.block('u'), 'PATCH /users/u/status', { status: false }],
  ['users.unblock', (one) => one.users.unblock('u'), 'PATCH /users/u/status', { status: true }],
  ['users.setLabels', (one) => one.users.setLabels('u', ['vip']), 'PUT /users/u/labels', { labels: ['vip'] }],
  ['users.createSession', (one) => one.users.createSession('u'), 'POST /users/u/sessions', {}],
  ['users.createJWT', (one) => one.users.createJWT('u', { duration: 60 }), 'POST /users/u/jwts', { duration: 60 }],
  ['users.deleteSessions', (one) => one.users.deleteSessions('u'), 'DELETE /users/u/sessions'],
])('%s', async (_name, call, expected, body) => {
  await call(admin);
  const { method, url, body: sent, headers } = server.last();
  expect(`${method} ${url}`).toBe(expected.replace(' ', ' /v1'));
  expect(sent === '' ? undefined : JSON.parse(sent)).toEqual(body);
  expect(headers.authorization).toBe('Bearer mk_key');
});

test('acts for the client that it is made of', async () => {
  await createAdmin(createClient({ url: server.url, token: 'user', serviceToken: 'service' }).asServiceRole).keys.list();
  expect(server.last().headers.authorization).toBe('Bearer service');
});

describe('events.send', () => {
  const answerSent = (...isNew: boolean[]) =>
    server.answer((_request, response) => json(response, 202, { events: isNew.map((one) => ({ new: one })) }));

  test('writes a CloudEvent and gives it back, with whether it is new', async () => {
    answerSent(true);
    const { isNew, ...sent } = await admin.events.send({ type: 'orders.created', subject: '7', id: undefined, data: { a: 1 } });
    expect(isNew).toBe(true);
    expect(sent).toEqual({
      specversion: '1.0',
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      source: '/',
      type: 'orders.created',
      subject: '7',
      data: { a: 1 },
    });
    expect(server.last()).toMatchObject({ method: 'POST', url: '/v1/events', body: JSON.stringify(sent) });
    expect(server.last().headers['content-type']).toBe('application/cloudevents+json');
  });

  test('writes several as a batch', async () => {
    answerSent(false, true);
    const sent = await admin.events.send([{ type: 'a', id: '1', source: '/s' }, { type: 'b' }]);
    expect(sent.map(({ id, isNew }) => [id, isNew])).toEqual([
      ['1', false],
      [expect.any(String), true],
    ]);
    expect(JSON.parse(server.last().body)).toEqual(sent.map(({ isNew: _isNew, ...event }) => event));
    expect(server.last().headers['content-type']).toBe('application/cloudevents-batch+json');
  });

  test('refuses one without a type', async () => {
    await expect(admin.events.send({ type: '' })).rejects.toThrow(/`type` is missing/);
    expect(server.received).toEqual([]);
  });
});

describe('secrets', () => {
  test('are listed by name over all pages', async () => {
    server.answer((request, response) => {
      const second = decodeURIComponent(request.url).includes('cursorAfter');
      const variables = Array.from({ length: second ? 1 : 100 }, (_, index) => ({ $id: `${second}${index}`, key: `K${second}${index}` }));
      json(response, 200, { total: 0, variables });
    });
    const names = await admin.secrets.list({ functionId: 'f' });
    expect([names.length, names[0], names.at(-1)]).toEqual([101, 'Kfalse0', 'Ktrue0']);
    expect(decodeURIComponent(server.last().url)).toContain('{"method":"cursorAfter","values":["false99"]}');
  });

  test.each([
    ['made where they are new', [], ['GET', 'POST /v1/project/variables {"key":"A","value":"b","secret":true}']],
    ['changed where they are known', [{ $id: 'v', key: 'A' }], ['GET', 'PUT /v1/project/variables/v {"value":"b"}']],
  ])('are %s', async (_what, variables, expected) => {
    server.answer((_request, response) => json(response, 200, { variables }));
    await admin.secrets.set('A', 'b');
    expect(server.received.map(({ method, url, body }) => (method === 'GET' ? method : `${method} ${url} ${body}`))).toEqual(expected);
  });

  test('are deleted by name, and it is told whether there was one', async () => {
    server.answer((_request, response) => json(response, 200, { variables: [{ $id: 'v', key: 'A' }] }));
    expect([await admin.secrets.delete('A'), server.last().url]).toEqual([true, '/v1/project/variables/v']);
    server.answer((_request, response) => json(response, 200, { variables: [] }));
    expect(await admin.secrets.delete('A')).toBe(false);
  });
});

describe('a deployment', () => {
  test('goes up in one piece where it is small', async () => {
    await admin.deployments.create({ functionId: 'f', code: new TextEncoder().encode('tar'), entrypoint: 'index.ts' });
    expect(await formOf(server.last())).toEqual([
      ['entrypoint', 'index.ts'],
      ['activate', 'true'],
      ['code', 'code.tar.gz (application/octet-stream): tar'],
    ]);
    expect(server.last().headers['content-range']).toBeUndefined();
  });

  test('goes up in pieces of 5 MiB where it is large', async () => {
    const size = 11 * 1024 * 1024;
    const shares: number[] = [];
    await admin.deployments.create({
      functionId: 'f',
      code: new Blob([new Uint8Array(size)]),
      activate: false,
      onProgress: (share) => void shares.push(share),
    });
    expect(server.received.map(({ headers }) => [headers['content-range'], headers['x-appwrite-id']])).toEqual([
      [`bytes 0-5242879/${size}`, undefined],
      [`bytes 5242880-10485759/${size}`, 'x'],
      [`bytes 10485760-${size - 1}/${size}`, 'x'],
    ]);
    expect([shares.length, shares.at(-1)]).toEqual([3, 1]);
  });

  test('is waited for until it is ready', async () => {
    const statuses = ['waiting', 'building', 'ready'];
    server.answer((_request, response) => json(response, 200, { status: statuses.shift() }));
    expect(await admin.deployments.wait('f', 'd')).toMatchObject({ status: 'ready' });
  });

  test('that fails rejects with the end of its log', async () => {
    server.answer((_request, response) =>
      json(response, 200, { status: 'failed', buildError: 'build_failed', buildLogs: 'line 1\nno such file\n' }),
    );
    const error: unknown = await admin.deployments.wait('f', 'd').catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(BuildError);
    expect(error).toMatchObject({ code: 'build_failed', message: 'Cannot deploy: the build failed.\nline 1\nno such file' });
  });

  test('is not waited for longer than told', async () => {
    server.answer((_request, response) => json(response, 200, { status: 'building' }));
    await expect(admin.deployments.wait('f', 'd', { timeout: 120 })).rejects.toBeInstanceOf(TimeoutError);
  });
});
