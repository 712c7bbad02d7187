/** The platform's own `Request` and `Response` do what the native ones do: the same steps on both, and the same answers. */
import { inspect } from 'node:util';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { emptyBody, InlineBody, StreamedBody, type RequestBody } from '../src/web/request-body.ts';

const NativeRequest = globalThis.Request;
const NativeResponse = globalThis.Response;
const nativeFetch = globalThis.fetch;
const { FunctionRequest, PatchedRequest } = await import('../src/web/function-request.ts');
const { FunctionResponse } = await import('../src/web/function-response.ts');
afterAll(() => {
  Object.assign(globalThis, { Request: NativeRequest, Response: NativeResponse, fetch: nativeFetch });
});

/** Some steps wait for ever on a native body, too: to cancel one branch of two waits for the other. */
const STUCK = 'stuck';
const steps = [
  'text',
  'json',
  'bytes',
  'arrayBuffer',
  'blob',
  'bodyUsed',
  'hasBody',
  'readBody',
  'clone',
  'cloneText',
  'cloneBody',
  'rewrap',
  'cancelBody',
  'locked',
  'rewrapBody',
] as const;
type Step = (typeof steps)[number];
type Message = Request | Response;
interface Kind {
  readonly rewrap: (message: Message) => Message;
}

/** What each step gave, with errors by the kind of error. */
function play(message: Message, kind: Kind, script: readonly Step[]): Promise<unknown> {
  return Promise.race([playAll(message, kind, script), new Promise((resolve) => setTimeout(resolve, 100, STUCK))]);
}
async function playAll(message: Message, kind: Kind, script: readonly Step[]): Promise<unknown[]> {
  const seen: unknown[] = [];
  let current = message;
  for (const step of script) {
    try {
      switch (step) {
        case 'text':
          seen.push(await current.text());
          break;
        case 'json':
          seen.push(await current.json());
          break;
        case 'bytes':
          seen.push([...(await current.bytes())]);
          break;
        case 'arrayBuffer':
          seen.push([...new Uint8Array(await current.arrayBuffer())]);
          break;
        case 'blob': {
          const blob = await current.blob();
          seen.push([blob.type, await blob.text()]);
          break;
        }
        case 'bodyUsed':
          seen.push(current.bodyUsed);
          break;
        case 'hasBody':
          seen.push(current.body === null, current.body === current.body);
          break;
        case 'locked':
          seen.push(current.body?.locked);
          break;
        case 'readBody':
          seen.push(current.body === null ? null : Buffer.from(await readAll(current.body)).toString());
          break;
        case 'cancelBody':
          await current.body?.cancel();
          seen.push('canceled');
          break;
        case 'clone':
          current = current.clone() as Message;
          seen.push('cloned', [...current.headers]);
          break;
        case 'cloneText': {
          const copy = current.clone();
          seen.push(await copy.text(), current.bodyUsed);
          break;
        }
        case 'cloneBody': {
          const copy = current.clone();
          seen.push(copy.body === null ? null : Buffer.from(await readAll(copy.body)).toString(), current.bodyUsed);
          break;
        }
        case 'rewrap': {
          const old = current;
          current = kind.rewrap(current);
          seen.push(old.bodyUsed, [...current.headers]);
          break;
        }
        case 'rewrapBody':
          seen.push(await new NativeResponse(current.body).text());
          break;
      }
    } catch (error) {
      seen.push((error as Error).name);
    }
  }
  return seen;
}
async function readAll(stream: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  const reader = stream.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    parts.push(value);
  }
  reader.releaseLock();
  return Buffer.concat(parts);
}

const texts = fc.oneof(
  fc.constantFrom('', '{"a":1}', 'äöü', '\uFEFF{"a":1}', 'lone \uD800 surrogate', 'not json'),
  fc.string({ unit: 'grapheme', maxLength: 20 }),
);
const scripts = fc.array(fc.constantFrom(...steps), { minLength: 1, maxLength: 5 });

