/** Functions that declare their input with zod, valibot or arktype, in the real sandbox: what reaches them, and what callers are told. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startPlatform, type TestPlatform } from './start-platform.ts';

let martlet: TestPlatform;

beforeAll(async () => {
  martlet = await startPlatform();
  const fixtures = ['input-zod', 'input-valibot', 'input-valibot-standard', 'input-arktype', 'input-appwrite', 'input-recursive', 'echo'];
  await Promise.all(fixtures.map((name) => martlet.deploy(name)));
  await martlet.deploy('throws', { execute: [] });
});
afterAll(() => martlet.close());

const post = (path: string, body: unknown, contentType = 'application/json') =>
  martlet.call(path, {
    method: 'POST',
    body: typeof body === 'string' ? body : JSON.stringify(body),
    headers: { 'content-type': contentType },
  });
const jsonOf = async (response: Response): Promise<unknown> => response.json();

describe('an input that fits', () => {
  test('reaches the handler as the schema gave it, and the body is still there', async () => {
    const sent = { email: 'a@example.com', items: [{ sku: 'x', count: '2' }], unknown: true };
    const answer = await post('input-zod', sent);
    expect([answer.status, await jsonOf(answer)]).toEqual([
      200,
      { input: { email: 'a@example.com', items: [{ sku: 'x', count: 2 }], page: 1 }, body: JSON.stringify(sent) },
    ]);
  });

  test('is the query where a request has no body', async () => {
    const answer = await martlet.call('input-zod?email=a%40example.com&page=7');
    expect([answer.status, await jsonOf(answer)]).toEqual([200, { input: { email: 'a@example.com', items: [], page: 7 }, body: null }]);
  });

  test('may be a form; a name that comes twice is a list', async () => {
    const form = await post('input-appwrite', 'city=Basel&days=4', 'application/x-www-form-urlencoded');
    expect(await jsonOf(form)).toEqual({ input: { city: 'Basel', days: 4 }, text: 'city=Basel&days=4' });
    const multipart = new FormData();
    for (const [name, value] of [
      ['name', 'Bo'],
      ['tags', 'a'],
      ['tags', 'b'],
    ] as const)
      multipart.append(name, value);
    const answer = await martlet.call('input-valibot', { method: 'POST', body: multipart });
    // The handler reads the form as JSON, which it is not: its own error, after the check.
    expect(answer.status).toBe(500);
    const record = await martlet.recordOf(answer);
    expect(record).toMatchObject({ status: 'failed', errors: expect.stringContaining('JSON') });
  });

  test('is the same in every shape of handler', async () => {
    expect(await jsonOf(await post('input-valibot', { name: 'Bo' }))).toEqual({ name: 'Bo', body: { name: 'Bo' } });
    expect(await jsonOf(await post('input-arktype', { id: 'o1', amount: 3 }))).toEqual({
      order: { id: 'o1', amount: 3 },
      again: { id: 'o1', amount: 3 },
    });
    expect(await jsonOf(await post('input-appwrite', { city: 'Basel' }))).toEqual({
      input: { city: 'Basel', days: 3 },
      text: '{"city":"Basel"}',
    });
  });

  test('may be longer than a frame, and then arrives in chunks', async () => {
    const items = Array.from({ length: 5000 }, (_, index) => ({ sku: `sku-${index}-${'x'.repeat(20)}`, count: 1 }));
    const sent = JSON.stringify({ email: 'a@example.com', items });
    expect(sent.length).toBeGreaterThan(200_000);
    const answer = (await jsonOf(await post('input-zod', sent))) as { input: { items: unknown[] }; body: string };
    expect([answer.input.items.length, answer.body === sent]).toEqual([5000, true]);
  });

  test('is not asked of a preflight', async () => {
    const answer = await martlet.call('input-zod', { method: 'OPTIONS' });
    expect([answer.status, await jsonOf(answer)]).toEqual([200, { body: null }]);
  });
});

describe('an input that does not fit', () => {
  test.each([
    ['input-zod', { email: 'no', items: [{ sku: 1, count: 0 }] }, [['email'], ['items', 0, 'sku'], ['items', 0, 'count']]],
    ['input-valibot', { name: 'x', tags: [1] }, [['name'], ['tags', 0]]],
    ['input-arktype', { id: 5, amount: -1 }, [['amount'], ['id']]],
    ['input-appwrite', { days: 99 }, [['city'], ['days']]],
    ['input-zod', 'null', [[]]],
    ['input-zod', '{"email":', [[]]],
    ['input-zod', '', [['email']]],
  ])('of "%s" is answered with 400 and its fields, and never reaches the handler: %j', async (name, body, paths) => {
    const answer = await post(name, body);
    const refusal = (await jsonOf(answer)) as { fields: { path: unknown; message: string }[]; message: string; executionId: string };
    expect(answer.status).toBe(400);
    expect(refusal).toMatchObject({
      code: 'FUNCTION_INPUT_INVALID',
      error: refusal.message,
      detail: refusal.message,
      executionId: answer.headers.get('x-martlet-execution-id'),
    });
    const byText = (a: unknown, b: unknown): number => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1);
    expect(refusal.fields.map(({ path }) => path).toSorted(byText)).toEqual((paths as unknown[]).toSorted(byText));
    for (const { message } of refusal.fields) expect(message).toMatch(/\w/);
  });

  test('is on record as answered with 400, with the names of fields and without what was sent', async () => {
    const answer = await post('input-valibot', { name: 's', tags: ['sec-ret', 77_311] });
    const record = await martlet.recordOf(answer);
    expect(record).toMatchObject({ status: 'completed', responseStatusCode: 400, logs: expect.stringContaining('tags.1') });
    expect(JSON.stringify(record)).not.toMatch(/sec-ret|77311/);
  });

  test('has at most a hundred fields in its answer', async () => {
    const items = Array.from({ length: 1000 }, () => ({ sku: 1, count: 1 }));
    const { fields } = (await jsonOf(await post('input-zod', { email: 'a@example.com', items }))) as { fields: unknown[] };
    expect(fields).toHaveLength(100);
  });

  test('is never quoted where it is not JSON', async () => {
    expect(await (await post('input-zod', 'pass=word-1')).text()).not.toContain('word-1');
  });

  test('is refused like any other body that is too large', async () => {
    const answer = await post('input-zod', `"${'x'.repeat(martlet.platform.limits.requestBodyBytes + 1)}"`);
    expect([answer.status, await jsonOf(answer)]).toEqual([413, expect.objectContaining({ code: 'REQUEST_TOO_LARGE' })]);
  });
});

interface Document {
  readonly servers: readonly { readonly url: string }[];
  readonly paths: Record<string, Record<string, { readonly operationId: string; readonly security: unknown }>>;
  readonly components: { readonly schemas: Record<string, Record<string, unknown>> };
}
async function documentAt(path: string, headers: Readonly<Record<string, string>> = {}): Promise<Document> {
  const answer = await fetch(martlet.url + path, { headers });
  expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'application/json; charset=utf-8']);
  return (await answer.json()) as Document;
}

describe('the document of the functions', () => {
  test('lists what the caller may call', async () => {
    const open = await documentAt('/functions/openapi.json');
    expect(Object.keys(open.paths)).toEqual(
      ['echo', 'input-appwrite', 'input-arktype', 'input-recursive', 'input-valibot', 'input-valibot-standard', 'input-zod'].map(
        (name) => `/functions/${name}`,
      ),
    );
    const withKey = await documentAt('/functions/openapi.json', martlet.headers);
    expect(Object.keys(withKey.paths)).toContain('/functions/throws');
    expect(withKey.paths['/functions/throws']?.['post']?.security).toEqual([{ apiKey: [] }, { bearer: [] }]);
  });

  test('has the inputs as JSON Schema, of every library that can tell', async () => {
    const { schemas } = (await documentAt('/functions/openapi.json')).components;
    expect(schemas['input.input-zod']).toMatchObject({
      type: 'object',
      required: ['email'],
      properties: { email: { type: 'string', format: 'email' }, items: { type: 'array' }, page: { default: 1 }, since: {} },
    });
    expect(schemas['input.input-arktype']).toMatchObject({ required: ['id'], properties: { amount: { exclusiveMinimum: 0 } } });
    expect(schemas['input.input-valibot-standard']).toEqual({
      type: 'object',
      properties: { name: { type: 'string' } },
      required: ['name'],
    });
    expect(schemas['input.input-valibot']).toEqual({ description: expect.stringContaining('valibot') });
    expect(schemas['input.echo']).toBeUndefined();
  });

  test('has references that lead to where the schemas lie', async () => {
    const document = await documentAt('/functions/openapi.json');
    expect(document.components.schemas['input.input-recursive']).toMatchObject({
      properties: { children: { items: { $ref: '#/components/schemas/input.input-recursive' } } },
    });
    for (const reference of JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g)) {
      const target = (reference[1] as string).split('/').reduce<unknown>((at, key) => Reflect.get(at as object, key), document);
      expect(target, reference[0]).toBeTypeOf('object');
    }
  });

  test('is there in every form of the URL, and says how to call', async () => {
    const project = martlet.platform.project;
    const servers = await Promise.all(
      ['/functions/openapi.json', '/api/functions/openapi.json', `/api/apps/${project}/functions/openapi.json`].map(
        async (path) => (await documentAt(path)).servers[0]?.url,
      ),
    );
    expect(servers).toEqual(['/', '/api', `/api/apps/${project}`]);
    expect((await documentAt('/api/apps/nowhere/functions/openapi.json')).paths).toEqual({});
  });

  test('follows what is deployed', async () => {
    const id = await martlet.deployCode(
      'later',
      `export const input = { '~standard': { version: 1, vendor: 'own', validate: (value) => ({ value }) } };
export default () => new Response('ok');`,
    );
    const { paths, components } = await documentAt('/functions/openapi.json');
    expect(paths['/functions/later']).toBeDefined();
    expect(components.schemas['input.later']).toEqual({ description: expect.stringContaining('own') });
    await martlet.api('DELETE', `/v1/functions/${id}`);
    expect((await documentAt('/functions/openapi.json')).paths['/functions/later']).toBeUndefined();
  });

  test('loads no code for a caller who may not execute it, and does not wait for code that hangs', async () => {
    const source = `export const input = { '~standard': { version: 1, vendor: 'own', validate: (value) => ({ value }) } };
export default () => new Response('ok');`;
    await martlet.deployCode('closed', source, { execute: [] });
    await martlet.deployCode('hangs', `while (true);\n${source}`);
    await documentAt('/functions/openapi.json');
    const key = { project: martlet.platform.project, path: 'closed' };
    const closed = (await martlet.platform.services.functions.findByPath(key.project, key.path))?.active?.id ?? '';
    expect(martlet.platform.services.pool.live(closed)).toBeUndefined();
    const withKey = await documentAt('/functions/openapi.json', martlet.headers);
    expect(withKey.components.schemas['input.closed']).toBeDefined();
    expect([withKey.paths['/functions/hangs'] !== undefined, withKey.components.schemas['input.hangs']]).toEqual([true, undefined]);
  });

  test('takes nothing from a hostile schema but words', async () => {
    const schema = `({
      $id: 'https://evil.example/', $schema: 'x', type: 'object', __proto__: { polluted: true },
      properties: { $ref: { type: 'string' }, away: { $ref: 'https://evil.example/s.json' }, own: { $ref: '#/$defs/a' } },
      $defs: { a: { const: { $ref: 'https://data.example/' } } },
    })`;
    const declared = (converter: string): string =>
      `export const input = { '~standard': { version: 1, vendor: 'own', validate: (value) => ({ value }), jsonSchema: { input: () => ${converter} } } };
export default () => new Response('ok');`;
    await martlet.deployCode('hostile', declared(schema));
    await martlet.deployCode('huge', declared(`({ description: 'x'.repeat(1e6) })`));
    await martlet.deployCode('deep', declared(`JSON.parse('{"not":'.repeat(1000) + '{}' + '}'.repeat(1000))`));
    await martlet.deployCode('loops', declared(`Object.assign(globalThis.loop ??= {}, { loop })`));
    const { schemas } = (await documentAt('/functions/openapi.json')).components;
    expect(schemas['input.hostile']).toEqual({
      type: 'object',
      properties: { $ref: { type: 'string' }, away: {}, own: { $ref: '#/components/schemas/input.hostile/$defs/a' } },
      $defs: { a: { const: { $ref: 'https://data.example/' } } },
    });
    expect(schemas['input.huge']).toEqual({ description: expect.stringContaining('longer than') });
    expect(schemas['input.deep']).toEqual({ description: expect.stringContaining('nested deeper') });
    expect(schemas['input.loops']).toEqual({ description: expect.stringMatching(/circular/i) });
    expect(schemas['input.input-zod']).toBeDefined();
  });
});
