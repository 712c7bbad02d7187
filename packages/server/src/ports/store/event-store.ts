/**
 * Events: what happened, kept until it is past retention. An event is stored in the commit of what it tells of, and the
 * executions that it starts are stored in the commit that marks it as dispatched: so it starts each of them once.
 */
import type { PlatformEvent } from '../../domain/events/event-name.ts';
import type { ListQuery, Page } from '../store.ts';
import type { NewDecision } from './decision-store.ts';
import type { NewJob } from './job-store.ts';
import type { DeliveryRow } from './webhook-store.ts';

export interface EventRow {
  /** With the source it names the event in its project, for as long as it is kept. */
  readonly id: string;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly projectId: string;
  readonly source: string;
  /** The concrete name: `order.created`, `users.u1.create`. */
  readonly type: string;
  readonly subject: string;
  /** When it happened, as its sender says. */
  readonly time: number;
  readonly contentType: string;
  readonly data: Uint8Array;
  readonly origin: 'platform' | 'api' | 'function' | 'webhook';
  /** What happened, for an event of the platform: its name alone does not tell where ids with dots end. */
  readonly fired: PlatformEvent | null;
  /** Who caused it. */
  readonly userId: string | null;
  /** How many functions stand between it and its first cause. */
  readonly hops: number;
  readonly dispatchedAt: number | null;
  /** Executions that it started. */
  readonly started: number;
}

/** What is decided about an event, in one commit. */
export interface EventDispatch {
  readonly projectId: string;
  readonly source: string;
  readonly id: string;
  readonly now: number;
  readonly jobs: readonly NewJob[];
  readonly decisions: readonly NewDecision[];
  /** Where it is sent to; of webhooks that are gone nothing is stored. */
  readonly deliveries?: readonly DeliveryRow[];
}

export interface EventStore {
  /** @returns per event whether it is new: one with a known source and id changes nothing */
  append(batch: readonly EventRow[]): Promise<readonly boolean[]>;
  get(projectId: string, source: string, id: string): Promise<EventRow | null>;
  list(projectId: string, query: ListQuery): Promise<Page<EventRow>>;
  /** Those that are not dispatched, oldest first. */
  pending(limit: number): Promise<readonly EventRow[]>;
  /** @returns whether nobody had dispatched it before */
  dispatch(what: EventDispatch): Promise<boolean>;
  /** Deletes dispatched ones. @returns how many */
  deleteBefore(time: number, limit: number): Promise<number>;
}
