/** Puts together what sends events to webhooks, and what takes webhooks in as events. */
import type { Changes } from '../services/changes.ts';
import type { Events } from '../services/events/manage-events.ts';
import { createCallerRate } from '../services/identity/caller-rate.ts';
import type { RateLimiter } from '../services/identity/rate-limiter.ts';
import { createWebhooks } from '../services/webhooks/manage-webhooks.ts';
import { createDeliveries } from '../services/webhooks/send-deliveries.ts';
import { createHooks } from '../services/webhooks/take-hook.ts';
import { createDeliveryLoop } from '../triggers/webhooks/delivery-loop.ts';
import type { Drivers } from './create-services.ts';
import { VERSION } from './version.ts';

export function createWebhookServices(
  { config, store, vault, webSender: sender, clock, ids, log }: Drivers,
  { changes, events, rates }: { readonly changes: Changes; readonly events: Events; readonly rates: RateLimiter },
) {
  const { limits } = config;
  const webhooks = createWebhooks({ store, vault, sender, clock, ids, changes });
  const deliveries = createDeliveries({
    store,
    vault,
    sender,
    changes,
    clock,
    log,
    waits: config.webhookRetries,
    timeoutSeconds: limits.webhookTimeoutSeconds,
    version: VERSION,
    random: Math.random,
  });
  const deliveryLoop = createDeliveryLoop({ deliveries, log });
  events.onDeliveries(() => deliveryLoop.wake());
  webhooks.onDue(() => deliveryLoop.wake());
  const rate = createCallerRate(rates, 'hook', limits.hooksPerMinute);
  return { webhooks, deliveries, deliveryLoop, hooks: createHooks({ store, vault, events, clock, log, rate }) };
}
