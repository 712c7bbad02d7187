import { PlatformError, executionResource } from '@martlet/protocol';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { deploymentForm, builtDeployment, executionRow, openApi, packSources, type OpenApi } from './open-api.ts';

let bed: OpenApi;
beforeAll(async () => {
  bed = await openApi({ limits: { syncWaitSeconds: 1 } });
  const form = deploymentForm(await packSources({ 'main.ts': 'export default () => new Response("hello");' }));
  for (const [functionId, execute] of [
    ['open', ['any']],
    ['closed', []],
    ['users', ['users']],
  ] as const)
    await bed.call('/v1/functions', { json: { functionId, name: functionId, runtime: 'node-24', execute } });
  await Promise.all(
    ['open', 'closed', 'users'].map(async (id) =>
      builtDeployment(bed, id, (await bed.call(`/v1/functions/${id}/deployments`, { form })).body.$id),
    ),
  );
});
afterAll(() => bed.close());
beforeEach(() => {
  bed.answering.asked.length = 0;
  bed.answering.pending.clear();
  Object.assign(bed.answering.state, {
    lines: [],
    follow: [],
    outcome: () => ({ kind: 'response', status: 200, headers: ['content-type', 'text/plain'], body: Buffer.from('hello') }),
  });
});

const execute = (json: unknown = {}, options: { id?: string; key?: string | null; headers?: Record<string, string> } = {}) =>
  bed.call(`/v1/functions/${options.id ?? 'open'}/executions`, {
    json,
    ...(options.key === undefined ? {} : { key: options.key }),
    ...(options.headers === undefined ? {} : { headers: options.headers }),
  });
const lastAsked = () => {
  const asked = bed.answering.asked.at(-1);
  if (asked === undefined) throw new Error('nothing was executed');
  return asked;
};

