/** Streams, wherever the network cuts them. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createClient, type MartletClient, type ServerSentEvent, StreamError } from '../src/index.ts';
import { formatOf, readStream, type StreamFormat } from '../src/streams/read-stream.ts';
import { json, startLocalServer, type LocalServer } from './local-server.ts';

const encoder = new TextEncoder();

/** What comes out when these pieces come in. */
async function read(chunks: readonly Uint8Array[], format: StreamFormat): Promise<unknown[]> {
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk);
      controller.close();
    },
  });
  return Array.fromAsync(readStream(new Response(body), format));
}

const readText = (text: string, format: StreamFormat): Promise<unknown[]> => read([encoder.encode(text)], format);

/** Every way to cut bytes in two, and all of them one by one. */
async function assertSameHoweverCut(text: string, format: StreamFormat, expected: unknown[]): Promise<void> {
  const bytes = encoder.encode(text);
  for (let at = 0; at <= bytes.length; at += 1) expect(await read([bytes.slice(0, at), bytes.slice(at)], format)).toEqual(expected);
  expect(
    await read(
      Array.from(bytes, (byte) => Uint8Array.of(byte)),
      format,
    ),
  ).toEqual(expected);
}

const event = (data: string, rest: Partial<ServerSentEvent> = {}): ServerSentEvent => ({
  event: 'message',
  data,
  id: '',
  retry: undefined,
  ...rest,
});

describe('server-sent events', () => {
  test.each<[string, string, ServerSentEvent[]]>([
    ['of one line', 'data: a\n\n', [event('a')]],
    ['of several lines', 'data: a\ndata\ndata:b\n\n', [event('a\n\nb')]],
    ['with CRLF', 'event: x\r\ndata: a\r\n\r\ndata: b\r\n\r\n', [event('a', { event: 'x' }), event('b')]],
    ['with CR', 'data: a\r\rdata: b\r\r', [event('a'), event('b')]],
    ['with all kinds of ends', 'data: a\r\n\ndata: b\n\r\ndata: c\r\r\ndata: d\n\n', [event('a'), event('b'), event('c'), event('d')]],
    ['behind a byte order mark', '\uFEFFdata: a\n\n', [event('a')]],
    ['with a byte order mark in the midst', 'data: a\n\n\uFEFFdata: b\n\n', [event('a')]],
    ['with comments', ': hello\n\n:\ndata: a\n: again\ndata: b\n\n', [event('a\nb')]],
    [
      'with an id that stays',
      'id: 7\ndata: a\n\ndata: b\n\nid\ndata: c\n\n',
      [event('a', { id: '7' }), event('b', { id: '7' }), event('c')],
    ],
    ['with an id that holds NUL', 'id: 1\ndata: a\n\nid: 2\0\ndata: b\n\n', [event('a', { id: '1' }), event('b', { id: '1' })]],
    ['with a time to come back', 'retry: 250\ndata: a\n\nretry: 1s\ndata: b\n\n', [event('a', { retry: 250 }), event('b', { retry: 250 })]],
    ['without data', 'event: x\nid: 1\n\ndata: a\n\n', [event('a', { id: '1' })]],
    ['with empty data', 'data\n\ndata:\n\n', [event(''), event('')]],
    ['with one space taken and no more', 'data:  a: b \n\n', [event(' a: b ')]],
    ['with fields that nobody knows', 'other: x\n data: y\nDATA: z\ndata: a\n\n', [event('a')]],
    ['that the end cuts off', 'data: a\n\ndata: b\n', [event('a')]],
    ['in every script', 'data: é€😀\n\n', [event('é€😀')]],
  ])('%s come whole, wherever they are cut', async (_what, text, expected) => {
    await assertSameHoweverCut(text, 'sse', expected);
  });

  test('are the same however they are cut', async () => {
    const end = fc.constantFrom('\n', '\r\n', '\r');
    const text = fc.string({ unit: 'binary' }).map((value) => value.replaceAll(/[\r\n\0\uFEFF\uD800-\uDFFF]/g, ''));
    const one = fc.record({ event: text, data: fc.array(text, { minLength: 1, maxLength: 3 }), comment: fc.option(text), end });
    const chunkSizes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(fc.array(one, { maxLength: 6 }), chunkSizes, async (events, sizes) => {
        const written = events
          .map(({ event: name, data, comment, end: line }) =>
            [...(comment === null ? [] : [`:${comment}`]), `event: ${name}`, ...data.map((part) => `data: ${part}`), '', ''].join(line),
          )
          .join('');
        const expected = events.map(({ event: name, data }) => event(data.join('\n'), { event: name === '' ? 'message' : name }));
        expect(await read(cut(encoder.encode(written), sizes), 'sse')).toEqual(expected);
      }),
    );
  });

  test('without an end do not fill the memory', async () => {
    const piece = encoder.encode(`data: ${'x'.repeat(1_000_000)}\n`);
    await expect(
      read(
        Array.from({ length: 20 }, () => piece),
        'sse',
      ),
    ).rejects.toBeInstanceOf(StreamError);
  });
});

