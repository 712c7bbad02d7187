/** Events that are sent to real receivers: signed, again until they are taken, and slow ones in nobody's way. */
import { createHmac } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defaultLimits, type DeliveryResource, type WebhookResource } from '@martlet/protocol';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { signatureSchemeSchema } from '../../src/domain/webhooks/signature-scheme.ts';
import { verifyDelivery } from '../../src/domain/webhooks/signatures.ts';
import { startPlatform, type TestPlatform } from '../platform/start-platform.ts';
import { startReceiver, type Received, type Receiver } from './receiver.ts';

let receiver: Receiver;
let test: TestPlatform;
const limits = { ...defaultLimits, webhookTimeoutSeconds: 2 };
beforeAll(async () => {
  receiver = await startReceiver();
  test = await startPlatform({ webhookPrivateHosts: ['127.0.0.1'], webhookRetries: [0, 0, 1], limits });
});
afterAll(async () => {
  await test.close();
  await receiver.close();
});

async function hook(path: string, events: string[], on = test): Promise<WebhookResource> {
  const { status, body } = await on.api('POST', '/v1/webhooks', { name: path, url: receiver.url + path, events });
  if (status !== 201) throw new Error(JSON.stringify(body));
  return body as WebhookResource;
}

async function send(type: string, data: unknown, on = test): Promise<string> {
  const id = crypto.randomUUID();
  const response = await fetch(`${on.url}/v1/events`, {
    method: 'POST',
    headers: { ...on.headers, 'content-type': 'application/cloudevents+json' },
    body: JSON.stringify({ specversion: '1.0', id, source: '/shop', type, data }),
  });
  if (response.status !== 202) throw new Error(await response.text());
  return id;
}

async function deliveriesOf({ $id }: WebhookResource, on = test): Promise<DeliveryResource[]> {
  return ((await on.api('GET', `/v1/webhooks/${$id}/deliveries`)).body as { deliveries: DeliveryResource[] }).deliveries;
}
type Told = { readonly type: string; readonly data: { readonly status: string } };
const jsonOf = (one: Received | undefined): unknown => JSON.parse(one?.body.toString() ?? 'null');

