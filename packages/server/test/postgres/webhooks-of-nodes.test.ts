/** Two servers on one database: each event is sent to a webhook by one of them, whichever took it. */
import { randomBytes } from 'node:crypto';
import type { WebhookResource } from '@martlet/protocol';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { startPlatform, type TestPlatform } from '../platform/start-platform.ts';
import { suiteName } from '../support/suite-name.ts';
import { startReceiver, type Receiver } from '../webhooks/receiver.ts';
import { sharedPostgres, whyNoPostgres } from './shared-postgres.ts';

const skipped = whyNoPostgres();
const COUNT = 60;

describe.skipIf(skipped !== undefined)(suiteName('webhooks of several nodes', skipped), () => {
  let nodes: TestPlatform[] = [];
  let receiver: Receiver;

  beforeAll(async () => {
    receiver = await startReceiver();
    const server = await sharedPostgres(inject('postgresFolder'));
    const change = {
      databaseUrl: await server.createDatabase(),
      artifacts: 'database',
      vaultKeys: [randomBytes(32).toString('base64')],
      webhookPrivateHosts: ['127.0.0.1'],
      webhookRetries: [0, 0, 0, 0, 0],
    } as const;
    nodes = await Promise.all([startPlatform(change), startPlatform(change)]);
  });
  afterAll(async () => {
    await Promise.all(nodes.map((node) => node.close()));
    await receiver.close();
  });

  it('are sent each event once, and each attempt by one node', async () => {
    const [one] = nodes;
    const { body } =
      (await one?.api('POST', '/v1/webhooks', { name: 'shared', url: `${receiver.url}/shared`, events: ['users.*.create'] })) ?? {};
    const { $id } = body as WebhookResource;
    // Every third is taken at the second attempt only.
    receiver.answer = (request, response) => {
      const { subject } = JSON.parse(request.body.toString()) as { subject: string };
      const refused = Number(subject.slice(1)) % 3 === 0 && request.headers['martlet-attempt'] === '1';
      response.writeHead(refused ? 500 : 204).end();
    };
    // The other node hears of the webhook a moment later.
    await new Promise((resolve) => setTimeout(resolve, 2500));
    const created = await Promise.all(
      Array.from({ length: COUNT }, (_, index) => nodes[index % 2]?.api('POST', '/v1/users', { userId: `u${index}` })),
    );
    expect(created.map((answer) => answer?.status)).toEqual(Array.from({ length: COUNT }, () => 201));
    const delivered = `/v1/webhooks/${$id}/deliveries?queries[0]=${encodeURIComponent('{"method":"equal","attribute":"status","values":["delivered"]}')}`;
    await expect
      .poll(async () => ((await nodes[1]?.api('GET', delivered))?.body as { total: number } | undefined)?.total, { timeout: 20_000 })
      .toBe(COUNT);
    const attempts = receiver.received.map(
      (each) => `${(JSON.parse(each.body.toString()) as { subject: string }).subject} ${each.headers['martlet-attempt']}`,
    );
    const expected = Array.from({ length: COUNT }, (_, index) =>
      index % 3 === 0 ? [`u${index} 1`, `u${index} 2`] : [`u${index} 1`],
    ).flat();
    expect(attempts.toSorted()).toEqual(expected.toSorted());
  });
});
