/** What a function can tell a repetition and a tick by, in each of the shapes that it may have. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ExecutionResource } from '@martlet/protocol';
import { startPlatform, type TestPlatform } from '../platform/start-platform.ts';

let test: TestPlatform;
beforeAll(async () => {
  test = await startPlatform();
});
afterAll(() => test.close());

const FACTS = `[request.headers.get('x-martlet-attempt'), request.headers.get('x-martlet-scheduled-at'), ctx.execution.attempt, ctx.execution.scheduledAt ?? null]`;
const RETRIES = `export const config = { retries: { attempts: 2, backoff: { initial: 0.05, factor: 1, jitter: 0 } } };`;
const SHAPES: readonly [string, string][] = [
  ['request', `${RETRIES} export default (request, ctx) => { console.log(JSON.stringify(${FACTS})); throw new Error('again'); };`],
  [
    'fetch-object',
    `${RETRIES} export default { fetch(request, ctx) { console.log(JSON.stringify(${FACTS})); throw new Error('again'); } };`,
  ],
  ['deno', `${RETRIES} Deno.serve((request, ctx) => { console.log(JSON.stringify(${FACTS})); throw new Error('again'); });`],
];
const APPWRITE = `${RETRIES} export default async ({ req, res, log }) => {
  log(JSON.stringify([req.headers['x-martlet-attempt'], req.headers['x-martlet-scheduled-at']]));
  throw new Error('again');
};`;

async function runLater(name: string, source: string): Promise<{ due: Date; lines: unknown[] }> {
  const id = await test.deployCode(name, source);
  const due = new Date(Date.now() + 150);
  const { status, body } = await test.api('POST', `/v1/functions/${id}/executions`, { async: true, scheduledAt: due.toISOString() });
  expect(status, JSON.stringify(body)).toBe(202);
  const { attempt, logLines = [] } = await test.recordOf((body as ExecutionResource).$id);
  expect(attempt).toBe(2);
  return { due, lines: logLines.filter(({ text }) => text.startsWith('[')).map(({ text }) => JSON.parse(text) as unknown) };
}

describe('an attempt of the queue', () => {
  it.each(SHAPES)('tells its number and its time in the headers and in the context of the shape %s', async (name, source) => {
    const { due, lines } = await runLater(name, source);
    expect(lines).toEqual([1, 2].map((number) => [String(number), due.toISOString(), number, due.getTime()]));
  });

  it('tells them in the headers of an Appwrite function', async () => {
    const { due, lines } = await runLater('appwrite-shape', APPWRITE);
    expect(lines).toEqual([1, 2].map((number) => [String(number), due.toISOString()]));
  });

  it('is the first one, without a time, for a caller that waits, whatever the caller sends', async () => {
    const id = await test.deployCode('plain', `export default (request, ctx) => Response.json(${FACTS});`);
    const forged = { 'x-martlet-attempt': '7', 'X-Martlet-Scheduled-At': '2020-01-01T00:00:00.000Z' };
    const response = await test.call('plain', { headers: forged });
    await expect(response.json()).resolves.toEqual([null, null, 1, null]);
    for (const async of [true, false]) {
      const { status } = await test.api('POST', `/v1/functions/${id}/executions`, { async, headers: forged });
      expect(status).toBe(400);
    }
    const scheduled = { expression: '* * * * *', request: { headers: forged } };
    await expect(test.api('POST', `/v1/functions/${id}/schedules`, scheduled)).resolves.toMatchObject({ status: 400 });
  });

  it('takes bytes with all that JSON can say, in a form', async () => {
    const id = await test.deployCode(
      'bytes',
      `export default async (request) => { console.log([...new Uint8Array(await request.arrayBuffer())].join()); return new Response(); };`,
    );
    const form = new FormData();
    for (const [field, value] of Object.entries({ async: 'true', expiresIn: '60', priority: '-5', concurrencyKey: 'k' }))
      form.set(field, value);
    form.set('body', new Blob([new Uint8Array([0, 255, 254])]));
    const { 'content-type': _type, ...headers } = test.headers;
    const response = await fetch(`${test.url}/v1/functions/${id}/executions`, { method: 'POST', headers, body: form });
    expect(response.status).toBe(202);
    const record = await test.recordOf(((await response.json()) as ExecutionResource).$id);
    expect(record.logs).toBe('0,255,254');
  });
});
