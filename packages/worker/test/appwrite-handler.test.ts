import { afterEach, describe, expect, it } from 'vitest';
import { createAppwriteContext, isAppwriteHandler, toResponseParts } from '../src/appwrite/appwrite-handler.ts';
import { HandlerFailure } from '../src/execution/handler-failure.ts';

/** Functions as text, so that no compiler of the tests changes what stands in them. */
function handler(source: string): Function {
  return new Function(`return (${source});`)() as Function;
}

const appwrite = [
  'async ({ req, res }) => res.json(req.query)',
  'async function main({ res: answer }) { return answer.empty(); }',
  '(context) => context.res.empty()',
  'context => context.res.empty()',
  'async context => { const { req, res } = context; return res.text(req.path); }',
  '(c) => { const { req: { headers }, res } = c; return res.json(headers); }',
  '(c) => c?.res.json({})',
  '(c) => c["res"].text("x")',
  '({ log, ...rest }) => rest.res.empty()',
  '({ ...rest }) => rest.req.path',
  '(/* req */ $c = {}) => `a${ $c.req.path }b`',
  '({ async main(context) { if (/[\'"`]/.test("x")) return 1; return context.error("x"); } }).main',
  '({ async ["na(me"](context) { return context.res.empty(); } })["na(me"]',
  'async ({ req = {}, res }) => res.empty()',
  'function (_a) { var req = _a.req, res = _a.res; return res.text(req.path); }',
  '(() => { const __name = (f) => f; const h = /* @__PURE__ */ __name(async ({ req, res }) => res.empty(), "default"); return h; })()',
];

const others = [
  '(req) => req.json()',
  'async (request, { log }) => Response.json({ a: request.url })',
  'async (request, context) => { context.log("x"); return new Response(request.url); }',
  '({ url, method }) => new Response(url + method)',
  '() => new Response()',
  '(c) => new Response("c.res")',
  '(c) => { /* c.res */ // c.req\n return new Response(c.url); }',
  '(req, res) => res.req',
  'Math.max',
  'class A { constructor(c) { c.res; } }',
  '(a) => { const b = { c: a }; return b.a; }',
  '(c) => { const x = { c: {} }; return x.c.res; }',
  '(r) => /r.res/.test(r.url)',
  '(r) => `r.res ${r.url} r.req`',
  '(r) => { const { req } = other; return r; }',
  '(r) => r.request',
];

describe('recognising an Appwrite handler', () => {
  it.each(appwrite)('takes %s', (source) => expect(isAppwriteHandler(handler(source))).toBe(true));
  it.each(others)('leaves %s', (source) => expect(isAppwriteHandler(handler(source))).toBe(false));
});

function contextFor(options: { url?: string; headers?: string[]; body?: string; method?: string; platform?: [string, string][] } = {}) {
  return createAppwriteContext({
    request: { method: options.method ?? 'get', url: options.url ?? 'http://f.example.com/', headers: options.headers ?? [] },
    bodyBytes: Buffer.from(options.body ?? ''),
    platformHeaders: options.platform ?? [],
    log: () => undefined,
    error: () => undefined,
  });
}

