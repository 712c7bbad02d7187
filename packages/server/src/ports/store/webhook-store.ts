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
}
export type WebhookChange = Partial<
  Pick<WebhookRow, 'name' | 'enabled' | 'url' | 'events' | 'hearsExecutions' | 'verify' | 'secrets' | 'updatedAt'>
>;

export interface WebhookStore {
  /** @throws `webhook_already_exists` when the id is taken in the project */
  insert(row: WebhookRow): Promise<void>;
  get(projectId: string, id: string): Promise<WebhookRow | null>;
  list(projectId: string, query: ListQuery): Promise<Page<WebhookRow>>;
  /** @returns the changed row, or null where there is none */
  update(projectId: string, id: string, change: WebhookChange): Promise<WebhookRow | null>;
  /** With its deliveries. @returns whether there was one */
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

export interface DeliveryStore {
  get(projectId: string, webhookId: string, id: string): Promise<DeliveryRow | null>;
  list(projectId: string, webhookId: string, query: ListQuery): Promise<Page<DeliveryRow>>;
  /** Those whose time has come, longest waiting first, but for those of some webhooks (`projectId/webhookId`). */
  due(now: number, limit: number, except: readonly string[]): Promise<readonly DeliveryRow[]>;
  /** Begins the next attempt of those that nobody has touched since they were read; theirs alone until `until`. */
  claim(
    rows: readonly Pick<DeliveryRow, 'id' | 'attempt'>[],
    at: { readonly now: number; readonly until: number },
  ): Promise<readonly DeliveryRow[]>;
  /** @returns per end whether its attempt was still the last one */
  settle(ends: readonly DeliveryEnd[]): Promise<readonly boolean[]>;
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
