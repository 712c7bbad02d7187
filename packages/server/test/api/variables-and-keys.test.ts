import { keyResource, variableResource } from '@martlet/protocol';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openApi, type OpenApi } from './open-api.ts';

let bed: OpenApi;
beforeAll(async () => {
  bed = await openApi();
  await bed.call('/v1/functions', { json: { functionId: 'f1', name: 'one', runtime: 'node-24' } });
  await bed.call('/v1/functions', { json: { functionId: 'f2', name: 'two', runtime: 'node-24' } });
});
afterAll(() => bed.close());

describe.each([
  ['/v1/functions/f1/variables', 'function', 'f1'],
  ['/v1/project/variables', 'project', 'default'],
])('variables under %s', (root, resourceType, resourceId) => {
  test('are secret unless said otherwise, and a secret never comes back', async () => {
    const { status, body } = await bed.call(root, { json: { key: 'TOKEN', value: 'very secret' } });
    expect(status).toBe(201);
    expect(variableResource.strict().parse(body)).toMatchObject({ key: 'TOKEN', value: '', secret: true, resourceType, resourceId });
    for (const answer of [await bed.call(root), await bed.call(`${root}/${body.$id}`), await bed.call('/v1/functions/f1')])
      expect(JSON.stringify(answer.body)).not.toContain('very secret');
  });

  test('are sealed in the store for their owner and key, and open for workers', async () => {
    const { rows } = await bed.store.variables.list('default', resourceType === 'function' ? 'f1' : null, {
      filters: [],
      order: [],
      limit: 10,
      offset: 0,
      withTotal: false,
    });
    expect(JSON.stringify(rows)).not.toContain('very secret');
    expect((await bed.variables.environment('default', 'f1'))['TOKEN']).toBe('very secret');
  });

  test('keep their secret when they are renamed', async () => {
    const { body } = await bed.call(root, { json: { variableId: `rename-${resourceType}`, key: 'BEFORE', value: 'kept' } });
    expect((await bed.call(`${root}/${body.$id}`, { method: 'PUT', json: { key: 'AFTER' } })).body).toMatchObject({
      key: 'AFTER',
      secret: true,
      value: '',
    });
    expect((await bed.variables.environment('default', 'f1'))['AFTER']).toBe('kept');
  });

  test('have one key and one id each', async () => {
    await bed.call(root, { json: { variableId: `one-${resourceType}`, key: 'ONE', value: '1', secret: false } });
    for (const json of [
      { key: 'ONE', value: '2' },
      { variableId: `one-${resourceType}`, key: 'OTHER', value: '2' },
    ]) {
      const { status, body } = await bed.call(root, { json });
      expect([status, body.type]).toEqual([409, 'variable_already_exists']);
    }
    const { status } = await bed.call(`${root}/rename-${resourceType}`, { method: 'PUT', json: { key: 'ONE' } });
    expect(status).toBe(409);
  });

  test('may become secret but not readable again', async () => {
    await bed.call(root, { json: { variableId: `seal-${resourceType}`, key: 'SEAL', value: 'open', secret: false } });
    expect((await bed.call(`${root}/seal-${resourceType}`)).body.value).toBe('open');
    expect((await bed.call(`${root}/seal-${resourceType}`, { method: 'PUT', json: { secret: true } })).body.value).toBe('');
    expect((await bed.variables.environment('default', 'f1'))['SEAL']).toBe('open');
    const { status, body } = await bed.call(`${root}/seal-${resourceType}`, { method: 'PUT', json: { secret: false } });
    expect([status, body.type]).toEqual([400, 'variable_cannot_unset_secret']);
  });

  test('need something to change', async () => {
    expect((await bed.call(`${root}/seal-${resourceType}`, { method: 'PUT', json: {} })).body.type).toBe('general_argument_invalid');
    expect((await bed.call(`${root}/nobody`, { method: 'PUT', json: { value: 'x' } })).body.type).toBe('variable_not_found');
    expect((await bed.call(root, { json: { key: 'X' } })).body.message).toBe('Param "value" is not optional.');
  });

  test('tell those who run workers, and are gone after a delete', async () => {
    const told: unknown[] = [];
    bed.changes.subscribe((change) => told.push(change));
    expect((await bed.call(`${root}/seal-${resourceType}`, { method: 'DELETE' })).status).toBe(204);
    expect(told).toEqual([{ kind: 'variables', projectId: 'default', ...(resourceType === 'function' ? { functionId: 'f1' } : {}) }]);
    expect((await bed.call(`${root}/seal-${resourceType}`)).status).toBe(404);
  });
});

