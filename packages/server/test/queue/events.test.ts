/** Events, from whoever sends them to the executions that they start. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ExecutionResource } from '@martlet/protocol';
import { startPlatform, type TestPlatform } from '../platform/start-platform.ts';

let test: TestPlatform;
beforeAll(async () => {
  test = await startPlatform();
});
afterAll(() => test.close());

const event = (facts: object = {}) => ({ specversion: '1.0', id: crypto.randomUUID(), source: '/shop', type: 'order.created', ...facts });

async function send(
  body: unknown,
  type = 'application/cloudevents+json',
): Promise<{ status: number; body: { type: string; message: string; events: { new: boolean }[] } }> {
  const response = await fetch(`${test.url}/v1/events`, {
    method: 'POST',
    headers: { ...test.headers, 'content-type': type },
    body: JSON.stringify(body),
  });
  return { status: response.status, body: (await response.json()) as never };
}

const executionsOf = async (functionId: string) =>
  ((await test.api('GET', `/v1/functions/${functionId}/executions`)).body as { executions: ExecutionResource[] }).executions;

async function ended(functionId: string, count: number): Promise<ExecutionResource[]> {
  for (let tries = 0; tries < 400; tries += 1) {
    const executions = await executionsOf(functionId);
    if (executions.filter((one) => one.status === 'completed' || one.status === 'failed').length >= count) return executions;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error(`There are not ${count} executions: ${JSON.stringify(await executionsOf(functionId))}`);
}

const why = async (source: string, id: string) =>
  (await test.api('GET', `/v1/events/why?source=${encodeURIComponent(source)}&id=${encodeURIComponent(id)}`)).body as {
    event: { started: number };
    lines: { code: string; text: string }[];
  };

const LISTENER = `export default async (request, ctx) => {
  ctx.log(JSON.stringify([ctx.execution.trigger, request.headers.get('x-appwrite-event'), request.headers.get('ce-id'), request.headers.get('ce-source'), request.headers.get('content-type'), await request.text()]));
  return new Response();
};`;

describe('events', () => {
  it('start every function that listens, once each, with the data', async () => {
    const [one, two, other] = await Promise.all([
      test.deployCode('one', `export const config = { events: ['order.created', 'order.*'] }; ${LISTENER}`),
      test.deployCode('two', `export const config = { events: ['**'] }; ${LISTENER}`),
      test.deployCode('other', `export const config = { events: ['order.deleted'] }; ${LISTENER}`),
    ]);
    const sent = event({ data: { total: 12 } });
    await expect(send(sent)).resolves.toMatchObject({ status: 202, body: { events: [{ new: true }] } });
    await expect(send(sent)).resolves.toMatchObject({ status: 202, body: { events: [{ new: false }] } });
    for (const id of [one, two]) {
      const [execution, ...more] = await ended(id, 1);
      expect(more).toEqual([]);
      expect(execution).toMatchObject({ trigger: 'event', status: 'completed' });
      const record = await test.recordOf(execution?.$id ?? '');
      expect(JSON.parse(record.logs)).toEqual(['event', 'order.created', sent.id, '/shop', 'application/json', '{"total":12}']);
    }
    await expect(executionsOf(other)).resolves.toEqual([]);
    const story = await why('/shop', sent.id);
    expect(story.event.started).toBe(2);
    expect(story.lines.map(({ code }) => code)).toEqual(['started', 'started']);
    for (const id of [one, two, other]) await test.api('DELETE', `/v1/functions/${id}`);
  });

  it('come many at once, and say when nobody listens', async () => {
    const id = await test.deployCode('batch', `export const config = { events: ['part.*'] }; ${LISTENER}`);
    const batch = Array.from({ length: 40 }, (_, index) => event({ id: `b${index}`, type: `part.n${index}`, data: index }));
    const { status, body } = await send([...batch, event({ id: 'nobody', type: 'nobody.listens' })], 'application/cloudevents-batch+json');
    expect(status).toBe(202);
    expect(body.events).toHaveLength(41);
    await ended(id, 25);
    const story = await why('/shop', 'nobody');
    expect(story.lines.map(({ code }) => code)).toEqual(['no_subscription']);
    const { body: all } = await test.api(
      'GET',
      `/v1/events?queries[0]=${encodeURIComponent('{"method":"equal","attribute":"source","values":["/shop"]}')}`,
    );
    expect(all).toMatchObject({
      total: expect.any(Number),
      events: expect.arrayContaining([expect.objectContaining({ type: 'part.n3' })]),
    });
    await test.api('DELETE', `/v1/functions/${id}`);
  });

  it('sent by functions end after sixteen hops', async () => {
    const id = await test.deployCode(
      'echoes',
      `export const config = { events: ['loop.again'], scopes: ['events.write'] };
      export default async (request, ctx) => {
        const answer = await fetch(ctx.env.MARTLET_URL + '/v1/events', {
          method: 'POST',
          headers: { 'content-type': 'application/cloudevents+json', authorization: request.headers.get('authorization') ?? '', 'x-appwrite-key': request.headers.get('x-appwrite-key') ?? '' },
          body: JSON.stringify({ specversion: '1.0', id: crypto.randomUUID(), source: '/loop', type: 'loop.again' }),
        });
        ctx.log(answer.status, await answer.text());
        return new Response();
      };`,
    );
    await send(event({ type: 'loop.again', source: '/loop', id: 'first' }));
    const executions = await ended(id, 17);
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(executions.length).toBeLessThanOrEqual(18);
    const logs = await Promise.all((await executionsOf(id)).map(async (one) => (await test.recordOf(one.$id)).logs));
    expect(logs.some((log) => log.includes('execution_hops_exceeded'))).toBe(true);
    await test.api('DELETE', `/v1/functions/${id}`);
  });

  it('are refused with the attribute and what is allowed', async () => {
    const cases: [unknown, string, string][] = [
      [{}, 'application/cloudevents+json', 'specversion'],
      [event({ type: 'users.u1.create' }), 'application/cloudevents+json', 'users.'],
      [event({ source: '' }), 'application/cloudevents+json', 'source'],
      [event({ source: 'martlet' }), 'application/cloudevents+json', '"source" is one of the platform'],
      [[event(), event({ source: '/webhooks/w1' })], 'application/cloudevents-batch+json', '"[1].source" is one of the platform'],
      [event({ time: 'yesterday' }), 'application/cloudevents+json', 'time'],
      [[event(), {}], 'application/cloudevents-batch+json', '[1]'],
      [event(), 'application/json', 'ce-'],
    ];
    for (const [body, type, message] of cases) {
      const answer = await send(body, type);
      expect([answer.status, answer.body.message]).toEqual([400, expect.stringContaining(message)]);
    }
  });
});
