/** Every example, called over HTTP the way its own first lines say, on the server that `martlet dev` starts. */
import { createHmac } from 'node:crypto';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inflateSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Martlet } from './start-martlet.ts';
import { REPOSITORY, startMartlet } from './start-martlet.ts';

let martlet: Martlet;
let folder: string;

beforeAll(async () => {
  // A copy, so that a `martlet dev examples` of the developer is not disturbed.
  folder = await mkdtemp(join(tmpdir(), 'martlet-examples-'));
  await cp(join(REPOSITORY, 'examples'), folder, { recursive: true, filter: (path) => !/\/(?:node_modules|\.martlet)$/.test(path) });
  martlet = await startMartlet(['dev', folder]);
}, 180_000);

afterAll(async () => {
  await martlet?.stop();
  if (folder !== undefined) await rm(folder, { recursive: true, force: true });
});

const json = (body: unknown): RequestInit => ({
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(body),
});

describe('hello', () => {
  test('greets by query and by body, and its log is on record', async () => {
    const response = await martlet.call('hello?name=Ada');
    expect([response.status, await response.json()]).toEqual([200, { greeting: 'Hello, Ada!' }]);
    expect(await (await martlet.call('hello', json({ name: 'Grace' }))).json()).toEqual({ greeting: 'Hello, Grace!' });

    const execution = await martlet.executionOf(response);
    expect(execution).toMatchObject({ status: 'completed', trigger: 'http', requestMethod: 'GET', responseStatusCode: 200 });
    expect(execution.logs).toBe(`greeting Ada in execution ${execution.$id}`);
  });
});

describe('stripe-webhook', () => {
  const event = JSON.stringify({
    id: 'evt_1',
    object: 'event',
    type: 'payment_intent.succeeded',
    data: { object: { id: 'pi_1', object: 'payment_intent', amount_received: 123_456, currency: 'eur' } },
  });
  const now = () => Math.floor(Date.now() / 1000);
  // The scheme that Stripe documents: HMAC-SHA256 over timestamp, dot, and the body byte by byte.
  const sign = (body: string, at = now(), secret = 'whsec_martlet_example') =>
    `t=${at},v1=${createHmac('sha256', secret).update(`${at}.${body}`).digest('hex')}`;
  const send = (body: string, signature: string) =>
    martlet.call('stripe-webhook', { method: 'POST', headers: { 'stripe-signature': signature }, body });

  test('accepts an event with a valid signature and works on it after the answer', async () => {
    const response = await send(event, sign(event));
    expect([response.status, await response.json()]).toEqual([200, { received: 'evt_1' }]);
    expect((await martlet.executionOf(response)).logs).toBe('payment pi_1: EUR\u00a01,234.56');
  });

  test.each([
    ['a body that was changed', event.replace('123456', '999999'), () => sign(event)],
    ['another secret', event, () => sign(event, now(), 'whsec_other')],
    ['a signature of an hour ago', event, () => sign(event, now() - 3600)],
  ])('refuses %s', async (_name, body, signature) => {
    const response = await send(body, signature());
    expect([response.status, await response.json()]).toEqual([400, { error: 'Cannot verify the event: the signature does not match.' }]);
  });

  test('refuses a request without a signature', async () => {
    expect((await martlet.call('stripe-webhook', { method: 'POST', body: event })).status).toBe(400);
  });
});

describe('invoice', () => {
  test('draws a PDF with the lines and their total', async () => {
    const lines = [
      { text: 'Notes on the engine', quantity: 3, cents: 4500 },
      { text: 'Bernoulli numbers', quantity: 1, cents: 25 },
    ];
    const response = await martlet.call('invoice', json({ number: '2026-001', customer: 'Ada Lovelace', lines }));
    expect(response.headers.get('content-type')).toBe('application/pdf');
    expect(response.headers.get('content-disposition')).toBe('attachment; filename="invoice.pdf"');
    const pdf = Buffer.from(await response.arrayBuffer());
    expect(pdf.subarray(0, 5).toString()).toBe('%PDF-');
    expect(pdf.subarray(-6).toString().trim()).toBe('%%EOF');
    expect(textsOf(pdf)).toEqual([
      'Invoice 2026-001',
      'Ada Lovelace',
      '3 × Notes on the engine',
      'EUR\u00a0135.00',
      '1 × Bernoulli numbers',
      'EUR\u00a00.25',
      'Total',
      'EUR\u00a0135.25',
    ]);
  });

  test('says what it wants when it gets something else', async () => {
    const response = await martlet.call('invoice', json({ number: 7 }));
    expect([response.status, await response.json()]).toEqual([
      400,
      { error: expect.stringContaining('send JSON with number, customer and lines') },
    ]);
  });

  /** The texts that the page's content stream shows, in their order. */
  function textsOf(pdf: Buffer): string[] {
    const streams = [...pdf.toString('latin1').matchAll(/stream\r?\n([\s\S]*?)\r?\nendstream/g)].map(([, bytes = '']) =>
      Buffer.from(bytes, 'latin1'),
    );
    const contents = streams.map((bytes) => inflateSync(bytes).toString('latin1'));
    return contents.flatMap((content) =>
      [...content.matchAll(/<([0-9A-F]+)> Tj/g)].map(([, hex = '']) => Buffer.from(hex, 'hex').toString('latin1')),
    );
  }
});