describe('req', () => {
  it('lists its keys in the order of the contract', () => {
    expect(Object.keys(contextFor().req)).toEqual([
      'body',
      'bodyRaw',
      'bodyText',
      'bodyJson',
      'bodyBinary',
      'headers',
      'method',
      'host',
      'scheme',
      'query',
      'queryString',
      'port',
      'url',
      'path',
    ]);
  });

  it('takes the URL apart without decoding it', () => {
    const { req } = contextFor({ url: 'http://f.example.com:8080/a%20b/c?x=%C3%BC&x=2&=v&y+z=a+b&k' });
    expect(req).toMatchObject({
      path: '/a%20b/c',
      queryString: 'x=%C3%BC&x=2&=v&y+z=a+b&k',
      query: { x: '2', 'y+z': 'a+b', k: '' },
      host: 'f.example.com',
      port: 8080,
      scheme: 'http',
      method: 'GET',
    });
    expect(req.url).toBe('http://f.example.com:8080/a%20b/c?x=%C3%BC&x=2&=v&y+z=a+b&k');
  });

  it('ends the query at a second question mark, keeps slashes, and leaves a default port out', () => {
    expect(contextFor({ url: 'http://h/a?b?c=d' }).req).toMatchObject({ path: '/a', queryString: 'b' });
    expect(contextFor({ url: 'https://h:443//x//y?' }).req).toMatchObject({
      path: '//x//y',
      queryString: '',
      port: 443,
      url: 'https://h//x//y',
    });
    expect(contextFor({ url: 'http://[::1]:81/' }).req).toMatchObject({ host: '[::1]', port: 81 });
  });

  it('keeps a query key named __proto__ as data', () => {
    const { query } = contextFor({ url: 'http://h/?__proto__=x' }).req;
    expect(Object.entries(query)).toEqual([['__proto__', 'x']]);
  });

  it('parses a JSON body only when it is read, and an empty one as an empty object', () => {
    const type = ['Content-Type', 'Application/JSON; charset=utf-8'];
    expect(contextFor({ headers: type, body: '{"a":1}' }).req.body).toEqual({ a: 1 });
    expect(contextFor({ headers: type }).req.body).toEqual({});
    expect(() => contextFor({ headers: type }).req.bodyJson).toThrow(SyntaxError);
    const broken = contextFor({ headers: type, body: '{' }).req;
    expect(broken.bodyText).toBe('{');
    expect(() => broken.body).toThrow(SyntaxError);
  });

  it('gives every other body as text, and the bytes beside', () => {
    const { req } = contextFor({ headers: ['content-type', 'image/png'], body: 'ü' });
    expect(req.body).toBe('ü');
    expect(req.bodyRaw).toBe('ü');
    expect([...req.bodyBinary]).toEqual([0xc3, 0xbc]);
  });

  it('lowers header names, joins repeated ones, and lets no caller override the platform', () => {
    const { headers } = contextFor({
      headers: [
        'X-A',
        '1',
        'x-a',
        '2',
        'Cookie',
        'a=1',
        'cookie',
        'b=2',
        'Host',
        'h',
        'host',
        'evil',
        'X-Open-Runtimes-Secret',
        's',
        'X-Appwrite-User-Id',
        'forged',
      ],
      platform: [['x-appwrite-user-id', 'u1']],
    }).req;
    expect(headers).toEqual({ 'x-a': '1, 2', cookie: 'a=1; b=2', host: 'h', 'x-appwrite-user-id': 'u1' });
  });
});

describe('the variable OPEN_RUNTIMES_HEADERS', () => {
  afterEach(() => {
    delete process.env['OPEN_RUNTIMES_HEADERS'];
  });

  it('overrides every header, and says so when it is not JSON', () => {
    process.env['OPEN_RUNTIMES_HEADERS'] = '{"X-A":5,"x-appwrite-trigger":"own"}';
    const options = { headers: ['x-a', '1'], platform: [['x-appwrite-trigger', 'http']] as [string, string][] };
    expect(contextFor(options).req.headers).toEqual({ 'x-a': '5', 'x-appwrite-trigger': 'own' });
    process.env['OPEN_RUNTIMES_HEADERS'] = 'x-a: 5';
    expect(() => contextFor(options).req.headers).toThrow('Cannot read the variable OPEN_RUNTIMES_HEADERS');
  });
});

const text = (output: unknown): string => Buffer.from(toResponseParts(output).body).toString();
const headersOf = (output: unknown): Record<string, string[]> => {
  const grouped: Record<string, string[]> = {};
  const { headers } = toResponseParts(output);
  for (let at = 0; at < headers.length; at += 2) (grouped[headers[at] ?? ''] ??= []).push(headers[at + 1] ?? '');
  return grouped;
};