describe('executing', () => {
  test('answers 201 with the whole response and every field of the contract', async () => {
    Object.assign(bed.answering.state, {
      lines: [
        { time: 1, level: 'info', stream: 'logs', text: 'one' },
        { time: 2, level: 'error', stream: 'errors', text: 'two' },
        { time: 3, level: 'info', stream: 'logs', text: 'three' },
      ],
    });
    const { status, body } = await execute();
    expect(status).toBe(201);
    expect(executionResource.strict().parse(body)).toMatchObject({
      functionId: 'open',
      resourceId: 'open',
      resourceType: 'functions',
      trigger: 'http',
      status: 'completed',
      responseStatusCode: 200,
      responseBody: 'hello',
      logs: 'one\nthree',
      errors: 'two',
      $permissions: [],
      scheduledAt: null,
      duration: 0.012,
      start: 'warm',
    });
    expect(body.responseHeaders).toEqual([
      { name: 'content-type', value: 'text/plain' },
      { name: 'x-appwrite-execution-id', value: body.$id },
    ]);
  });

  test('hands method, path, headers and body to the function as they were given', async () => {
    await execute({ body: 'größe', path: '/a?b=c', method: 'PUT', headers: { 'X-Custom': 'yes', 'Content-Length': 99 } });
    expect(lastAsked()).toMatchObject({
      projectId: 'default',
      functionId: 'open',
      method: 'PUT',
      path: '/a?b=c',
      headers: ['x-custom', 'yes'],
      clientIp: '203.0.113.7',
      hops: 0,
      trigger: 'http',
    });
    expect(Buffer.from(lastAsked().body as Uint8Array).toString()).toBe('größe');
    await execute({});
    expect(lastAsked()).toMatchObject({ method: 'POST', path: '/', headers: [] });
    await execute({ path: 'no slash\r\nx: y' });
    expect(lastAsked().path).toBe('/no%20slash%0D%0Ax:%20y');
  });

  test('shows logs to keys only', async () => {
    Object.assign(bed.answering.state, { lines: [{ time: 1, level: 'info', stream: 'logs', text: 'private' }] });
    const { status, body } = await execute({}, { key: null });
    expect([status, body.logs, body.errors, body.logLines, body.responseBody]).toEqual([201, '', '', undefined, 'hello']);
  });

  test('is for those whom the roles name', async () => {
    expect((await execute({}, { id: 'closed', key: null })).body).toMatchObject({
      code: 401,
      type: 'user_unauthorized',
      message: "No permissions provided for action 'execute'",
    });
    expect((await execute({}, { id: 'users', key: null })).body.message).toBe(
      'Missing "execute" permission for role "guests". Only ["users"] scopes are allowed and ["any","guests"] was given.',
    );
    expect((await execute({}, { id: 'closed' })).status).toBe(201);
  });

  test('hides a disabled function from those without a key', async () => {
    await bed.call('/v1/functions', { json: { functionId: 'off', name: 'off', runtime: 'node-24', execute: ['any'], enabled: false } });
    expect((await execute({}, { id: 'off', key: null })).body.type).toBe('function_not_found');
    expect((await execute({}, { id: 'off' })).body).toMatchObject({
      code: 404,
      type: 'deployment_not_found',
      message: 'Deployment not found. Create a deployment before trying to execute a function',
    });
  });

  test('answers 201 also where the function failed', async () => {
    Object.assign(bed.answering.state, { outcome: () => ({ kind: 'failed', code: 'execution_timed_out', message: 'too slow' }) });
    expect(await execute()).toMatchObject({
      status: 201,
      body: { status: 'failed', responseStatusCode: 500, responseBody: '', errorCode: 'execution_timed_out' },
    });
    Object.assign(bed.answering.state, { outcome: () => ({ kind: 'response', status: 503, headers: [], body: Buffer.from('sorry') }) });
    expect((await execute()).body).toMatchObject({ status: 'failed', responseStatusCode: 503, responseBody: 'sorry' });
  });

  test('passes on what the platform refuses, with the time to try again', async () => {
    Object.assign(bed.answering.state, {
      outcome: () => Promise.reject(new PlatformError('function_concurrency_exceeded', { retryAfterSeconds: 1.2 })),
    });
    const { status, headers, body } = await execute();
    expect([status, headers.get('retry-after'), body.type]).toEqual([429, '2', 'function_concurrency_exceeded']);
  });

  test('waits as long as a synchronous call may, then answers 408 and aborts', async () => {
    Object.assign(bed.answering.state, { outcome: () => new Promise(() => undefined) });
    expect(await execute()).toMatchObject({ status: 408, body: { type: 'function_synchronous_timeout', code: 408 } });
    expect(lastAsked().signal?.aborted).toBe(true);
  });

  test('waits for the end of a response that comes as a stream', async () => {
    Object.assign(bed.answering.state, {
      outcome: () => ({ kind: 'response', status: 200, headers: [], body: new Response(new Blob(['a', 'b'])).body }),
    });
    expect((await execute()).body.responseBody).toBe('ab');
    const cancel = Promise.withResolvers<void>();
    const endless = new ReadableStream({
      pull: (controller) => controller.enqueue(new Uint8Array(1_048_576)),
      cancel: () => cancel.resolve(),
    });
    Object.assign(bed.answering.state, { outcome: () => ({ kind: 'response', status: 200, headers: [], body: endless }) });
    expect((await execute()).body).toMatchObject({ code: 400, type: 'general_bad_request' });
    await cancel.promise;
  });

  test('gives bytes that are no text in a form only', async () => {
    const bytes = Buffer.from([0x00, 0x14, 0xff]);
    Object.assign(bed.answering.state, { outcome: () => ({ kind: 'response', status: 200, headers: [], body: bytes }) });
    expect((await execute()).body).toMatchObject({
      code: 400,
      type: 'general_bad_request',
      message: expect.stringMatching(/^Failed to parse response/),
    });
    const request = new Request('http://localhost/v1/functions/open/executions', {
      method: 'POST',
      headers: { 'x-martlet-key': bed.secret, accept: 'multipart/form-data', 'content-type': 'application/json' },
      body: '{}',
    });
    const response = await bed.api.fetch(request, { clientIp: '' });
    const text = Buffer.from(await response.arrayBuffer()).toString('latin1');
    expect(response.headers.get('content-type')).toMatch(/^multipart\/form-data; boundary=-+[0-9a-f]{20}$/);
    expect(text).toContain('name="responseBody"\r\n\r\n\x00\x14\xff\r\n');
    expect(text).toContain('name="responseStatusCode"\r\n\r\n200\r\n');
  });

  test('takes bytes in a form as they are', async () => {
    const bytes = Buffer.from([0x00, 0x14, 0xff, 0x0d, 0x0a, 0xef, 0xbb, 0xbf]);
    const boundary = '----x';
    const part = (name: string, content: Buffer | string) => [
      Buffer.from(`--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n`),
      Buffer.from(content),
      Buffer.from('\r\n'),
    ];
    const body = Buffer.concat([
      ...part('body', bytes),
      ...part('path', '/größe'),
      ...part('method', 'PATCH'),
      ...part('headers', '{"x-a":"1"}'),
      ...part('async', 'false'),
      Buffer.from(`--${boundary}--\r\n`),
    ]);
    const { status } = await bed.call('/v1/functions/open/executions', {
      method: 'POST',
      body: new Uint8Array(body),
      headers: { 'content-type': `multipart/form-data; boundary=${boundary}` },
    });
    expect(status).toBe(201);
    expect(Buffer.from(lastAsked().body as Uint8Array)).toEqual(bytes);
    expect(lastAsked()).toMatchObject({ method: 'PATCH', path: '/gr%C3%B6%C3%9Fe', headers: ['x-a', '1'] });
  });

  test.each([
    [{ async: true, scheduledAt: '2001-01-01T00:00:00Z' }, 'general_argument_invalid', 'Value must be valid date in the future'],
    [{ async: true, scheduledAt: '2999-01-01T00:00:00Z' }, 'general_argument_invalid', 'Value must be valid date in the future'],
    [{ priority: 1 }, 'general_argument_invalid', 'set async to true'],
    [
      { scheduledAt: '2099-01-01T00:00:00Z' },
      'general_bad_request',
      'Scheduled executions must run asynchronously. Set scheduledAt to a future date, or set async to true.',
    ],
    [
      { method: 'BREW' },
      'general_argument_invalid',
      'Invalid `method` param: Value must be one of (GET, POST, PUT, PATCH, DELETE, OPTIONS, HEAD)',
    ],
    [
      { headers: { 'x-appwrite-key': 'forged' } },
      'general_argument_invalid',
      'Invalid headers: Alphanumeric characters or hyphens only, cannot start with "x-appwrite", maximum 100 keys, and total size 16384.',
    ],
    [{ headers: { 'x-a': 'b\r\nx-c: d' } }, 'general_argument_invalid', 'Invalid headers: Alphanumeric'],
    [{ headers: 'nonsense' }, 'general_argument_invalid', 'Invalid `headers` param'],
    [
      { body: { a: 1 } },
      'general_argument_invalid',
      'Invalid `body` param: Value must be a valid string and no longer than 10485760 chars',
    ],
    [
      { path: '' },
      'general_argument_invalid',
      'Invalid `path` param: Value must be a valid string and at least 1 chars and no longer than 2048 chars',
    ],
  ])('refuses %j', async (json, type, message) => {
    const { status, body } = await execute(json);
    expect([status, body.type]).toEqual([400, type]);
    expect(body.message).toContain(message);
    expect(bed.answering.asked).toEqual([]);
  });

  test('of a function by a function counts how deep the calls go', async () => {
    bed.tokens.set('token', { kind: 'execution', projectId: 'default', executionId: 'e', scopes: new Set(['executions.write']), hops: 4 });
    await execute({}, { key: 'token' });
    expect(lastAsked().hops).toBe(5);
  });
});