describe('a request', () => {
  test.each(['inline', 'streamed'] as const)('with its body %s', async (how) => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('GET', 'POST'),
        texts,
        scripts,
        fc.option(fc.constantFrom('text/plain', 'Application/JSON; Charset="UTF-8"'), { nil: undefined }),
        async (method, text, script, type) => {
          const given = method === 'GET' ? '' : text;
          const bytes = new Uint8Array(Buffer.from(given));
          if (how === 'streamed' && (bytes.length === 0 || method === 'GET')) return;
          const headers: [string, string][] = type === undefined ? [] : [['content-type', type]];
          const native = new NativeRequest('http://x/', { method, headers, ...(bytes.length > 0 && { body: bytes }) });
          const ours = new FunctionRequest({
            url: 'http://x/',
            method,
            headers: () => new Headers(headers),
            signal: () => new AbortController().signal,
            body: bodyOf(how, bytes),
          });
          const expected = await play(native, { rewrap: (m) => new NativeRequest(m as Request) }, script);
          const actual = await play(ours, { rewrap: (m) => new PatchedRequest(m as Request) }, script);
          if (expected !== STUCK) expect(actual).toEqual(expected);
        },
      ),
      { numRuns: 400 },
    );
  });
});

function bodyOf(how: 'inline' | 'streamed', bytes: Uint8Array<ArrayBuffer>): RequestBody {
  if (how === 'inline') return bytes.length === 0 ? emptyBody : new InlineBody(bytes);
  const body = new StreamedBody(1_000_000, () => undefined);
  body.push(bytes);
  body.end();
  return body;
}

