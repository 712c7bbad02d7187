/** Webhooks as people manage them, and their deliveries. */
import { PlatformError, isCustomId } from '@martlet/protocol';
import { eventPatternProblem } from '../../domain/events/event-pattern.ts';
import type { WebhookVerification } from '../../domain/webhooks/inbound-event.ts';
import type { ListQuery, Page, Store } from '../../ports/store.ts';
import type { NewDecision } from '../../ports/store/decision-store.ts';
import type { DeliveryRow, WebhookRow } from '../../ports/store/webhook-store.ts';
import type { Clock } from '../../ports/system/clock.ts';
import type { Ids } from '../../ports/system/ids.ts';
import type { Vault } from '../../ports/vault.ts';
import type { WebSender } from '../../ports/web-sender.ts';
import type { Changes } from '../changes.ts';
import { openSecrets, sealSecrets, SECRET_BYTES, SECRET_PREFIX } from './webhook-secrets.ts';

export interface WebhookInput {
  readonly name?: string | undefined;
  readonly enabled?: boolean | undefined;
  readonly url?: string | undefined;
  readonly events?: readonly string[] | undefined;
  readonly verify?: WebhookVerification | undefined;
}

export interface NewWebhook extends WebhookInput {
  readonly id?: string | undefined;
  readonly name: string;
  /** Of one that comes in: what its sender has given out. Default: a fresh one. */
  readonly secret?: string | undefined;
}

export interface MadeSecret {
  readonly row: WebhookRow;
  readonly secret: string;
}

export interface Webhooks {
  /** With `verify` one that comes in, else one that events are sent to. @throws {PlatformError} `webhook_invalid`, `webhook_already_exists` */
  create(projectId: string, input: NewWebhook): Promise<MadeSecret>;
  /** @throws {PlatformError} `webhook_not_found` */
  get(projectId: string, id: string): Promise<WebhookRow>;
  list(projectId: string, query: ListQuery): Promise<Page<WebhookRow>>;
  /** @throws {PlatformError} `webhook_not_found`, `webhook_invalid` */
  update(projectId: string, id: string, input: WebhookInput): Promise<WebhookRow>;
  /** @throws {PlatformError} `webhook_not_found` */
  delete(projectId: string, id: string): Promise<void>;
  /** A new secret; the one before stays valid beside it where that is asked for. @throws {PlatformError} `webhook_not_found` */
  changeSecret(projectId: string, id: string, to: { readonly secret?: string | undefined; readonly keepOld: boolean }): Promise<MadeSecret>;
  /** @throws {PlatformError} `webhook_not_found` */
  deliveries(projectId: string, id: string, query: ListQuery): Promise<Page<DeliveryRow>>;
  /** @throws {PlatformError} `webhook_not_found` */
  /** What was decided about it, the newest in their order. @throws {PlatformError} `webhook_not_found` */
  decisions(projectId: string, id: string): Promise<readonly NewDecision[]>;
  /** @throws {PlatformError} `webhook_not_found` */
  delivery(projectId: string, id: string, deliveryId: string): Promise<DeliveryRow>;
  /** Sends it again, now and with all its attempts. @throws {PlatformError} `webhook_not_found`, `event_not_found` when its event is past retention */
  redeliver(projectId: string, id: string, deliveryId: string): Promise<DeliveryRow>;
  /** Called when a delivery became due. */
  onDue(listener: () => void): void;
}

export interface WebhooksOptions {
  readonly store: Pick<Store, 'webhooks' | 'deliveries' | 'events' | 'decisions'>;
  readonly vault: Vault;
  readonly sender: Pick<WebSender, 'urlProblem'>;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly changes: Changes;
}