describe('records', () => {
  const line = { time: 5, level: 'info', stream: 'logs', text: 'kept' } as const;
  beforeAll(() =>
    bed.store.executions.write([
      { row: executionRow({ id: 'done', functionId: 'open', requestHeaders: ['host', 'x'] }), lines: [line] },
      {
        row: executionRow({
          id: 'bad',
          functionId: 'open',
          status: 'failed',
          errorCode: 'execution_threw',
          responseStatus: 500,
          cold: true,
        }),
        lines: [],
      },
      { row: executionRow({ id: 'other', functionId: 'closed' }), lines: [] },
      { row: executionRow({ id: 'foreign', functionId: 'open', projectId: 'elsewhere' }), lines: [] },
    ]),
  );

  test('are read with their logs, under the function and without it', async () => {
    for (const path of ['/v1/functions/open/executions/done', '/v1/executions/done']) {
      expect((await bed.call(path)).body).toMatchObject({
        $id: 'done',
        logs: 'kept',
        logLines: [line],
        requestHeaders: [{ name: 'host', value: 'x' }],
        responseBody: '',
      });
    }
    for (const path of ['/v1/functions/closed/executions/done', '/v1/executions/foreign', '/v1/functions/open/executions/nobody']) {
      expect((await bed.call(path)).body).toMatchObject({ code: 404, type: 'execution_not_found' });
    }
  });

  test('are listed by queries, of one function and of all', async () => {
    const ids = async (path: string) => (await bed.call(path)).body.executions.map(({ $id }: { $id: string }) => $id);
    expect(await ids('/v1/functions/open/executions')).toEqual(['done', 'bad']);
    expect(await ids('/v1/executions')).toEqual(['done', 'bad', 'other']);
    expect(
      await ids(`/v1/executions?queries[]=${encodeURIComponent('{"method":"equal","attribute":"status","values":["failed"]}')}`),
    ).toEqual(['bad']);
    expect((await bed.call('/v1/functions/open/executions', { key: null })).status).toBe(401);
  });

  test('are visible while they run, and before they are committed', async () => {
    bed.answering.pending.set('running', {
      row: executionRow({ id: 'running', functionId: 'open', status: 'processing', responseStatus: 0 }),
      lines: [line],
    });
    expect((await bed.call('/v1/executions/running')).body).toMatchObject({ status: 'processing', logs: 'kept' });
    expect((await bed.call('/v1/functions/closed/executions/running')).status).toBe(404);
    expect((await bed.call('/v1/executions?live=true')).body).toMatchObject({ total: 1, executions: [{ $id: 'running' }] });
  });

  test('are canceled while they run; afterwards nothing changes', async () => {
    bed.answering.pending.set('running', { row: executionRow({ id: 'running', functionId: 'open', status: 'processing' }), lines: [] });
    expect((await bed.call('/v1/executions/running/cancel', { method: 'POST' })).body).toMatchObject({
      status: 'failed',
      errorCode: 'execution_canceled',
    });
    expect(await bed.call('/v1/functions/open/executions/done/cancel', { method: 'POST' })).toMatchObject({
      status: 200,
      body: { status: 'completed' },
    });
    expect((await bed.call('/v1/executions/nobody/cancel', { method: 'POST' })).status).toBe(404);
    expect((await bed.call('/v1/executions/done/cancel', { method: 'POST', key: null })).body.type).toBe('user_unauthorized');
  });

  test('are deleted once they have ended, and by keys only', async () => {
    bed.answering.pending.set('running', { row: executionRow({ id: 'running', functionId: 'open', status: 'processing' }), lines: [] });
    const remove = (id: string, key?: null) =>
      bed.call(`/v1/functions/open/executions/${id}`, { method: 'DELETE', ...(key === undefined ? {} : { key }) });
    expect((await remove('running')).body).toMatchObject({ code: 400, type: 'execution_in_progress' });
    expect((await remove('bad', null)).body.type).toBe('user_unauthorized');
    expect((await remove('bad')).status).toBe(204);
    expect((await remove('bad')).body.type).toBe('execution_not_found');
    expect((await remove('other')).body.type).toBe('execution_not_found');
  });

  test('are followed: what is there, what comes, each line once, and the end', async () => {
    const late = { ...line, time: 6, text: 'late' };
    const row = executionRow({ id: 'running', functionId: 'open', status: 'processing' });
    bed.answering.pending.set('running', { row, lines: [line] });
    Object.assign(bed.answering.state, {
      follow: [
        { executionId: 'running', functionId: 'open', line },
        { executionId: 'running', functionId: 'open', line: late },
        { executionId: 'running', functionId: 'open', ended: { ...row, status: 'completed' } },
      ],
    });
    const { headers, body } = await bed.call('/v1/logs?executionId=running');
    expect(headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    const events = body
      .split('\n\n')
      .filter((event: string) => event.startsWith('event: '))
      .map((event: string) => [event.split('\n')[0], JSON.parse(event.slice(event.indexOf('data: ') + 6)).text]);
    expect(events).toEqual([
      ['event: line', 'kept'],
      ['event: line', 'late'],
      ['event: ended', undefined],
    ]);
    expect((await bed.call('/v1/logs?executionId=done')).body).toContain('event: ended');
    expect((await bed.call('/v1/logs?executionId=foreign')).status).toBe(404);
    expect((await bed.call('/v1/logs?functionId=nobody')).status).toBe(404);
    expect((await bed.call('/v1/logs', { key: null })).status).toBe(401);
  });
});
