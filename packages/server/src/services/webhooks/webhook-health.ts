/** Whether a webhook takes what is sent to it; one that has taken nothing for days is disabled, with a line that says so. */
import type { Store } from '../../ports/store.ts';
import type { DeliveryRow, WebhookRow } from '../../ports/store/webhook-store.ts';
import type { Log } from '../../ports/system/log.ts';
import type { Changes } from '../changes.ts';

export interface HealthOptions {
  readonly store: Pick<Store, 'webhooks' | 'decisions'>;
  readonly changes: Pick<Changes, 'announce'>;
  readonly log: Log;
}

const FAILING_DAYS_MAX = 3;
const DAY_MS = 86_400_000;

/** `webhook`: as it was read for the attempt. `status`: of the delivery, after it. */
export async function noteHealth(
  options: HealthOptions,
  webhook: WebhookRow,
  { status, now }: { readonly status: DeliveryRow['status']; readonly now: number },
): Promise<void> {
  const { projectId, id, failingSince } = webhook;
  const { webhooks } = options.store;
  if (status === 'delivered') {
    if (failingSince !== null) await webhooks.update(projectId, id, { failingSince: null });
  } else if (failingSince === null) await webhooks.update(projectId, id, { failingSince: now });
  // Not at a first attempt after weeks in which there was nothing to send: at the end of one that had all its attempts.
  else if (status === 'failed' && now - failingSince >= FAILING_DAYS_MAX * DAY_MS) await disable(options, webhook, now);
}

async function disable({ store, changes, log }: HealthOptions, { projectId, id, failingSince }: WebhookRow, now: number): Promise<void> {
  const present = await store.webhooks.get(projectId, id);
  // Somebody was quicker: it took something, was enabled anew, or is disabled.
  if (present === null || !present.enabled || present.failingSince !== failingSince) return;
  const since = new Date(failingSince ?? now).toISOString();
  const text = `It took nothing since ${since}, for more than ${FAILING_DAYS_MAX} days, and was disabled; what waits for it waits one day more. Enable it when its receiver is back.`;
  await store.webhooks.update(projectId, id, { enabled: false, updatedAt: now });
  await store.decisions.append([{ at: now, projectId, subject: 'webhook', subjectId: id, code: 'disabled', text }]);
  changes.announce({ kind: 'webhook', projectId });
  log.warn({ projectId, webhookId: id }, `Disabled a webhook that took nothing for ${FAILING_DAYS_MAX} days`);
}
