/** The statements of webhooks by name, for `../operations.ts`. */
import { claimDueDeliveries } from './claim-deliveries.ts';
import * as deliveries from './deliveries.ts';
import * as webhooks from './webhooks.ts';

export const webhookOperations = {
  'webhooks.insert': { lane: 'write', run: webhooks.insertWebhook },
  'webhooks.get': { lane: 'point', run: webhooks.getWebhook },
  'webhooks.list': { lane: 'list', run: webhooks.listWebhooks },
  'webhooks.update': { lane: 'write', run: webhooks.updateWebhook },
  'webhooks.delete': { lane: 'write', run: webhooks.deleteWebhook },
  'webhooks.sending': { lane: 'point', run: webhooks.sendingWebhooks },
  'webhooks.hearingExecutions': { lane: 'point', run: webhooks.projectsHearingExecutions },

  'deliveries.get': { lane: 'point', run: deliveries.getDelivery },
  'deliveries.list': { lane: 'list', run: deliveries.listDeliveries },
  'deliveries.claimDue': { lane: 'write', run: claimDueDeliveries },
  'deliveries.settle': { lane: 'write', run: deliveries.settleDeliveries },
  'deliveries.release': { lane: 'write', run: deliveries.releaseDelivery },
  'deliveries.redeliver': { lane: 'write', run: deliveries.redeliver },
  'deliveries.deleteOf': { lane: 'write', run: deliveries.deleteDeliveriesOf },
  'deliveries.deleteBefore': { lane: 'write', run: deliveries.deleteDeliveriesBefore },
} as const;