describe('res', () => {
  const { res } = contextFor();
  const { json, binary } = res;

  it('answers with text, JSON, bytes, nothing and redirects, also when a function is taken out of it', () => {
    expect(toResponseParts(res.text('hä', 201))).toMatchObject({ status: 201, headers: ['content-type', 'text/plain; charset=utf-8'] });
    expect(text(json({ a: 1 }))).toBe('{"a":1}');
    expect(headersOf(json({}))).toEqual({ 'content-type': ['application/json; charset=utf-8'] });
    expect(toResponseParts(res.empty())).toMatchObject({ status: 204, body: new Uint8Array(0) });
    expect(toResponseParts(res.redirect('/ä b', 302)).status).toBe(302);
    expect(headersOf(res.redirect('/x'))['location']).toEqual(['/x']);
  });

  it('lets json() set the content type whatever the handler gave', () => {
    expect(headersOf(json({}, 200, { 'Content-Type': 'text/html', 'x-a': 1 }))).toEqual({
      'x-a': ['1'],
      'content-type': ['application/json; charset=utf-8'],
    });
  });

  it.each([
    Buffer.from([1, 2]),
    new Uint8Array([1, 2]),
    new Uint8Array([1, 2]).buffer,
    new DataView(new Uint8Array([1, 2]).buffer),
    new Uint8Array([0, 1, 2]).subarray(1),
  ])('sends binary %s as its bytes', (bytes) => expect([...toResponseParts(binary(bytes)).body]).toEqual([1, 2]));

  it('refuses bodies that are no text or no JSON', () => {
    expect(() => res.text(Reflect.get({}, 'x'))).toThrow(TypeError);
    expect(() => res.text(JSON.parse('5'))).toThrow(TypeError);
    expect(() => json(undefined)).toThrow(TypeError);
    expect(() => json({ a: 1n })).toThrow(TypeError);
  });

  it('sends what send() is given: text, numbers, objects without a JSON type, nothing', () => {
    expect(text(res.send('x'))).toBe('x');
    expect(text(res.send(42))).toBe('42');
    expect(text(res.send({ a: 1 }))).toBe('{"a":1}');
    expect(headersOf(res.send({ a: 1 }))).toEqual({ 'content-type': ['text/plain; charset=utf-8'] });
    expect(text(res.send(null))).toBe('');
  });
});

describe('the output of a handler', () => {
  const failure = (output: unknown): { kind: string; message: string } => {
    try {
      toResponseParts(output);
    } catch (error) {
      if (error instanceof HandlerFailure) return { kind: error.kind, message: error.message };
      throw error;
    }
    return { kind: 'none', message: '' };
  };

  it('may be a plain object with parts missing', () => {
    expect(toResponseParts({})).toMatchObject({ status: 200, headers: ['content-type', 'text/plain; charset=utf-8'] });
    expect(text({ body: 'x' })).toBe('x');
    expect(toResponseParts({ statusCode: '404' }).status).toBe(404);
  });

  it.each([undefined, null, 'hello', 42, true])('is missing when it is %s', (output) => expect(failure(output).kind).toBe('no_response'));
  it('says what to do when nothing was returned', () =>
    expect(failure(undefined).message).toBe('Return statement missing. return context.res.empty() if no response is expected.'));
  it.each([99, 199, 600, 1000, 'abc', Number.NaN, {}, Symbol('s')])('is invalid with the status %s', (statusCode) =>
    expect(failure({ statusCode }).kind).toBe('response_invalid'),
  );

  it.each([
    { 'x-a': 'a\nb' },
    { 'x-a': 'a\r\nset-cookie: b' },
    { 'x-a': '日本' },
    { 'x-a': undefined },
    { 'x a': 'b' },
    { '': 'b' },
    { 'x-a': ['ok', 'bad\0'] },
  ])('is invalid with the headers %j and names the culprit', (headers) => {
    const { kind, message } = failure({ headers });
    expect(kind).toBe('response_invalid');
    expect(message).toContain(Object.keys(headers)[0]);
  });

  it('is invalid with more headers than the wall takes', () => {
    const headers = Object.fromEntries(Array.from({ length: 1001 }, (_, index) => [`x-${index}`, 'v']));
    expect(failure({ headers }).kind).toBe('response_invalid');
    expect(failure({ headers: { 'x-long': 'v'.repeat(70_000) } }).kind).toBe('response_invalid');
  });

  it('repeats headers that are lists, drops platform headers and framing, writes numbers as text', () => {
    expect(headersOf({ headers: { 'Set-Cookie': ['a=1', 'b=2'], 'X-Open-Runtimes-Log-Id': 'x', 'Content-Length': 9, 'x-n': 5 } })).toEqual({
      'set-cookie': ['a=1', 'b=2'],
      'x-n': ['5'],
      'content-type': ['text/plain; charset=utf-8'],
    });
    expect(headersOf({ headers: new Headers({ 'x-a': '1' }) })['x-a']).toEqual(['1']);
  });

  it.each([
    ['image/png', 'image/png; charset=utf-8'],
    ['TEXT/PLAIN', 'text/plain; charset=utf-8'],
    ['Text/HTML; Charset=ISO-8859-1', 'Text/HTML; Charset=ISO-8859-1'],
    ['multipart/form-data; boundary=AbC', 'multipart/form-data; boundary=AbC'],
  ])('turns the content type %s into %s', (given, sent) =>
    expect(headersOf({ headers: { 'content-type': given } })['content-type']).toEqual([sent]),
  );

  it.each([204, 304])('has no body with status %i', (statusCode) => expect(toResponseParts({ statusCode, body: 'x' }).body.length).toBe(0));
});