export function createWebhooks({ store, vault, sender, clock, ids, changes }: WebhooksOptions): Webhooks {
  const dueListeners: (() => void)[] = [];
  const freshSecret = (): string => SECRET_PREFIX + ids.secret(SECRET_BYTES);
  const announce = (projectId: string): void => changes.announce({ kind: 'webhook', projectId });

  const webhooks: Webhooks = {
    async create(projectId, { id = ids.next(), secret = freshSecret(), ...input }) {
      if (!isCustomId(id)) throw invalid('webhookId', `is not an id: ${JSON.stringify(id.slice(0, 40))}`);
      const now = clock.now();
      const row = checked(sender, {
        id,
        projectId,
        createdAt: now,
        updatedAt: now,
        name: input.name,
        direction: input.verify === undefined ? 'out' : 'in',
        enabled: input.enabled ?? true,
        url: input.url ?? '',
        events: input.events ?? [],
        hearsExecutions: false,
        verify: input.verify ?? null,
        secrets: sealSecrets(vault, { projectId, id }, [secret]),
        failingSince: null,
      });
      await store.webhooks.insert(row);
      announce(projectId);
      return { row, secret };
    },

    async get(projectId, id) {
      const row = await store.webhooks.get(projectId, id);
      if (row === null) throw notFound('Webhook', id);
      return row;
    },

    list: (projectId, query) => store.webhooks.list(projectId, query),

    async update(projectId, id, input) {
      const old = await webhooks.get(projectId, id);
      const given = Object.fromEntries(Object.entries(input).filter(([, value]) => value !== undefined));
      const { hearsExecutions } = checked(sender, { ...old, ...given });
      // Nothing but what was given: somebody else may have changed the rest meanwhile.
      const row = await store.webhooks.update(projectId, id, {
        ...given,
        ...(input.events !== undefined && { hearsExecutions }),
        // What is enabled anew, or sent elsewhere, begins anew.
        ...((input.enabled === true || input.url !== undefined) && { failingSince: null }),
        updatedAt: clock.now(),
      });
      if (row === null) throw notFound('Webhook', id);
      announce(projectId);
      return row;
    },

    async delete(projectId, id) {
      // Nothing comes in while its deliveries are deleted; and what a crash leaves of it can be deleted again.
      if ((await store.webhooks.update(projectId, id, { enabled: false })) === null) throw notFound('Webhook', id);
      announce(projectId);
      await store.webhooks.delete(projectId, id);
    },

    async changeSecret(projectId, id, { secret = freshSecret(), keepOld }) {
      const old = await webhooks.get(projectId, id);
      const kept = keepOld ? openSecrets(vault, old).slice(0, 1) : [];
      const secrets = sealSecrets(vault, old, [secret, ...kept]);
      const row = await store.webhooks.update(projectId, id, { secrets, updatedAt: clock.now() });
      if (row === null) throw notFound('Webhook', id);
      announce(projectId);
      return { row, secret };
    },

    async deliveries(projectId, id, query) {
      await webhooks.get(projectId, id);
      return store.deliveries.list(projectId, id, query);
    },

    async decisions(projectId, id) {
      await webhooks.get(projectId, id);
      return store.decisions.list({ projectId, subject: 'webhook', subjectId: id, limit: DECISIONS_SHOWN });
    },

    async delivery(projectId, id, deliveryId) {
      await webhooks.get(projectId, id);
      const row = await store.deliveries.get(projectId, id, deliveryId);
      if (row === null) throw notFound('Delivery', deliveryId);
      return row;
    },

    async redeliver(projectId, id, deliveryId) {
      const { eventSource, eventId } = await webhooks.delivery(projectId, id, deliveryId);
      if ((await store.events.get(projectId, eventSource, eventId)) === null)
        throw new PlatformError('event_not_found', 'Cannot send the delivery again: its event is past retention.');
      const row = await store.deliveries.redeliver({ projectId, webhookId: id, id: deliveryId, now: clock.now() });
      if (row === null) throw notFound('Delivery', deliveryId);
      dueListeners.forEach((listener) => listener());
      return row;
    },

    onDue: (listener) => void dueListeners.push(listener),
  };
  return webhooks;
}

const DECISIONS_SHOWN = 1000;
const EVENTS_MAX = 100;
/** Part of the names of its events. */
const INBOUND_NAME = /^[A-Za-z0-9_-]{1,64}$/;
/** `functions.*` hears of what is inside the function, too. */
const EXECUTIONS = /^functions\.[^.]+(?:\.executions\..*)?$/;

/** @throws {PlatformError} `webhook_invalid` */
function checked(sender: Pick<WebSender, 'urlProblem'>, row: WebhookRow): WebhookRow {
  if (row.direction === 'in') {
    if (row.verify === null) throw invalid('verify', 'is missing');
    if (row.url !== '' || row.events.length > 0)
      throw invalid(row.url === '' ? 'events' : 'url', 'means nothing for a webhook that comes in; leave it or `verify` out');
    if (!INBOUND_NAME.test(row.name)) throw invalid('name', 'is part of the names of its events: up to 64 letters, digits, - and _');
    return row;
  }
  if (row.verify !== null) throw invalid('verify', 'means nothing for a webhook that events are sent to');
  const urlProblem = row.url === '' ? 'it is missing' : sender.urlProblem(row.url);
  if (urlProblem !== undefined) throw invalid('url', `cannot be sent to: ${urlProblem}`);
  if (row.events.length === 0 || row.events.length > EVENTS_MAX) throw invalid('events', `must have 1 to ${EVENTS_MAX} patterns`);
  for (const pattern of row.events) {
    const problem = eventPatternProblem(pattern);
    if (problem !== undefined) throw invalid('events', `has ${JSON.stringify(pattern.slice(0, 80))}: ${problem}`);
  }
  return { ...row, hearsExecutions: row.events.some((pattern) => EXECUTIONS.test(pattern)) };
}

const invalid = (field: string, problem: string): PlatformError =>
  new PlatformError('webhook_invalid', `Cannot use the webhook: \`${field}\` ${problem}.`);

const notFound = (what: string, id: string): PlatformError =>
  new PlatformError('webhook_not_found', `${what} with the requested ID could not be found: "${id.slice(0, 40)}".`);
