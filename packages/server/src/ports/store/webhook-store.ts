/**
 * Webhooks: where events are sent to, and signed requests that come in as events. A delivery is stored in the commit
 * that dispatches its event; whoever claims it makes its next attempt, and nobody else does. Rows as in `../store.ts`.
 */
import type { WebhookVerification } from '../../domain/webhooks/inbound-event.ts';
import type { ListQuery, Page } from '../store.ts';

interface Row {
  readonly id: string;
  readonly createdAt: number;
  readonly updatedAt: number;
}

export interface WebhookRow extends Row {
  readonly projectId: string;
  readonly name: string;
  readonly direction: 'out' | 'in';
  readonly enabled: boolean;
  /** Where events are sent; empty for one that comes in. */
  readonly url: string;
  /** Patterns of the events that are sent. */
  readonly events: readonly string[];
  /** Whether those may be events of executions, of which there are so many that nobody makes them unheard. */
  readonly hearsExecutions: boolean;
  /** How one that comes in is verified and read. */
  readonly verify: WebhookVerification | null;
  /** A JSON list, the newest first, sealed by the vault. */
  readonly secrets: string;
  /** Since when it has taken nothing that was sent to it; null: it took the last one, or was never sent anything. */
  readonly failingSince: number | null;
}
export type WebhookChange = Partial<
  Pick<WebhookRow, 'name' | 'enabled' | 'url' | 'events' | 'hearsExecutions' | 'verify' | 'secrets' | 'failingSince' | 'updatedAt'>
>;

export interface WebhookStore {
  /** @throws `webhook_already_exists` when the id is taken in the project */
  insert(row: WebhookRow): Promise<void>;
  get(projectId: string, id: string): Promise<WebhookRow | null>;
  list(projectId: string, query: ListQuery): Promise<Page<WebhookRow>>;
  /** @returns the changed row, or null where there is none */
  update(projectId: string, id: string, change: WebhookChange): Promise<WebhookRow | null>;
  /** With its deliveries, of which there may be millions: others write between them. @returns whether there was one */
  delete(projectId: string, id: string): Promise<boolean>;
  /** All enabled ones of a project that events are sent to. */
  sending(projectId: string): Promise<readonly WebhookRow[]>;
  /** Projects in which an enabled one hears of executions. */
  hearingExecutions(): Promise<readonly string[]>;
}

export interface DeliveryRow extends Row {
  readonly projectId: string;
  readonly webhookId: string;
  readonly eventId: string;
  readonly eventSource: string;
  readonly eventType: string;
  readonly status: 'waiting' | 'delivered' | 'failed';
  /** Attempts begun, ever. It is the fence: what an earlier attempt finds out later changes nothing. */
  readonly attempt: number;
  /** Attempts begun since it was stored, or was last sent again by hand. */
  readonly tries: number;
  /** When the next attempt may begin; null: none will. */
  readonly nextAt: number | null;
  /** Of the last attempt; 0: no answer came. */
  readonly responseStatus: number;
  /** Why the last attempt failed; empty where it did not. */
  readonly error: string;
  readonly endedAt: number | null;
}

export interface DeliveryEnd extends Pick<DeliveryRow, 'id' | 'attempt' | 'status' | 'nextAt' | 'responseStatus' | 'error' | 'endedAt'> {
  readonly now: number;
}

export interface DeliveryClaim {
  readonly now: number;
  readonly until: number;
  /** At most so many in all. */
  readonly limit: number;
  /** So many of one webhook, what the caller has under way of it included; one of a webhook that is failing. */
  readonly perWebhook: number;
  readonly running: readonly (Pick<DeliveryRow, 'projectId' | 'webhookId'> & { readonly count: number })[];
}

/** For so long what waits for a disabled webhook goes on waiting; afterwards it is claimed, and so comes to its end. */
export const DISABLED_WAIT_MS = 86_400_000;

/** So many deliveries may wait for one webhook. Those beyond are stored as failed: a receiver that is away must not fill the store. */
export const WAITING_MAX = 10_000;
export const TOO_MANY_WAIT = `${WAITING_MAX} deliveries wait for this webhook already`;

export interface DeliveryStore {
  get(projectId: string, webhookId: string, id: string): Promise<DeliveryRow | null>;
  list(projectId: string, webhookId: string, query: ListQuery): Promise<Page<DeliveryRow>>;
  /** Begins the next attempt of those whose time has come, longest waiting first; they are the caller's alone until `until`. */
  claimDue(what: DeliveryClaim): Promise<readonly DeliveryRow[]>;
  /** @returns per end whether its attempt was still the last one */
  settle(ends: readonly DeliveryEnd[]): Promise<readonly boolean[]>;
  /** Takes back an attempt in which nothing was sent: due at once, its try not spent. Nothing where it is not the last one. */
  release(attempt: Pick<DeliveryRow, 'id' | 'attempt'> & { readonly now: number }): Promise<void>;
  /** Makes it due now, with all its tries. @returns null where there is none */
  redeliver(at: {
    readonly projectId: string;
    readonly webhookId: string;
    readonly id: string;
    readonly now: number;
  }): Promise<DeliveryRow | null>;
  /** Deletes those that ended before a time. @returns how many */
  deleteBefore(time: number, limit: number): Promise<number>;
}