describe('a webhook', () => {
  it('is sent the event as a CloudEvent, with a signature that can be checked', async () => {
    const made = await hook('/signed', ['order.*']);
    expect(made).toMatchObject({ direction: 'out', enabled: true, secret: expect.stringMatching(/^whsec_/) });
    expect((await test.api('GET', `/v1/webhooks/${made.$id}`)).body).toMatchObject({ secret: '', events: ['order.*'] });
    const id = await send('order.created', { total: 12 });
    await send('part.created', {});
    const [one] = await receiver.of('/signed', 1);
    expect(jsonOf(one)).toEqual({
      specversion: '1.0',
      id,
      source: '/shop',
      type: 'order.created',
      time: expect.any(String),
      datacontenttype: 'application/json',
      data: { total: 12 },
    });
    expect(one?.headers).toMatchObject({
      'content-type': 'application/cloudevents+json; charset=utf-8',
      'martlet-webhook-id': made.$id,
      'martlet-attempt': '1',
    });
    const delivery = { header: (name: string) => one?.headers[name], body: new Uint8Array(one?.body ?? []) };
    verifyDelivery(signatureSchemeSchema.parse({ kind: 'martlet' }), {
      delivery,
      secrets: [Buffer.from(made.secret)],
      nowMs: Date.now(),
      hmac: (hash, secret, message) => createHmac(hash, secret).update(message).digest(),
    });
    await expect
      .poll(async () => deliveriesOf(made))
      .toMatchObject([{ status: 'delivered', attempt: 1, responseStatusCode: 204, error: '', eventId: id }]);
    const why = await test.api('GET', `/v1/events/why?source=%2Fshop&id=${id}`);
    expect(why.body).toMatchObject({ lines: [{ code: 'sent' }] });
  });

  it('hears of users, and of executions because it asked for them', async () => {
    await hook('/platform', ['users.*.create', 'functions.*.executions.*']);
    await test.api('POST', '/v1/users', { userId: 'heard' });
    const [user] = await receiver.of('/platform', 1);
    expect(jsonOf(user)).toMatchObject({ source: 'martlet', type: 'users.heard.create', data: { $id: 'heard' } });
    const id = await test.deployCode('heard', 'export default () => new Response("x")');
    const response = await test.call('heard');
    const executionId = response.headers.get('x-martlet-execution-id') ?? '';
    // One that takes long is told of when it begins, too.
    const toldOf = (execution: string) =>
      receiver.received
        .filter(({ path }) => path === '/platform')
        .map(jsonOf)
        .filter((told) => JSON.stringify(told).includes(execution)) as Told[];
    const isEnded = (told: Told[]) => told.some(({ data }) => data.status === 'completed');
    await expect.poll(() => isEnded(toldOf(executionId)), { timeout: 10_000 }).toBe(true);
    const sync = toldOf(executionId).map(({ type }) => type);
    expect(sync).toContain(`functions.${id}.executions.${executionId}.create`);
    expect(new Set(sync).size).toBe(sync.length);
    const later = (await test.api('POST', `/v1/functions/${id}/executions`, { async: true })).body as { $id: string };
    const name = `functions.${id}.executions.${later.$id}`;
    await expect
      .poll(() =>
        toldOf(later.$id)
          .map(({ type }) => type)
          .toSorted(),
      )
      .toEqual([`${name}.create`, `${name}.update`]);
    await test.api('DELETE', `/v1/functions/${id}/executions/${later.$id}`);
    await expect.poll(() => toldOf(later.$id).map(({ type }) => type)).toContain(`${name}.delete`);
  });

  it('is tried again until it answers 2xx, and can be sent again by hand', async () => {
    const made = await hook('/flaky', ['flaky.**']);
    receiver.answer = ({ headers }, response) => response.writeHead(Number(headers['martlet-attempt']) < 3 ? 500 : 200).end();
    await send('flaky.one', 1);
    const attempts = await receiver.of('/flaky', 3);
    expect(attempts.map(({ headers }) => headers['martlet-attempt'])).toEqual(['1', '2', '3']);
    expect(new Set(attempts.map(({ body }) => body.toString())).size).toBe(1);
    await expect.poll(async () => deliveriesOf(made)).toMatchObject([{ status: 'delivered', attempt: 3, error: '' }]);
    receiver.answer = (_request, response) => response.writeHead(302, { location: receiver.url }).end();
    await send('flaky.two', 2);
    await expect
      .poll(async () => deliveriesOf(made), { timeout: 15_000 })
      .toMatchObject([
        { status: 'delivered' },
        { status: 'failed', attempt: 4, responseStatusCode: 302, error: expect.stringContaining('redirects are not followed') },
      ]);
    receiver.answer = (_request, response) => response.writeHead(204).end();
    const [, failed] = await deliveriesOf(made);
    const again = await test.api('POST', `/v1/webhooks/${made.$id}/deliveries/${failed?.$id}/redeliver`);
    expect(again).toMatchObject({ status: 202, body: { status: 'waiting' } });
    await expect.poll(async () => (await deliveriesOf(made))[1]).toMatchObject({ status: 'delivered', attempt: 5 });
  });

  it('that hangs up in the middle is tried again', async () => {
    const made = await hook('/killed', ['killed.*']);
    receiver.answer = ({ headers }, response) =>
      void (headers['martlet-attempt'] === '1' ? response.socket?.destroy() : response.writeHead(204).end());
    await send('killed.once', 1);
    await receiver.of('/killed', 2);
    await expect.poll(async () => deliveriesOf(made)).toMatchObject([{ status: 'delivered', attempt: 2 }]);
    receiver.answer = (_request, response) => response.writeHead(204).end();
  });

  it('shows since when it fails, and what was decided about it; what enables it begins anew', async () => {
    const made = await hook('/failing', ['failing.*']);
    expect(made.failingSince).toBe('');
    receiver.answer = (_request, response) => response.writeHead(500).end();
    await send('failing.now', null);
    const shown = async () => (await test.api('GET', `/v1/webhooks/${made.$id}`)).body;
    await expect.poll(shown, { timeout: 15_000 }).toMatchObject({ failingSince: expect.stringMatching(/^20/) });
    await expect.poll(async () => deliveriesOf(made), { timeout: 15_000 }).toMatchObject([{ status: 'failed' }]);
    await expect(test.api('PATCH', `/v1/webhooks/${made.$id}`, { name: 'other' })).resolves.toMatchObject({
      body: { failingSince: expect.stringMatching(/^20/) },
    });
    await expect(test.api('PATCH', `/v1/webhooks/${made.$id}`, { enabled: true })).resolves.toMatchObject({ body: { failingSince: '' } });
    await expect(test.api('GET', `/v1/webhooks/${made.$id}/decisions`)).resolves.toMatchObject({ body: { total: 0, decisions: [] } });
    await expect(test.api('GET', '/v1/webhooks/nobody/decisions')).resolves.toMatchObject({ status: 404 });
    receiver.answer = (_request, response) => response.writeHead(204).end();
  });

  it('that sends a server its own events ends after as many hops as functions may make', async () => {
    const { body } = await test.api('POST', '/v1/webhooks', { name: 'loop', verify: { scheme: { kind: 'martlet' } } });
    const back = body as WebhookResource;
    const out = await test.api('POST', '/v1/webhooks', {
      name: 'loop',
      url: `${receiver.url}/loop`,
      events: ['loop.begin', 'webhooks.loop.**'],
    });
    // Its receiver is the server itself: what comes is handed on as it is, signed anew with the secret of the other side.
    const statuses: number[] = [];
    receiver.answer = async (request, response) => {
      const seconds = Math.floor(Date.now() / 1000);
      const signature = createHmac('sha256', back.secret).update(`${seconds}.`).update(request.body).digest('hex');
      const answer = await fetch(test.url + back.url, {
        method: 'POST',
        headers: { 'content-type': 'application/cloudevents+json', 'martlet-signature': `t=${seconds},v1=${signature}` },
        body: new Uint8Array(request.body),
      });
      statuses.push(answer.status);
      // What was refused is not sent again here, so that the end can be seen.
      response.writeHead(answer.status === 202 ? 204 : 410).end();
    };
    await send('loop.begin', 1);
    await expect.poll(() => statuses.find((status) => status !== 202), { timeout: 15_000 }).toBeDefined();
    expect(statuses.filter((status) => status === 202)).toHaveLength(limits.hops);
    receiver.answer = (_request, response) => response.writeHead(204).end();
    await test.api('DELETE', `/v1/webhooks/${(out.body as WebhookResource).$id}`);
  });

  it('that says it is gone is not asked again', async () => {
    const made = await hook('/gone', ['gone.now']);
    receiver.answer = (_request, response) => response.writeHead(410).end();
    await send('gone.now', null);
    await expect.poll(async () => deliveriesOf(made)).toMatchObject([{ status: 'failed', attempt: 1, responseStatusCode: 410 }]);
    receiver.answer = (_request, response) => response.writeHead(204).end();
  });

  it('that does not answer delays nobody else, and is told by its time-out', async () => {
    const slow = await hook('/slow', ['both.*']);
    await hook('/quick', ['both.*']);
    receiver.answer = ({ path }, response) => void (path === '/quick' && response.writeHead(200).end());
    const begun = performance.now();
    await Promise.all(Array.from({ length: 20 }, (_, index) => send('both.hear', index)));
    await receiver.of('/quick', 20);
    const quickMs = performance.now() - begun;
    expect(receiver.received.filter(({ path }) => path === '/slow').length).toBeLessThanOrEqual(8);
    await expect
      .poll(async () => (await deliveriesOf(slow)).some(({ error }) => error === 'no answer within 2000 ms'), { timeout: 15_000 })
      .toBe(true);
    // Had they waited for the four places that time out after two seconds each, the twenty would have taken ten.
    expect(quickMs).toBeLessThan(8000);
    receiver.answer = (_request, response) => response.writeHead(204).end();
    await test.api('DELETE', `/v1/webhooks/${slow.$id}`);
  });

  it('that is disabled, or deleted, is sent nothing', async () => {
    const made = await hook('/off', ['off.*']);
    await test.api('PATCH', `/v1/webhooks/${made.$id}`, { enabled: false });
    const id = await send('off.one', 1);
    await expect
      .poll(async () => (await test.api('GET', `/v1/events/why?source=%2Fshop&id=${id}`)).body)
      .toMatchObject({ lines: [{ code: 'no_subscription' }] });
    await test.api('DELETE', `/v1/webhooks/${made.$id}`);
    await expect(test.api('GET', `/v1/webhooks/${made.$id}`)).resolves.toMatchObject({ status: 404, body: { type: 'webhook_not_found' } });
    expect(receiver.received.filter(({ path }) => path === '/off')).toEqual([]);
  });

  it('signs with the old and the new secret while they change over', async () => {
    const made = await hook('/rotated', ['rotate.*']);
    const { body } = await test.api('POST', `/v1/webhooks/${made.$id}/secret`, { keepOld: true });
    const fresh = (body as WebhookResource).secret;
    expect(fresh).not.toBe(made.secret);
    await send('rotate.now', 1);
    const [one] = await receiver.of('/rotated', 1);
    const header = one?.headers['martlet-signature'] ?? '';
    const [, time = ''] = /t=(\d+)/.exec(header) ?? [];
    for (const secret of [made.secret, fresh])
      expect(header).toContain(`v1=${createHmac('sha256', secret).update(`${time}.${one?.body.toString()}`).digest('hex')}`);
  });

  it.each([
    [{ name: 'x', url: 'http://10.0.0.1/', events: ['a.b'] }, '`url` cannot be sent to: it is not an https URL'],
    [{ name: 'x', url: 'https://user:pw@example.com/', events: ['a.b'] }, 'credentials'],
    [{ name: 'x', url: 'nonsense', events: ['a.b'] }, 'it is not a URL'],
    [{ name: 'x', events: ['a.b'] }, '`url` cannot be sent to: it is missing'],
    [{ name: 'x', url: 'https://example.com' }, '`events` must have 1 to 100 patterns'],
    [{ name: 'x', url: 'https://example.com', events: ['users.*.dance'] }, 'users.*.dance'],
    [{ name: 'x', url: 'https://example.com', events: ['a.b'], verify: { scheme: { kind: 'stripe' } } }, '`url` means nothing'],
    [{ name: 'a b', verify: { scheme: { kind: 'stripe' } } }, '`name` is part of the names'],
    [{ name: 'x', verify: { scheme: { kind: 'hmac' } } }, '`verify.scheme.header`'],
    [{ name: 'x', verify: { scheme: { kind: 'stripe' }, id: { pointer: '/id' } } }, '`verify.id` means nothing'],
  ])('%j is refused by its field', async (input, problem) => {
    const { status, body } = await test.api('POST', '/v1/webhooks', input);
    expect([status, body]).toEqual([400, expect.objectContaining({ type: 'webhook_invalid', message: expect.stringContaining(problem) })]);
  });

  it.each(['https://127.0.0.1:1/', 'https://169.254.169.254/latest', 'https://[::ffff:10.0.0.1]/', 'https://2130706433/'])(
    'to %s never leaves the server unless that host was named',
    async (url) => {
      const closed = await startPlatform({ webhookRetries: [], limits });
      try {
        const { body } = await closed.api('POST', '/v1/webhooks', { name: 'inside', url, events: ['a.b'] });
        await send('a.b', 1, closed);
        await expect
          .poll(async () => deliveriesOf(body as WebhookResource, closed))
          .toMatchObject([
            { status: 'failed', responseStatusCode: 0, error: expect.stringContaining('only public addresses are dialled') },
          ]);
      } finally {
        await closed.close();
      }
    },
  );
});