test('a variable of another function is not found', async () => {
  await bed.call('/v1/functions/f2/variables', { json: { variableId: 'of-two', key: 'X', value: 'x' } });
  for (const options of [{}, { method: 'PUT', json: { value: 'y' } }, { method: 'DELETE' }]) {
    expect((await bed.call('/v1/functions/f1/variables/of-two', options)).body.type).toBe('variable_not_found');
  }
  expect((await bed.call('/v1/functions/nobody/variables')).body.type).toBe('function_not_found');
});

test('a variable of the function wins over one of the project, and marks the function as not live', async () => {
  await bed.call('/v1/project/variables', { json: { key: 'BOTH', value: 'project' } });
  await bed.call('/v1/functions/f2/variables', { json: { key: 'BOTH', value: 'function' } });
  expect((await bed.variables.environment('default', 'f2'))['BOTH']).toBe('function');
  expect((await bed.call('/v1/functions/f2')).body).toMatchObject({ live: false, vars: [{ key: 'X' }, { key: 'BOTH', value: '' }] });
});

describe('keys', () => {
  test('show their secret once, and work', async () => {
    const { status, body } = await bed.call('/v1/keys', {
      json: { name: 'CI', scopes: ['functions.read'], expire: '2099-01-01T00:00:00.000+00:00' },
    });
    expect(status).toBe(201);
    expect(keyResource.strict().parse(body)).toMatchObject({
      name: 'CI',
      scopes: ['functions.read'],
      expire: '2099-01-01T00:00:00.000+00:00',
      accessedAt: '',
    });
    expect(body.secret).toMatch(/^mk_[A-Za-z0-9_-]{43}$/);
    expect(body.secret.startsWith(body.prefix)).toBe(true);
    expect((await bed.call('/v1/functions', { key: body.secret })).status).toBe(200);
    expect((await bed.call(`/v1/keys/${body.$id}`)).body).toMatchObject({ secret: '', accessedAt: expect.stringMatching(/^20/) });
    expect(JSON.stringify((await bed.call('/v1/keys')).body)).not.toContain(body.secret);
  });

  test('stop working at once when they are deleted', async () => {
    const { body } = await bed.call('/v1/keys', { json: { name: 'short-lived', scopes: ['functions.read'] } });
    expect((await bed.call('/v1/functions', { key: body.secret })).status).toBe(200);
    expect((await bed.call(`/v1/keys/${body.$id}`, { method: 'DELETE' })).status).toBe(204);
    expect((await bed.call('/v1/functions', { key: body.secret })).status).toBe(401);
    expect((await bed.call(`/v1/keys/${body.$id}`)).body.type).toBe('key_not_found');
  });

  test('cannot make keys that can do more than themselves', async () => {
    const { body } = await bed.call('/v1/keys', { json: { name: 'maker', scopes: ['keys.write', 'functions.read'] } });
    const make = (scopes: string[]) => bed.call('/v1/keys', { key: body.secret, json: { name: 'made', scopes } });
    expect((await make(['functions.read'])).status).toBe(201);
    expect((await make(['functions.read', 'functions.write'])).body).toMatchObject({ code: 401, type: 'general_unauthorized_scope' });
  });

  test('have known scopes and a date that is one', async () => {
    expect((await bed.call('/v1/keys', { json: { name: 'x', scopes: ['everything'] } })).body.message).toContain(
      'Invalid `scopes` param: Value must be one of (functions.read,',
    );
    expect((await bed.call('/v1/keys', { json: { name: 'x', scopes: [], expire: 'soon' } })).body.message).toContain(
      'Invalid `expire` param',
    );
  });
});