describe('chat', () => {
  test('sends its words one by one', async () => {
    await (await martlet.call('chat?message=warm&delay=0')).text();
    const response = await martlet.call('chat?message=hello&delay=100');
    expect(response.headers.get('content-type')).toBe('text/event-stream');
    const arrivals: { at: number; text: string }[] = [];
    for await (const chunk of response.body ?? []) arrivals.push({ at: performance.now(), text: Buffer.from(chunk).toString() });

    const events = arrivals
      .map(({ text }) => text)
      .join('')
      .trim()
      .split('\n\n')
      .map((event) => /^event: (\w+)\ndata: (.*)$/.exec(event)?.slice(1) ?? []);
    const words = events.filter(([name]) => name === 'token').map(([, data = '']) => (JSON.parse(data) as { token: string }).token);
    expect(words.join('')).toBe('You said "hello", and I answer one word at a time.');
    expect(events.at(-1)).toEqual(['done', `{"tokens":${words.length}}`]);
    // Eleven words, 100 ms apart: buffered somewhere, they would arrive together.
    expect((arrivals.at(-1)?.at ?? 0) - (arrivals[0]?.at ?? 0)).toBeGreaterThan(400);
  });

  test('stops when the reader goes away', async () => {
    const leaving = new AbortController();
    const response = await martlet.call('chat?delay=200', { signal: leaving.signal });
    const reader = response.body?.getReader();
    await reader?.read();
    leaving.abort();
    const execution = await martlet.executionOf(response);
    expect(execution.logs).toMatch(/^sent [1-5] of 11 tokens/);
  });
});

describe('import-csv', () => {
  const upload = (csv: string | Blob, name = 'sales.csv') => {
    const form = new FormData();
    form.append('file', typeof csv === 'string' ? new Blob([csv], { type: 'text/csv' }) : csv, name);
    return martlet.call('import-csv', { method: 'POST', body: form });
  };

  test('sums up an uploaded file', async () => {
    const response = await upload('product,cents\npen,120\n"paper, ruled",480\n');
    expect([response.status, await response.json()]).toEqual([
      200,
      { files: [{ file: 'sales.csv', rows: 2, cents: 600, columns: ['product', 'cents'], total: 'EUR\u00a06.00' }] },
    ]);
  });

  test('takes a file that is larger than what may be read as a whole', async () => {
    const rows = 1_300_000;
    const response = await upload(new Blob(['product,cents\n', 'a product name,1\n'.repeat(rows)]));
    expect([response.status, await response.json()]).toEqual([200, { files: [expect.objectContaining({ rows, cents: rows })] }]);
  }, 60_000);

  test('refuses a broken file and a request that is no upload', async () => {
    const broken = await upload('a,b\n1,2,3\n');
    expect([broken.status, await broken.json()]).toEqual([400, { error: expect.stringContaining('Invalid Record Length') }]);
    expect((await martlet.call('import-csv', json({}))).status).toBe(415);
  });
});

describe('greet-all', () => {
  test('calls another function, each call with a record of its own', async () => {
    const response = await martlet.call('greet-all?names=Ada,Grace,Edsger');
    expect([response.status, await response.json()]).toEqual([200, { greetings: ['Hello, Ada!', 'Hello, Grace!', 'Hello, Edsger!'] }]);
    expect((await martlet.executionOf(response)).logs).toBe('greeted 3');
  });
});

describe('appwrite-style', () => {
  test('runs as it is', async () => {
    expect(await (await martlet.call('appwrite-style/ping')).text()).toBe('Pong');
    const response = await martlet.call('appwrite-style', json({ celsius: 21.5 }));
    expect([response.status, await response.json()]).toEqual([200, { fahrenheit: 70.7 }]);
  });

  test('keeps what `error` wrote apart from what `log` wrote', async () => {
    const response = await martlet.call('appwrite-style', json({ celsius: 'warm' }));
    expect(response.status).toBe(400);
    const execution = await martlet.executionOf(response);
    expect([execution.logs, execution.errors]).toEqual(['', 'refused: TypeError: celsius is not a number']);
  });
});

describe('base44-style', () => {
  test('runs as it is, with its SDK talking to this server', async () => {
    const response = await martlet.call('base44-style', json({ name: 'Ada', times: 2 }));
    expect([response.status, await response.json()]).toEqual([200, { answers: ['Hello, Ada!', 'Hello, Ada!'] }]);
    expect((await martlet.executionOf(response)).logs).toBe('asked 2 time(s) for Ada');
  });

  test('validates with a library that it names in an import', async () => {
    const response = await martlet.call('base44-style', json({ name: '' }));
    expect([response.status, await response.json()]).toEqual([400, { error: expect.stringContaining('name') }]);
  });
});
