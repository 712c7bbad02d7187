import { functionResource } from '@martlet/protocol';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openApi, type OpenApi } from './open-api.ts';

let bed: OpenApi;
beforeAll(async () => {
  bed = await openApi();
});
afterAll(() => bed.close());

const create = (fields: object = {}) =>
  bed.call('/v1/functions', { json: { functionId: 'unique()', name: 'Test', runtime: 'node-24', ...fields } });
const update = (id: string, fields: object) => bed.call(`/v1/functions/${id}`, { method: 'PUT', json: { name: 'Test', ...fields } });

describe('creating a function', () => {
  test('answers 201 with every field of the contract and its default', async () => {
    const { status, body } = await create({ functionId: 'first', name: 'First function' });
    expect(status).toBe(201);
    expect(functionResource.strict().parse(body)).toEqual(body);
    expect(body).toMatchObject({
      $id: 'first',
      name: 'First function',
      runtime: 'node-24',
      execute: [],
      events: [],
      schedule: '',
      timeout: 15,
      enabled: true,
      logging: true,
      live: true,
      deploymentId: '',
      deploymentCreatedAt: '',
      latestDeploymentId: '',
      latestDeploymentStatus: '',
      vars: [],
      scopes: [],
      version: 'v5',
      deploymentRetention: 0,
      buildSpecification: 's-1vcpu-512mb',
      runtimeSpecification: 's-1vcpu-512mb',
      specification: 's-1vcpu-512mb',
    });
    expect(body.$createdAt).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00$/);
  });

  test('makes an id of twenty hexadecimal characters for unique()', async () => {
    expect((await create()).body.$id).toMatch(/^[0-9a-f]{20}$/);
  });

  test('takes its name as its path when it is one and free, else its id', async () => {
    expect((await create({ functionId: 'p1', name: 'orders/process' })).body.path).toBe('orders/process');
    expect((await create({ functionId: 'p2', name: 'orders/process' })).body.path).toBe('p2');
    expect((await create({ functionId: 'p3', name: 'My Function' })).body.path).toBe('p3');
  });

  test('refuses an id or an explicit path that is taken', async () => {
    await create({ functionId: 'taken', path: 'taken/path' });
    for (const fields of [{ functionId: 'taken' }, { path: 'taken/path' }]) {
      const { status, body } = await create(fields);
      expect([status, body.type]).toEqual([409, 'function_already_exists']);
    }
  });

  test('of two with the same name at the same moment both are made, one under its id', async () => {
    const both = await Promise.all([create({ name: 'race' }), create({ name: 'race' })]);
    expect(both.map(({ status }) => status)).toEqual([201, 201]);
    expect(both.filter(({ body }) => body.path === 'race')).toHaveLength(1);
  });

  test.each([
    [{ timeout: 0 }, 'Invalid `timeout` param: Value must be a valid range between 1 and 900'],
    [{ timeout: 901 }, 'Invalid `timeout` param: Value must be a valid range between 1 and 900'],
    [{ timeout: 1.5 }, 'Invalid `timeout` param: Value must be a valid range between 1 and 900'],
    [{ timeout: '15' }, 'Invalid `timeout` param: Value must be a valid range between 1 and 900'],
    [{ name: undefined }, 'Param "name" is not optional.'],
    [{ functionId: undefined }, 'Param "functionId" is not optional.'],
    [{ name: '' }, 'Invalid `name` param: Value must be a valid string and at least 1 chars and no longer than 128 chars'],
    [{ name: 'x'.repeat(129) }, 'Invalid `name` param: Value must be a valid string and at least 1 chars and no longer than 128 chars'],
    [
      { functionId: '.dot' },
      "Invalid `functionId` param: Parameter must contain at most 36 chars. Valid chars are a-z, A-Z, 0-9, period, hyphen, and underscore. Can't start with a special char",
    ],
    [{ enabled: 'true' }, 'Invalid `enabled` param: Value must be a valid boolean'],
    [{ schedule: 'often' }, 'Invalid `schedule` param: String must be a valid cron expression'],
    [{ events: ['functions.*.create'] }, 'Invalid `events` param: Triggering a function on a function event is not allowed.'],
    [{ events: ['users.*.fly'] }, 'Invalid `events` param: Event is not valid.'],
    [{ execute: ['user'] }, 'Invalid `execute` param: Role "user" must have an ID value.'],
    [
      { execute: ['admins'] },
      'Invalid `execute` param: Role "admins" is not allowed. Must be one of: any, guests, users, user, team, member, label.',
    ],
    [{ execute: ['any:x'] }, 'Invalid `execute` param: Role "any" can not have an ID value.'],
    [{ execute: 'any' }, 'Invalid `execute` param: Roles must be an array of strings.'],
    [{ runtimeSpecification: 'huge' }, 'Invalid `runtimeSpecification` param: Specification must be one of: s-0.5vcpu-512mb'],
  ])('refuses %j with the words of the contract', async (fields, message) => {
    const { status, body } = await create(fields);
    expect([status, body.type, body.code, body.version]).toEqual([400, 'general_argument_invalid', 400, '1.2.3']);
    expect(body.message).toContain(message);
  });

  test('refuses a runtime of another family', async () => {
    const { status, body } = await create({ runtime: 'php-8.3' });
    expect([status, body.type, body.message]).toEqual([404, 'function_runtime_unsupported', 'Runtime "php-8.3" is not supported']);
  });

  test('takes null and unknown keys as not given', async () => {
    const { status, body } = await create({ timeout: null, execute: null, somethingElse: 5 });
    expect([status, body.timeout, body.execute]).toEqual([201, 15, []]);
  });

  test.each([
    ['users.*.create'],
    ['users.u1.update.email'],
    ['teams.*.memberships.*.update.status'],
    ['databases.*.collections.*.documents.*.upsert'],
    ['users.*'],
  ])('accepts the event %s', async (event) => {
    expect((await create({ events: [event] })).status).toBe(201);
  });

  test('refuses a body that is no JSON, no object, or over the limit', async () => {
    const json = { headers: { 'content-type': 'application/json' } };
    expect((await bed.call('/v1/functions', { ...json, body: '{' })).body.type).toBe('general_bad_request');
    expect((await bed.call('/v1/functions', { ...json, body: '[]' })).body.type).toBe('general_argument_invalid');
    const large = await bed.call('/v1/functions', { ...json, body: JSON.stringify({ name: 'x'.repeat(1_100_000) }) });
    expect([large.status, large.body.type]).toEqual([413, 'general_request_too_large']);
  });
});