describe('a response', () => {
  const bodies = fc.oneof(
    texts.map((t) => () => t),
    texts.map((t) => () => new Uint8Array(Buffer.from(t))),
    texts.map((t) => () => new Blob([t], { type: 'Text/X' })),
    texts.map((t) => () => new URLSearchParams({ t })),
    fc.constant(() => null),
    fc.constant(() => undefined),
    texts.map((t) => () => new NativeResponse(t).body),
  );
  const inits = fc.constantFrom<ResponseInit | undefined>(
    undefined,
    { status: 201, statusText: 'Made' },
    { headers: { 'content-type': 'Text/HTML; charset=utf-8' } },
    { status: 204 },
    { status: 99 },
    { status: 700 },
    { headers: { 'bad name': 'x' } },
    { status: 304 },
    { statusText: 'bad\n' },
  );
  test('does what a native one does', async () => {
    await fc.assert(
      fc.asyncProperty(bodies, inits, scripts, async (body, init, script) => {
        const made = (make: typeof NativeResponse): Response | string => {
          try {
            return new make(body() as BodyInit, init);
          } catch (error) {
            return (error as Error).name;
          }
        };
        const native = made(NativeResponse);
        const ours = made(FunctionResponse as typeof NativeResponse);
        if (typeof native === 'string' || typeof ours === 'string') {
          expect(ours).toEqual(native);
          return;
        }
        const shown = (r: Response) => [r.status, r.statusText, r.ok, r.type, r.url, r.redirected, [...r.headers]];
        expect(shown(ours)).toEqual(shown(native));
        const expected = await play(native, { rewrap: (m) => new NativeResponse(m.body, m as Response) }, script);
        const actual = await play(ours, { rewrap: (m) => new FunctionResponse(m.body, m as Response) }, script);
        if (expected !== STUCK) expect(actual).toEqual(expected);
      }),
      { numRuns: 800 },
    );
  });
  test('is an instance of the classes that made it and no others', () => {
    class MyResponse extends FunctionResponse {}
    class MyRequest extends PatchedRequest {}
    expect([
      new NativeResponse() instanceof MyResponse,
      new MyResponse() instanceof MyResponse,
      new NativeResponse() instanceof FunctionResponse,
      new MyResponse() instanceof FunctionResponse,
    ]).toEqual([false, true, true, true]);
    expect([
      new NativeRequest('http://x') instanceof MyRequest,
      new MyRequest('http://x') instanceof MyRequest,
      new NativeRequest('http://x') instanceof PatchedRequest,
    ]).toEqual([false, true, true]);
  });
  test.each([
    [{ a: 1 }, undefined],
    ['x', { status: 201 }],
    [undefined, undefined],
    [1n, undefined],
    [Symbol('s'), undefined],
    [null, { headers: { 'content-type': 'a/b' } }],
    [1, { status: 204 }],
  ])('json(%o)', async (data, init) => {
    const made = async (make: typeof NativeResponse) => {
      try {
        const r = make.json(data, init);
        return [r.status, [...r.headers], await r.text()];
      } catch (error) {
        return (error as Error).name;
      }
    };
    expect(await made(FunctionResponse as typeof NativeResponse)).toEqual(await made(NativeResponse));
  });
  const headerSteps = fc.constantFrom<(response: Response) => unknown>(
    ({ headers }) => headers.get('content-type'),
    ({ headers }) => headers.set('content-type', 'a/b'),
    ({ headers }) => headers.append('content-type', 'c/d'),
    ({ headers }) => headers.delete('content-type'),
    ({ headers }) => headers.set('x-own', '1'),
    (response) => response.headers === response.headers,
    (response) => [...response.clone().headers],
    async (response) => (await response.clone().blob()).type,
    (response) => [...new Response(null, response).headers],
    (response) => inspect(response.headers),
    (response) => response.status,
  );
  test('has the headers that a native one has, whenever they are looked at', async () => {
    const inits = fc.constantFrom<ResponseInit | undefined>(undefined, { status: 201 }, { headers: {} }, { headers: [] });
    const makers = fc.constantFrom<(make: typeof Response, init: ResponseInit | undefined) => Response>(
      (make, init) => new make('text', init),
      (make) => new make('text', null as unknown as ResponseInit),
      (make, init) => new make(new Uint8Array(2), init),
      (make, init) => new make(null, init),
      (make, init) => make.json({}, init),
    );
    await fc.assert(
      fc.asyncProperty(makers, inits, fc.array(headerSteps, { maxLength: 5 }), async (made, init, script) => {
        const played = async (make: typeof Response): Promise<unknown> => {
          const response = made(make, init);
          const seen: unknown[] = [];
          for (const step of script) seen.push(await step(response));
          return [seen, [...response.headers]];
        };
        expect(await played(FunctionResponse as typeof NativeResponse)).toEqual(await played(NativeResponse));
      }),
      { numRuns: 500 },
    );
  });
  test('is sent by its type alone only while that is all there is to know of its headers', () => {
    class OwnHeaders extends FunctionResponse {
      override get headers(): Headers {
        return new Headers({ 'x-own': '1' });
      }
    }
    const seen = new FunctionResponse('x');
    void seen.headers;
    const defined = Object.defineProperty(new FunctionResponse('x'), 'headers', { value: new Headers() });
    const { onlyType } = FunctionResponse;
    expect([onlyType(new FunctionResponse('x')), onlyType(FunctionResponse.json(1))]).toEqual([
      'text/plain;charset=UTF-8',
      'application/json',
    ]);
    expect([seen, defined, new OwnHeaders('x'), new NativeResponse('x'), new FunctionResponse(null)].map(onlyType)).toEqual(
      Array(5).fill(undefined),
    );
  });
  test('requests without a body share nothing that one of them could take from the other', async () => {
    const bytes = await emptyBody.bytes();
    structuredClone(bytes, { transfer: [bytes.buffer] });
    expect(Buffer.from((await emptyBody.branch().bytes()).buffer)).toHaveLength(0);
    expect(await new NativeResponse(emptyBody.inline).text()).toBe('');
  });
  test('bytes of a request are a plain array of their own', async () => {
    const request = new FunctionRequest({
      url: 'http://x/',
      method: 'POST',
      headers: () => new Headers(),
      signal: () => new AbortController().signal,
      body: new InlineBody(Buffer.from('abc') as Uint8Array<ArrayBuffer>),
    });
    const bytes = await request.bytes();
    expect([bytes.constructor === Uint8Array, bytes.buffer.byteLength]).toEqual([true, 3]);
  });
});