describe('a delivery outlives', () => {
  it('a receiver that is away, and a server that stops in the middle of its attempts', async () => {
    const data = mkdtempSync(join(tmpdir(), 'martlet-webhooks-'));
    const settings = { dataDir: data, webhookPrivateHosts: ['127.0.0.1'], webhookRetries: [0, 1, 1, 1, 1, 1, 1, 1, 1, 1], limits };
    const away = await startReceiver();
    await away.close();
    const port = Number(away.host.split(':')[1]);
    const first = await startPlatform(settings);
    const { body } = await first.api('POST', '/v1/webhooks', { name: 'away', url: `${away.url}/away`, events: ['late.*'] });
    const made = body as WebhookResource;
    const id = await send('late.one', 1, first);
    await expect
      .poll(async () => deliveriesOf(made, first))
      .toMatchObject([{ status: 'waiting', error: expect.stringContaining('ECONNREFUSED') }]);
    await first.close();
    const back = await startReceiver(port);
    const second = await startPlatform(settings);
    try {
      const [one] = await back.of('/away', 1);
      expect(jsonOf(one)).toMatchObject({ id });
      expect(Number(one?.headers['martlet-attempt'])).toBeGreaterThan(1);
      await expect.poll(async () => deliveriesOf(made, second)).toMatchObject([{ status: 'delivered' }]);
      expect(back.received).toHaveLength(1);
    } finally {
      await second.close();
      await back.close();
      rmSync(data, { recursive: true, force: true });
    }
  });
});
