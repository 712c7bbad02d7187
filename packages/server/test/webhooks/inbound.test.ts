/** Signed requests of other services: each becomes one event, and starts who listens. */
import { createHmac } from 'node:crypto';
import { defaultLimits, type EventResource, type ExecutionResource, type WebhookResource } from '@martlet/protocol';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startPlatform, type TestPlatform } from '../platform/start-platform.ts';

let test: TestPlatform;
beforeAll(async () => {
  test = await startPlatform({ limits: { ...defaultLimits, hookBytes: 5000 } });
});
afterAll(() => test.close());

async function hook(name: string, verify: object, secret?: string): Promise<WebhookResource> {
  const { status, body } = await test.api('POST', '/v1/webhooks', { name, verify, ...(secret !== undefined && { secret }) });
  if (status !== 201) throw new Error(JSON.stringify(body));
  return body as WebhookResource;
}

async function post(
  path: string,
  body: string,
  headers: Record<string, string>,
  on = test,
): Promise<{ status: number; body: Record<string, unknown> }> {
  const response = await fetch(on.url + path, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

async function eventsOf({ $id }: WebhookResource): Promise<EventResource[]> {
  const query = encodeURIComponent(JSON.stringify({ method: 'equal', attribute: 'source', values: [`/webhooks/${$id}`] }));
  return ((await test.api('GET', `/v1/events?queries[0]=${query}`)).body as { events: EventResource[] }).events;
}
const hex = (secret: string, text: string) => createHmac('sha256', secret).update(text).digest('hex');
const timed = (secret: string, body: string, seconds = Math.floor(Date.now() / 1000)) =>
  `t=${seconds},v1=${hex(secret, `${seconds}.${body}`)}`;

describe('a webhook that comes in', () => {
  it('from Stripe starts a function with its body, once however often it is sent', async () => {
    const id = await test.deployCode(
      'paid',
      `export const config = { events: ['webhooks.shop.invoice.*'] };
      export default async (request, ctx) => {
        ctx.log(JSON.stringify([request.headers.get('x-appwrite-event'), request.headers.get('ce-id'), await request.text()]));
        return new Response();
      };`,
    );
    const made = await hook('shop', { scheme: { kind: 'stripe' } }, 'whsec_of_stripe');
    expect(made).toMatchObject({ direction: 'in', url: `/v1/hooks/default/${made.$id}`, secret: 'whsec_of_stripe' });
    const body = '{ "id": "evt_1", "type": "invoice.paid", "amount": 12345678901234567890 }';
    for (const isNew of [true, false])
      await expect(post(made.url, body, { 'stripe-signature': timed('whsec_of_stripe', body) })).resolves.toEqual({
        status: 202,
        body: { id: 'evt_1', new: isNew },
      });
    const executions = async () =>
      ((await test.api('GET', `/v1/functions/${id}/executions`)).body as { executions: ExecutionResource[] }).executions;
    await expect.poll(executions, { timeout: 15_000 }).toMatchObject([{ status: 'completed', trigger: 'event' }]);
    const [execution] = await executions();
    const record = await test.recordOf(execution?.$id ?? '');
    expect(JSON.parse(record.logs)).toEqual(['webhooks.shop.invoice.paid', 'evt_1', body]);
    await expect(eventsOf(made)).resolves.toMatchObject([{ origin: 'webhook', type: 'webhooks.shop.invoice.paid' }]);
    await test.api('DELETE', `/v1/functions/${id}`);
  });

  it('from GitHub is named by event and action, and the same body again is the same event', async () => {
    const made = await hook('repo', { scheme: { kind: 'github' } });
    const body = '{"action":"opened","number":1}';
    const headers = { 'x-hub-signature-256': `sha256=${hex(made.secret, body)}`, 'x-github-event': 'issues', 'x-github-delivery': '1' };
    await expect(post(`/v1/hooks/${made.$id}`, body, headers)).resolves.toMatchObject({ status: 202, body: { new: true } });
    // Its delivery id is not signed: a recorded body with another one is nothing new.
    await expect(post(made.url, body, { ...headers, 'x-github-delivery': '2' })).resolves.toMatchObject({
      status: 202,
      body: { new: false },
    });
    const form = 'payload=%7B%7D';
    const asForm = {
      'content-type': 'application/x-www-form-urlencoded',
      'x-github-event': 'ping',
      'x-hub-signature-256': `sha256=${hex(made.secret, form)}`,
    };
    await expect(post(made.url, form, asForm)).resolves.toMatchObject({ status: 202, body: { new: true } });
    expect((await eventsOf(made)).map(({ type }) => type)).toEqual(['webhooks.repo.issues.opened', 'webhooks.repo.ping']);
  });

  it('from anybody with an HMAC in a header says where its type and its id stand', async () => {
    const made = await hook('any', {
      scheme: { kind: 'hmac', header: 'x-sign' },
      type: { pointer: '/meta/kind' },
      id: { pointer: '/meta/id' },
    });
    const sent = (body: string) => post(made.url, body, { 'x-sign': hex(made.secret, body) });
    await expect(sent('{"meta":{"kind":"a b/c","id":7}}')).resolves.toEqual({ status: 202, body: { id: '7', new: true } });
    await expect(sent('{"meta":{"kind":"x","id":12345678901234567890}}')).resolves.toMatchObject({ body: { id: '12345678901234567890' } });
    await expect(sent('{"meta":{}}')).resolves.toMatchObject({
      status: 400,
      body: { type: 'event_invalid', message: expect.stringContaining('/meta/kind') },
    });
    await expect(sent('{')).resolves.toMatchObject({ status: 400, body: { type: 'event_invalid' } });
    expect((await eventsOf(made)).map(({ type }) => type)).toEqual(['webhooks.any.a_b/c', 'webhooks.any.x']);
    const plain = await hook('plain', { scheme: { kind: 'hmac', header: 'x-sign' } });
    await expect(post(plain.url, 'text', { 'content-type': 'text/plain', 'x-sign': hex(plain.secret, 'text') })).resolves.toMatchObject({
      status: 202,
    });
    await expect(eventsOf(plain)).resolves.toMatchObject([{ type: 'webhooks.plain.received', dataContentType: 'text/plain' }]);
  });

  it('from another Martlet is the event that it sends', async () => {
    const made = await hook('peer', { scheme: { kind: 'martlet' } });
    const body = JSON.stringify({ specversion: '1.0', id: '1', source: '/there', type: 'order.created', data: { total: 1 } });
    const headers = { 'content-type': 'application/cloudevents+json', 'martlet-signature': timed(made.secret, body) };
    await expect(post(made.url, body, headers)).resolves.toEqual({ status: 202, body: { id: '["/there","1"]', new: true } });
    const [event] = await eventsOf(made);
    expect(event).toMatchObject({ type: 'webhooks.peer.order.created', dataContentType: 'application/json', dataSize: 11 });
  });

  it('from another Martlet tells of its platform, and of no pair of source and id for another one', async () => {
    const made = await hook('platform', { scheme: { kind: 'martlet' } });
    const sent = (event: object) => {
      const body = JSON.stringify({ specversion: '1.0', source: 'martlet', type: 'users.u1.create', ...event });
      return post(made.url, body, { 'martlet-signature': timed(made.secret, body) });
    };
    await expect(sent({ id: '1', data: { $id: 'u1' } })).resolves.toMatchObject({ status: 202, body: { new: true } });
    await expect(sent({ id: 'c', source: 'a#b' })).resolves.toMatchObject({ status: 202, body: { new: true } });
    await expect(sent({ id: 'b#c', source: 'a' })).resolves.toMatchObject({ status: 202, body: { new: true } });
    await expect(sent({ id: 'b#c', source: 'a' })).resolves.toMatchObject({ status: 202, body: { new: false } });
    expect((await eventsOf(made)).map(({ type }) => type)).toEqual(Array.from({ length: 3 }, () => 'webhooks.platform.users.u1.create'));
  });

  it('from another Martlet carries on how far it is from its first cause, and ends beyond the limit', async () => {
    const made = await hook('far', { scheme: { kind: 'martlet' } });
    const sent = (martlethops: unknown) => {
      const body = JSON.stringify({ specversion: '1.0', id: crypto.randomUUID(), source: '/x', type: 'a.b', martlethops });
      return post(made.url, body, { 'martlet-signature': timed(made.secret, body) });
    };
    await expect(sent(defaultLimits.hops - 1)).resolves.toMatchObject({ status: 202 });
    for (const strange of [-7, 'many', true]) await expect(sent(strange)).resolves.toMatchObject({ status: 202 });
    await expect(sent(defaultLimits.hops)).resolves.toMatchObject({ body: { type: 'execution_hops_exceeded' } });
  });

  it('is refused alike for whatever is wrong with it', async () => {
    const made = await hook('closed', { scheme: { kind: 'stripe' } });
    const off = await hook('off', { scheme: { kind: 'stripe' } });
    await test.api('PATCH', `/v1/webhooks/${off.$id}`, { enabled: false });
    const { body: out } = await test.api('POST', '/v1/webhooks', { name: 'out', url: 'https://example.com', events: ['a.b'] });
    const body = '{"id":"e","type":"t"}';
    const good = timed(made.secret, body);
    const attempts: [path: string, body: string, headers: Record<string, string>][] = [
      [made.url, body, {}],
      [made.url, `${body} `, { 'stripe-signature': good }],
      [made.url, body, { 'stripe-signature': timed('guess', body) }],
      [made.url, body, { 'stripe-signature': timed(made.secret, body, Math.floor(Date.now() / 1000) - 400) }],
      [made.url, body, { 'stripe-signature': good.replace('v1=', 'v0=') }],
      ['/v1/hooks/default/nobody', body, { 'stripe-signature': good }],
      [`/v1/hooks/elsewhere/${made.$id}`, body, { 'stripe-signature': good }],
      [off.url, body, { 'stripe-signature': timed(off.secret, body) }],
      [`/v1/hooks/${(out as WebhookResource).$id}`, body, { 'martlet-signature': timed((out as WebhookResource).secret, body) }],
    ];
    const answers = await Promise.all(attempts.map(([path, text, headers]) => post(path, text, headers)));
    const [first] = answers;
    expect(first).toMatchObject({ status: 401, body: { type: 'webhook_signature_invalid' } });
    for (const answer of answers) expect(answer).toEqual(first);
    await expect(eventsOf(made)).resolves.toEqual([]);
    await expect(post(made.url, body, { 'stripe-signature': good })).resolves.toMatchObject({ status: 202 });
  });

  it('is bounded in size and in rate', async () => {
    const made = await hook('bounded', { scheme: { kind: 'github' } });
    const large = JSON.stringify({ text: 'x'.repeat(5000) });
    const answer = await post(made.url, large, { 'x-hub-signature-256': `sha256=${hex(made.secret, large)}` });
    expect(answer).toMatchObject({ status: 413, body: { type: 'event_too_large' } });
    const busy = await startPlatform({ limits: { ...defaultLimits, hooksPerMinute: 2 } });
    try {
      const statuses: number[] = [];
      for (let index = 0; index < 3; index += 1) statuses.push((await post('/v1/hooks/nobody', '{}', {}, busy)).status);
      expect(statuses).toEqual([401, 401, 429]);
    } finally {
      await busy.close();
    }
  });

  it('cannot be pretended by an event from outside', async () => {
    const response = await fetch(`${test.url}/v1/events`, {
      method: 'POST',
      headers: { ...test.headers, 'content-type': 'application/cloudevents+json' },
      body: JSON.stringify({ specversion: '1.0', id: '1', source: '/x', type: 'webhooks.shop.invoice.paid' }),
    });
    expect(response.status).toBe(400);
  });
});