describe('updating a function', () => {
  test('sets back what is left out, and keeps what the contract keeps', async () => {
    const { body } = await create({
      execute: ['any'],
      timeout: 60,
      schedule: '* * * * *',
      commands: 'npm install',
      entrypoint: 'main.ts',
      runtime: 'node-22',
      memory: 512,
      concurrency: 5,
      retries: 3,
    });
    const updated = (await update(body.$id, { name: 'Other' })).body;
    expect(updated).toMatchObject({
      name: 'Other',
      execute: [],
      timeout: 15,
      schedule: '',
      commands: '',
      entrypoint: 'main.ts',
      runtime: 'node-22',
      memory: 512,
      concurrency: 5,
      retries: 3,
      live: false,
      path: body.path,
    });
  });

  test('stays live when nothing changed that needs a build', async () => {
    const { body } = await create({ entrypoint: 'main.ts' });
    expect((await update(body.$id, { timeout: 30, entrypoint: '' })).body).toMatchObject({
      live: true,
      timeout: 30,
      entrypoint: 'main.ts',
    });
  });

  test('takes its own specification as no wish to change the memory', async () => {
    const { body } = await create({ memory: 300 });
    expect((await update(body.$id, { runtimeSpecification: body.runtimeSpecification })).body.memory).toBe(300);
    expect((await update(body.$id, { runtimeSpecification: 's-1vcpu-1gb' })).body).toMatchObject({
      memory: 1024,
      runtimeSpecification: 's-1vcpu-1gb',
    });
  });

  test('tells those who cache it', async () => {
    const { body } = await create();
    const told: unknown[] = [];
    bed.changes.subscribe((change) => told.push(change));
    await update(body.$id, {});
    expect(told).toContainEqual({ kind: 'function', projectId: 'default', functionId: body.$id });
  });
});

