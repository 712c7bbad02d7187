/** Takes a signed request from outside in as an event. The signature is all that it shows, and all that it is asked for. */
import { createHash } from 'node:crypto';
import { isPlatformError, PlatformError } from '@martlet/protocol';
import { anonymous } from '../../domain/principal.ts';
import { readInbound, type WebhookVerification } from '../../domain/webhooks/inbound-event.ts';
import { verifyDelivery, type Delivery } from '../../domain/webhooks/signatures.ts';
import type { Store } from '../../ports/store.ts';
import type { WebhookRow } from '../../ports/store/webhook-store.ts';
import type { Clock } from '../../ports/system/clock.ts';
import type { Log } from '../../ports/system/log.ts';
import type { Vault } from '../../ports/vault.ts';
import type { Events, SentEvent } from '../events/manage-events.ts';
import { assertAllowed, type CallerRate } from '../identity/caller-rate.ts';
import { hmac, openSecrets, secretBytes } from './webhook-secrets.ts';

export interface Hooks {
  /** Before the body is read. @throws {PlatformError} `general_rate_limit_exceeded` */
  admit(clientIp: string): void;
  /**
   * When this resolves the event is on disk. The same request again is the same event.
   * @throws {PlatformError} `webhook_signature_invalid`, the same for every reason and for ids that nobody has; then `event_invalid`, `execution_hops_exceeded`
   */
  take(projectId: string, webhookId: string, delivery: Delivery): Promise<SentEvent>;
}

export interface HooksOptions {
  readonly store: Pick<Store, 'webhooks'>;
  readonly vault: Vault;
  readonly events: Pick<Events, 'send'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly rate: CallerRate | undefined;
}

type InboundRow = WebhookRow & { readonly verify: WebhookVerification };

export function createHooks({ store, vault, events, clock, log, rate }: HooksOptions): Hooks {
  const isTaken = (row: WebhookRow | null): row is InboundRow => row?.verify !== null && row?.direction === 'in' && row.enabled;

  function verify(row: InboundRow, delivery: Delivery): void {
    const secrets = secretBytes(openSecrets(vault, row));
    try {
      verifyDelivery(row.verify.scheme, { delivery, secrets, nowMs: clock.now(), hmac });
    } catch (error) {
      if (!isPlatformError(error)) throw error;
      // For who runs the server: whoever sent it learns nothing that helps to guess.
      log.info({ projectId: row.projectId, webhookId: row.id, reason: error.message }, 'Refused a webhook');
      throw refusal();
    }
  }

  return {
    admit(clientIp) {
      if (rate !== undefined) assertAllowed(rate.take(anonymous, clientIp));
    },
    async take(projectId, webhookId, delivery) {
      const row = await store.webhooks.get(projectId, webhookId);
      if (!isTaken(row)) throw refusal();
      verify(row, delivery);
      const { event, hops } = readInbound({
        name: row.name,
        source: `/webhooks/${row.id}`,
        verify: row.verify,
        delivery,
        bodyHash: createHash('sha256').update(delivery.body).digest('hex'),
      });
      const [sent] = await events.send(projectId, [event], anonymous, { origin: 'webhook', hops });
      if (sent === undefined) throw new Error('An event was sent, and none was accepted');
      return sent;
    },
  };
}

const refusal = (): PlatformError =>
  new PlatformError('webhook_signature_invalid', 'Cannot take the webhook: there is none here whose signature this is.');