describe('lines of JSON', () => {
  test('come as values, wherever they are cut', async () => {
    await assertSameHoweverCut('{"a":"é😀"}\n\r\n[1,2]\r\n"x"\n5', 'ndjson', [{ a: 'é😀' }, [1, 2], 'x', 5]);
  });

  test('are the same however they are cut', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.jsonValue()),
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }),
        fc.boolean(),
        async (values, sizes, ended) => {
          const text = values.map((value) => JSON.stringify(value)).join('\n') + (ended ? '\n' : '');
          expect(await read(cut(encoder.encode(text), sizes), 'ndjson')).toEqual(JSON.parse(JSON.stringify(values)));
        },
      ),
    );
  });

  test('that are none are named by their number', async () => {
    await expect(readText('{}\n\noops\n{}', 'ndjson')).rejects.toThrow('Cannot read the stream: its line 3 is not JSON.');
  });
});

test('text comes as text, with no character cut', async () => {
  const text = 'é€😀\n\nplain';
  for (let at = 0; at <= encoder.encode(text).length; at += 1) {
    const bytes = encoder.encode(text);
    const pieces = await read([bytes.slice(0, at), bytes.slice(at)], 'text');
    expect(pieces.join('')).toBe(text);
    expect(pieces).not.toContain('');
  }
});

test('bytes come as they are', async () => {
  expect(await read([Uint8Array.of(0, 255), Uint8Array.of(), Uint8Array.of(128)], 'bytes')).toEqual([
    Uint8Array.of(0, 255),
    Uint8Array.of(128),
  ]);
});

test.each([
  ['text/event-stream; charset=utf-8', 'sse'],
  ['application/x-ndjson', 'ndjson'],
  ['application/ndjson', 'ndjson'],
  ['application/jsonl', 'ndjson'],
  ['application/json', 'text'],
  ['', 'text'],
])('%s is read as %s', (type, format) => {
  expect(formatOf(type)).toBe(format);
});

describe('functions.stream', () => {
  let server: LocalServer;
  let client: MartletClient;
  beforeAll(async () => {
    server = await startLocalServer();
    client = createClient({ url: server.url });
  });
  afterAll(() => server.close());

  test('gives items while they come, and what the answer says of itself before the first', async () => {
    let goOn = (): void => undefined;
    server.answer((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream', 'x-martlet-execution-id': 'e1' });
      response.write('data: 1\n\n');
      goOn = () => response.end('data: 2\n\n');
    });
    const seen: unknown[] = [];
    const onResponse = ({ status, executionId }: { status: number; executionId: string | undefined }): void =>
      void seen.push([status, executionId]);
    for await (const { data } of client.functions.stream('chat', { prompt: 'hi' }, { as: 'sse', onResponse })) {
      seen.push(data);
      goOn();
    }
    expect(seen).toEqual([[200, 'e1'], '1', '2']);
    expect([server.last().body, server.last().headers.accept]).toEqual([
      '{"prompt":"hi"}',
      'text/event-stream, application/x-ndjson, */*;q=0.5',
    ]);
  });

  test('ends the request when the loop is left', async () => {
    const left = new Promise<void>((resolve) => {
      server.answer((_request, response) => {
        response.writeHead(200, { 'content-type': 'application/x-ndjson' });
        response.write('1\n');
        response.on('close', resolve);
      });
    });
    for await (const item of client.functions.stream('count')) {
      expect(item).toBe(1);
      break;
    }
    await left;
  });

  test('rejects with the error of the function', async () => {
    server.answer((_request, response) => json(response, 429, { error: 'slow down' }));
    await expect(client.functions.stream('chat').next()).rejects.toMatchObject({
      name: 'FunctionError',
      status: 429,
      data: { error: 'slow down' },
    });
  });

  test('lets what its caller throws pass as it is', async () => {
    server.answer((_request, response) => json(response, 200, {}));
    const onResponse = (): never => {
      throw new RangeError('mine');
    };
    await expect(client.functions.stream('chat', {}, { onResponse }).next()).rejects.toThrow(new RangeError('mine'));
  });

  test('works where bodies only come whole', async () => {
    const whole: typeof fetch = async () =>
      Object.defineProperty(new Response('data: 1\n\ndata: 2\n\n', { headers: { 'content-type': 'text/event-stream' } }), 'body', {
        value: undefined,
      });
    const native = createClient({ url: server.url, fetch: whole });
    const items = await Array.fromAsync(native.functions.stream('chat', {}, { as: 'sse' }));
    expect(items.map(({ data }) => data)).toEqual(['1', '2']);
  });
});

function cut(bytes: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
    const size = sizes[turn % sizes.length] ?? 1;
    chunks.push(bytes.slice(at, at + size));
    at += size;
  }
  return chunks;
}