describe('finding functions', () => {
  test('answers 404 for one that is not there, in every way of asking', async () => {
    for (const options of [{}, { method: 'PUT', json: { name: 'x' } }, { method: 'DELETE' }]) {
      const { status, body } = await bed.call('/v1/functions/nobody', options);
      expect([status, body.type, body.code]).toEqual([404, 'function_not_found', 404]);
    }
  });

  test('finds one by its exact path, and no other', async () => {
    await create({ functionId: 'deep', path: 'very/deep/path' });
    expect((await bed.call('/v1/functions?path=very%2Fdeep%2Fpath')).body).toMatchObject({ total: 1, functions: [{ $id: 'deep' }] });
    expect((await bed.call('/v1/functions?path=very%2Fdeep')).body).toEqual({ total: 0, functions: [] });
  });

  test('lists by queries, pages by cursor, counts or does not', async () => {
    for (const n of [1, 2, 3]) await create({ functionId: `listed-${n}`, name: `Listed ${n}`, timeout: 100 + n });
    const query = (...queries: object[]) =>
      `/v1/functions?${queries.map((one, at) => `queries[${at}]=${encodeURIComponent(JSON.stringify(one))}`).join('&')}`;
    const above = { method: 'greaterThan', attribute: 'timeout', values: [100] };
    const ids = ({ body }: { body: { functions: { $id: string }[] } }) => body.functions.map(({ $id }) => $id);
    expect(ids(await bed.call(query(above)))).toEqual(['listed-1', 'listed-2', 'listed-3']);
    expect(ids(await bed.call(query(above, { method: 'orderDesc', attribute: 'timeout' }, { method: 'limit', values: [2] })))).toEqual([
      'listed-3',
      'listed-2',
    ]);
    expect(ids(await bed.call(query(above, { method: 'cursorAfter', values: ['listed-1'] })))).toEqual(['listed-2', 'listed-3']);
    expect((await bed.call(query(above, { method: 'limit', values: [1] }))).body.total).toBe(3);
    expect((await bed.call(`${query(above)}&total=false`)).body).toMatchObject({ total: 0, functions: [{}, {}, {}] });
    expect((await bed.call(query({ method: 'cursorAfter', values: ['nobody'] }))).body.type).toBe('general_cursor_not_found');
    expect((await bed.call(query({ method: 'search', attribute: 'name', values: ['x'] }))).body.type).toBe('general_query_invalid');
    expect((await bed.call('/v1/functions?search=Listed')).body.total).toBe(3);
  });

  test('deletes one, once', async () => {
    await create({ functionId: 'gone' });
    const first = await bed.call('/v1/functions/gone', { method: 'DELETE' });
    expect([first.status, first.body]).toEqual([204, '']);
    expect((await bed.call('/v1/functions/gone', { method: 'DELETE' })).status).toBe(404);
  });

  test('shows runtimes to everybody, specifications to keys', async () => {
    const runtimes = await bed.call('/v1/functions/runtimes', { key: null });
    expect(runtimes.body.runtimes[0]).toMatchObject({ $id: 'node-24', key: 'node', name: 'Node.js', version: '24' });
    const { body } = await bed.call('/v1/functions/specifications?type=runtimes');
    expect([body.total, body.specifications[0]]).toEqual([9, { slug: 's-0.5vcpu-512mb', memory: 512, cpus: 0.5, enabled: true }]);
    expect((await bed.call('/v1/functions/specifications?type=all')).status).toBe(400);
  });
});
