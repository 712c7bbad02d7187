/** What a call of a function sends, and what comes of its answer. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createClient, FunctionError, type MartletClient } from '../src/index.ts';
import { formOf, json, startLocalServer, type LocalServer } from './local-server.ts';

let server: LocalServer;
let client: MartletClient;
beforeAll(async () => {
  server = await startLocalServer();
});
beforeEach(() => {
  server.received.length = 0;
  server.answer((_request, response) => json(response, 200, {}));
  client = createClient({ url: server.url });
});
afterAll(() => server.close());

describe('invoke sends', () => {
  test('named parameters as JSON to the path of the name', async () => {
    await client.functions.invoke('orders/process', { id: 7, at: new Date(0), none: null, left: undefined });
    const { method, url, headers, body } = server.last();
    expect([method, url, headers['content-type']]).toEqual(['POST', '/functions/orders/process', 'application/json']);
    expect(body).toBe('{"id":7,"at":"1970-01-01T00:00:00.000Z","none":null}');
  });

  test('an empty object where no data is given, so that it can be read as JSON', async () => {
    await client.functions.invoke('hello');
    expect([server.last().body, server.last().headers['content-type']]).toEqual(['{}', 'application/json']);
  });

  test('a list as JSON', async () => {
    await client.functions.invoke('sum', [1, 2]);
    expect(server.last().body).toBe('[1,2]');
  });

  test('the project in the path and the caller in one header', async () => {
    await createClient({ url: `${server.url}/`, project: 'shop', token: 'abc.def.ghi' }).functions.invoke('hello');
    expect([server.last().url, server.last().headers.authorization]).toEqual(['/api/apps/shop/functions/hello', 'Bearer abc.def.ghi']);
  });

  test('odd characters of a name as parts of a path', async () => {
    await client.functions.invoke('/a b?x=1#h/é/');
    expect(server.last().url).toBe('/functions/a%20b%3Fx%3D1%23h/%C3%A9');
  });

  test('the headers of the caller instead of its own', async () => {
    const headers = { authorization: 'Basic eDp5', 'content-type': 'application/vnd.own+json', 'x-own': '1' };
    await createClient({ url: server.url, token: 't' }).functions.invoke('hello', { a: 1 }, { headers });
    expect(server.last().headers).toMatchObject(headers);
  });

  test('a form as it is', async () => {
    const form = new FormData();
    form.append('a', '1');
    form.append('a', '2');
    await client.functions.invoke('upload', form, { headers: { 'content-type': 'application/json' } });
    expect(server.last().headers['content-type']).toMatch(/^multipart\/form-data; boundary=/);
    expect(await formOf(server.last())).toEqual([
      ['a', '1'],
      ['a', '2'],
    ]);
  });

  test('a form as soon as a file is among the parameters', async () => {
    await client.functions.invoke('upload', {
      file: new File(['hi'], 'hi.txt', { type: 'text/plain' }),
      blob: new Blob(['raw'], { type: 'application/x-raw' }),
      text: 'word',
      count: 3,
      yes: true,
      none: null,
      left: undefined,
      at: new Date(0),
      options: { deep: [1, { a: 'b' }] },
    });
    expect(await formOf(server.last())).toEqual([
      ['file', 'hi.txt (text/plain): hi'],
      ['blob', 'blob (application/x-raw): raw'],
      ['text', 'word'],
      ['count', '3'],
      ['yes', 'true'],
      ['none', 'null'],
      ['at', '1970-01-01T00:00:00.000Z'],
      ['options', '{"deep":[1,{"a":"b"}]}'],
    ]);
  });

  test('several files of one name as several fields of that name', async () => {
    await client.functions.invoke('upload', { files: [new File(['1'], '1.txt'), new File(['2'], '2.txt')] });
    expect((await formOf(server.last())).map(([name, value]) => `${name} ${value.slice(0, 5)}`)).toEqual(['files 1.txt', 'files 2.txt']);
  });

  test('files inside of objects and lists as fields that the JSON names', async () => {
    const photo = new File(['pixels'], 'p.png', { type: 'image/png' });
    await client.functions.invoke('upload', { order: { id: 7, items: [{ name: 'a', photo }, 'plain'] }, mixed: [new Blob(['x']), 5] });
    const fields = Object.fromEntries(await formOf(server.last()));
    expect(fields).toEqual({
      'order[items][0][photo]': 'p.png (image/png): pixels',
      order: '{"id":7,"items":[{"name":"a","photo":"order[items][0][photo]"},"plain"]}',
      'mixed[0]': 'blob (application/octet-stream): x',
      mixed: '["mixed[0]",5]',
    });
  });
});

describe('invoke refuses, and sends nothing,', () => {
  const circular: Record<string, unknown> = {};
  circular['self'] = circular;
  const withFile: Record<string, unknown> = { file: new Blob(['x']) };
  withFile['nested'] = { file: new Blob(['x']), up: withFile };

  test.each<[string, unknown, RegExp]>([
    ['a string', 'hello', /`data` must be an object with named parameters, not a string/],
    ['null', null, /not null/],
    ['a number', 5, /not a number/],
    ['a function', () => 1, /not a function/],
    ['a file', new File(['x'], 'x'), /not a File; give it a name, such as \{ file \}/],
    ['bytes', new Uint8Array(2), /not Uint8Array; for any other body use functions\.fetch/],
    ['a map', new Map(), /not Map/],
    ['a stream', new ReadableStream(), /not ReadableStream/],
    ['a list of files', [new Blob(['x'])], /a list of files has no names/],
    ['what refers to itself', circular, /cannot be written as JSON/],
    ['what refers to itself beside a file', withFile, /cannot be written as JSON/],
    ['big integers', { big: 1n }, /cannot be written as JSON/],
  ])('%s', async (_what, data, message) => {
    await expect(client.functions.invoke('upload', data as object)).rejects.toThrow(message);
    await expect(client.functions.invoke('upload', data as object)).rejects.toBeInstanceOf(TypeError);
    expect(server.received).toEqual([]);
  });

  test.each(['', '/', '..', 'a/../../v1/keys', 'a/%2e%2E/b', '.', 'a\\..\\b', 'a/.\t./b'])('the name %j', async (name) => {
    await expect(client.functions.invoke(name)).rejects.toThrow(/^Cannot call a function: `name`/);
    expect(server.received).toEqual([]);
  });

  test.each([0, -1, Number.NaN])('the timeout %s', async (timeout) => {
    await expect(client.functions.invoke('hello', {}, { timeout })).rejects.toThrow(/`timeout`/);
  });
});

describe('invoke gives', () => {
  test('data, status, headers and the id of the execution', async () => {
    server.answer((_request, response) => json(response, 201, { made: true }, { 'x-martlet-execution-id': 'e1', 'x-own': 'yes' }));
    const { data, status, headers, executionId } = await client.functions.invoke<{ made: boolean }>('make');
    expect([data.made, status, headers.get('x-own'), executionId]).toEqual([true, 201, 'yes', 'e1']);
  });

  test.each<[string, string, unknown]>([
    ['text/plain', 'words', 'words'],
    ['text/plain;charset=UTF-8', '{"a":1}', { a: 1 }],
    ['text/plain', '[not json', '[not json'],
    ['text/plain', '5', '5'],
    ['text/html', '{"a":1}', '{"a":1}'],
    ['application/problem+json', '{"a":1}', { a: 1 }],
    ['application/json', 'broken', 'broken'],
    ['application/json', '"text"', 'text'],
    ['application/xml', '<a/>', '<a/>'],
    ['application/json', '', undefined],
  ])('a body of %s: %s', async (type, body, data) => {
    server.answer((_request, response) => response.writeHead(200, { 'content-type': type }).end(body));
    expect((await client.functions.invoke('hello')).data).toEqual(data);
  });

  test('any other body as a Blob, unchanged', async () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
    server.answer((_request, response) => response.writeHead(200, { 'content-type': 'application/pdf' }).end(bytes));
    const { data } = await client.functions.invoke<Blob>('pdf');
    expect([data.type, new Uint8Array(await data.arrayBuffer())]).toEqual(['application/pdf', bytes]);
  });

  test('nothing for 204', async () => {
    server.answer((_request, response) => response.writeHead(204).end());
    expect(await client.functions.invoke('hello')).toMatchObject({ data: undefined, status: 204, executionId: undefined });
  });
});

describe('a failure of the function', () => {
  const failed = async (): Promise<FunctionError> => {
    const error: unknown = await client.functions.invoke('pay', {}).catch((reason: unknown) => reason);
    if (!(error instanceof FunctionError)) throw new Error(`Not a FunctionError: ${String(error)}`);
    return error;
  };

  test('rejects with its status, body, code and execution', async () => {
    server.answer((_request, response) =>
      json(
        response,
        402,
        { error: { message: 'Card declined', code: 'declined' }, extra: 1 },
        { 'x-martlet-execution-id': 'e9', 'retry-after': '3' },
      ),
    );
    const error = await failed();
    expect(error).toMatchObject({ name: 'FunctionError', functionName: 'pay', status: 402, code: 'declined', executionId: 'e9' });
    expect(error.message).toBe('Function "pay" answered 402: Card declined');
    expect(error.data).toEqual({ error: { message: 'Card declined', code: 'declined' }, extra: 1 });
    expect(error.headers.get('retry-after')).toBe('3');
  });

  test.each<[unknown, string, string]>([
    [{ error: 'boom' }, 'boom', 'http_500'],
    [{ message: 'no', code: 'EXECUTION_THREW', executionId: 'e3' }, 'no', 'EXECUTION_THREW'],
    [{ detail: 'why', type: 'general_x', code: 500 }, 'why', 'general_x'],
    ['just text', 'just text', 'http_500'],
    [[], 'Internal Server Error', 'http_500'],
    ['<!doctype html><h1>Bad Gateway</h1>', 'Internal Server Error', 'http_500'],
  ])('is told by its body %j', async (body, reason, code) => {
    server.answer((_request, response) => json(response, 500, body));
    expect(await failed()).toMatchObject({ message: `Function "pay" answered 500: ${reason}`, code });
  });

  test('finds the execution in the body where headers are closed to the page', async () => {
    server.answer((_request, response) => json(response, 500, { error: 'x', executionId: 'e4' }));
    expect((await failed()).executionId).toBe('e4');
  });
});
