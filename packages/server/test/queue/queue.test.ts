/** Executions that nobody waits for, from the door to their end, in real sandboxes. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ExecutionResource } from '@martlet/protocol';
import { startPlatform, type TestPlatform } from '../platform/start-platform.ts';

let test: TestPlatform;
beforeAll(async () => {
  test = await startPlatform();
});
afterAll(() => test.close());

async function enqueue(
  functionId: string,
  body: object,
  headers: Record<string, string> = {},
): Promise<{ status: number; body: ExecutionResource }> {
  const response = await fetch(`${test.url}/v1/functions/${functionId}/executions`, {
    method: 'POST',
    headers: { ...test.headers, ...headers },
    body: JSON.stringify({ async: true, ...body }),
  });
  return { status: response.status, body: (await response.json()) as ExecutionResource };
}

const get = async (id: string) => (await test.api('GET', `/v1/executions/${id}`)).body as ExecutionResource;

async function until<Value>(look: () => Promise<Value>, holds: (value: Value) => boolean): Promise<Value> {
  for (let tries = 0; tries < 400; tries += 1) {
    const value = await look();
    if (holds(value)) return value;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error(`It did not come about; last: ${JSON.stringify(await look())}`);
}

describe('an execution that nobody waits for', () => {
  it('is accepted at once, runs with what it was given, and leaves its record', async () => {
    const id = await test.deployCode(
      'later',
      `export default async (request, ctx) => {
        ctx.log(request.method, new URL(request.url).pathname, await request.text(), request.headers.get('x-own'), request.headers.get('x-martlet-attempt'));
        return Response.json({ id: ctx.execution.id });
      };`,
    );
    const { status, body } = await enqueue(id, {
      method: 'PUT',
      path: '/a/b',
      body: 'hello',
      headers: { 'x-own': 'yes' },
    });
    expect(status).toBe(202);
    expect(body).toMatchObject({ status: 'waiting', responseStatusCode: 0, attempt: 0, trigger: 'http', scheduledAt: null });
    const record = await test.recordOf(body.$id);
    expect(record).toMatchObject({ status: 'completed', responseStatusCode: 200, attempt: 1, requestMethod: 'PUT', requestPath: '/a/b' });
    expect(record.logs).toBe('PUT /a/b hello yes 1');
    expect(record.$createdAt).toBe(body.$createdAt);
  });

  it('is tried again as its function says, with all attempts in its log, and then is dead', async () => {
    const id = await test.deployCode(
      'fails',
      `export const config = { retries: { attempts: 3, backoff: { initial: 0.05, factor: 1, jitter: 0 } } };
      export default async (request, ctx) => {
        ctx.log('attempt', request.headers.get('x-martlet-attempt'));
        throw new Error('no');
      };`,
    );
    const { body } = await enqueue(id, {});
    const record = await test.recordOf(body.$id);
    expect(record).toMatchObject({ status: 'failed', errorCode: 'execution_threw', attempt: 3 });
    expect(record.logs.split('\n')).toEqual(['attempt 1', 'attempt 2', 'attempt 3']);
    const dead = (await test.api('GET', `/v1/dead-executions?functionId=${id}`)).body as { executions: ExecutionResource[] };
    expect(dead.executions.map(({ $id }) => $id)).toEqual([body.$id]);
    const why = (await test.api('GET', `/v1/executions/${body.$id}/why`)).body as {
      lines: { code: string }[];
      attempts: { errorCode: string }[];
    };
    expect(why.attempts.map(({ errorCode }) => errorCode)).toEqual(['execution_threw', 'execution_threw', 'execution_threw']);
    expect(why.lines.map(({ code }) => code)).toEqual(expect.arrayContaining(['accepted', 'taken', 'retry', 'exhausted', 'dead']));
  });

  it('completes in a later attempt', async () => {
    const id = await test.deployCode(
      'recovers',
      `export const config = { retries: { attempts: 2, backoff: { initial: 0, jitter: 0 } } };
      export default async (request) => {
        if (request.headers.get('x-martlet-attempt') === '1') process.exit(3);
        return new Response('fine');
      };`,
    );
    const { body } = await enqueue(id, {});
    await expect(test.recordOf(body.$id)).resolves.toMatchObject({ status: 'completed', attempt: 2, errorCode: '' });
  });

  it('that is dead is run again, as it was or changed, one by one or all, or let go', async () => {
    const id = await test.deployCode(
      'mends',
      'export default async (request) => { const text = await request.text(); if (text === "bad") throw new Error("bad"); return new Response(text); };',
    );
    const accepted = await Promise.all(Array.from({ length: 4 }, () => enqueue(id, { body: 'bad' })));
    const ids = accepted.map(({ body }) => body.$id);
    await Promise.all(ids.map((one) => test.recordOf(one)));
    const mended = (await test.api('POST', `/v1/executions/${ids[0]}/replay`, { body: 'good' })).body as ExecutionResource;
    await expect(test.recordOf(mended.$id)).resolves.toMatchObject({ status: 'completed' });
    const all = (await test.api('POST', '/v1/dead-executions/replay', { functionId: id, executionIds: [ids[1], ids[2]] })).body as {
      executions: ExecutionResource[];
    };
    expect(all.executions).toHaveLength(2);
    await Promise.all(all.executions.map(({ $id }) => test.recordOf($id)));
    await expect(test.api('POST', '/v1/dead-executions/purge', { functionId: id })).resolves.toMatchObject({ body: { purged: 3 } });
    await expect(test.api('POST', `/v1/executions/${mended.$id}/replay`, {})).resolves.toMatchObject({
      status: 400,
      body: { type: 'execution_not_replayable' },
    });
  });

  it('does not run before its time, and can be canceled until then', async () => {
    const id = await test.deployCode('timely', 'export default async () => new Response(String(Date.now()));');
    const soon = new Date(Date.now() + 700).toISOString();
    const [timely, canceled] = await Promise.all([
      enqueue(id, { scheduledAt: soon }),
      enqueue(id, { scheduledAt: new Date(Date.now() + 3_600_000).toISOString() }),
    ]);
    expect(timely.body).toMatchObject({ status: 'scheduled' });
    expect(Date.parse(timely.body.scheduledAt ?? '')).toBe(Date.parse(soon));
    const record = await test.recordOf(timely.body.$id);
    expect(record.status).toBe('completed');
    expect(Date.parse(record.$updatedAt)).toBeGreaterThanOrEqual(Date.parse(soon));
    const answer = await test.api('POST', `/v1/executions/${canceled.body.$id}/cancel`);
    expect(answer.body).toMatchObject({ status: 'failed', errorCode: 'execution_canceled' });
  });

  it('is killed when it is canceled while it runs, and is not tried again', async () => {
    const id = await test.deployCode('endless', 'export const config = { retries: 3 }; export default () => { for (;;); };');
    const { body } = await enqueue(id, {});
    await until(
      () => get(body.$id),
      (record) => record.status === 'processing',
    );
    await test.api('POST', `/v1/executions/${body.$id}/cancel`);
    const record = await test.recordOf(body.$id);
    expect(record).toMatchObject({ status: 'failed', errorCode: 'execution_canceled', attempt: 1 });
  });

  it('is the same one for the same idempotency key, and another request with that key is refused', async () => {
    const id = await test.deployCode('once', 'export default async () => new Response("ok");');
    const headers = { 'idempotency-key': 'order-77' };
    const first = await enqueue(id, { body: 'a' }, headers);
    const again = await enqueue(id, { body: 'a' }, headers);
    expect(again.body.$id).toBe(first.body.$id);
    await test.recordOf(first.body.$id);
    expect((await enqueue(id, { body: 'a' }, headers)).body.$id).toBe(first.body.$id);
    await expect(enqueue(id, { body: 'b' }, headers)).resolves.toMatchObject({
      status: 409,
      body: { type: 'execution_idempotency_conflict' },
    });
  });

  it('expires when it has waited too long', async () => {
    const id = await test.deployCode(
      'narrow',
      'export const config = { concurrency: 1 }; export default async () => { await new Promise((go) => setTimeout(go, 1800)); return new Response(""); };',
    );
    const first = await enqueue(id, {});
    const second = await enqueue(id, { expiresIn: 1 });
    await expect(test.recordOf(second.body.$id)).resolves.toMatchObject({ status: 'failed', errorCode: 'execution_expired', attempt: 0 });
    await expect(test.recordOf(first.body.$id)).resolves.toMatchObject({ status: 'completed' });
  });

  it('runs no two of one concurrency key at once, and no more than the function may', async () => {
    const id = await test.deployCode(
      'overlaps',
      `export const config = { concurrency: 3 };
      let running = 0; let most = 0; const keys = new Set(); let broken = false;
      export default async (request) => {
        const key = await request.text();
        if (keys.has(key)) broken = true;
        keys.add(key); running += 1; most = Math.max(most, running);
        await new Promise((go) => setTimeout(go, 40));
        keys.delete(key); running -= 1;
        return Response.json({ most, broken });
      };`,
    );
    const accepted = await Promise.all(
      Array.from({ length: 18 }, (_, index) => enqueue(id, { body: `k${index % 3}`, concurrencyKey: `k${index % 3}` })),
    );
    await Promise.all(accepted.map(({ body }) => test.recordOf(body.$id)));
    const seen = (await (await test.call('overlaps', { method: 'POST', body: 'last' })).json()) as { most: number; broken: boolean };
    expect(seen).toEqual({ most: 3, broken: false });
  });

  it('is refused when too many wait, and when what is asked makes no sense', async () => {
    const id = await test.deployCode('refuses', 'export default async () => new Response("");');
    for (const [body, message] of [
      [{ scheduledAt: '2001-01-01T00:00:00Z' }, 'scheduledAt'],
      [{ scheduledAt: 'tomorrow' }, 'scheduledAt'],
      [{ priority: 1000 }, 'priority'],
      [{ expiresIn: 0 }, 'expiresIn'],
      [{ concurrencyKey: '' }, 'concurrencyKey'],
      [{ async: false, priority: 1 }, 'priority'],
    ] as const) {
      const answer = await enqueue(id, body);
      expect(answer).toMatchObject({ status: 400, body: { type: 'general_argument_invalid' } });
      expect(JSON.stringify(answer.body)).toContain(message);
    }
    await expect(enqueue(id, {}, { 'idempotency-key': 'ü' })).resolves.toMatchObject({
      status: 400,
      body: { message: expect.stringContaining('Idempotency-Key') },
    });
    await expect(enqueue('missing', {})).resolves.toMatchObject({ status: 404 });
  });
});

describe('an execution that is followed', () => {
  it('is told of to its very end, over its attempts, whenever one begins to follow', async () => {
    const id = await test.deployCode(
      'followed',
      `export const config = { retries: { attempts: 2, backoff: { initial: 0.1, jitter: 0 } } };
      export default async (request, ctx) => {
        const attempt = request.headers.get('x-martlet-attempt');
        ctx.log('attempt', attempt);
        if (attempt === '1') throw new Error('once more');
        return new Response();
      };`,
    );
    for (const delay of [0, 2, 5, 10, 20, 60, 400]) {
      const { body } = await enqueue(id, {});
      await new Promise((resolve) => setTimeout(resolve, delay));
      const response = await fetch(`${test.url}/v1/executions/${body.$id}/events`, {
        headers: test.headers,
        signal: AbortSignal.timeout(10_000),
      });
      const told = await response.text();
      const ended = told.split('\n\n').filter((event) => event.includes('event: ended'));
      expect(ended).toHaveLength(1);
      expect(ended[0]).toContain('"status":"completed"');
      expect(told).toContain('attempt 1');
      expect(told).toContain('attempt 2');
    }
  });
});
