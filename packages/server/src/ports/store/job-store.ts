/**
 * The queue. An execution that was accepted to run later is its own job: the same row, the same commit. A claim hands
 * it to one node under a new fence; whoever writes with an older fence changes nothing. Times are milliseconds since
 * 1970 by the clock that the caller passes, which for several nodes is that of the database (`NodeStore.now`).
 */
import type { ErrorCode, LogLine } from '@martlet/protocol';
import type { ExecutionRow } from '../store.ts';
import type { NewDecision } from './decision-store.ts';
import type { EventRow } from './event-store.ts';

/**
 * Where a job stands. `delayed`: not before `runAt`. `ready`: may be claimed. `taken`: a node has it. `dead`: it failed and will
 * not be tried again by itself. A job that is through has none.
 */
export type QueueState = 'delayed' | 'ready' | 'taken' | 'dead';

/** What a job is called with; kept until the execution has completed, and for failed ones as long as their record. */
export interface JobRequest {
  readonly method: string;
  /** Origin and path with query as the function sees them. */
  readonly origin: string;
  readonly path: string;
  /** Flat: name, value, … */
  readonly headers: readonly string[];
  readonly clientIp: string;
  readonly hops: number;
  /** Name of the platform's or the author's event; empty without one. */
  readonly event: string;
}

/** What made the job, and what has happened to it that no column says. */
export interface JobFacts {
  /** Attempts in a row that ended with the process or the node, not by the code. */
  readonly crashes: number;
  readonly scheduleId?: string;
  /** The instant of the schedule that this execution stands for. */
  readonly tick?: number;
  readonly eventId?: string;
  /** The dead execution of which this one is a replay. */
  readonly replayOf?: string;
}

export interface JobRow {
  readonly executionId: string;
  readonly projectId: string;
  readonly functionId: string;
  readonly state: QueueState | null;
  readonly runAt: number;
  /** Higher runs first, within its function. */
  readonly priority: number;
  /** When it is no longer worth running. */
  readonly expiresAt: number | null;
  /** Attempts begun. */
  readonly attempt: number;
  readonly fence: number;
  readonly nodeId: string | null;
  /** Of one function at most one job with the same key is taken at a time. */
  readonly concurrencyKey: string | null;
  readonly cancelRequested: boolean;
  readonly facts: JobFacts;
}

export interface NewJob {
  /** With status `waiting`, or `scheduled` for one that is delayed by its caller. */
  readonly execution: ExecutionRow;
  readonly runAt: number;
  /** Whether `runAt` lies ahead. */
  readonly delayed: boolean;
  readonly priority: number;
  readonly expiresAt: number | null;
  readonly concurrencyKey: string | null;
  readonly facts: JobFacts;
  readonly request: JobRequest;
  readonly body: Uint8Array;
  /** A caller that sends the same key again gets the same execution; `hash` tells whether it asked for the same. */
  readonly idempotency: { readonly key: string; readonly hash: string } | null;
  /** Events to store in the same commit, if it is stored. */
  readonly told?: readonly EventRow[];
}

export type Enqueued =
  | { readonly kind: 'enqueued' }
  | { readonly kind: 'known'; readonly executionId: string; readonly sameRequest: boolean };

/** A function that has work. */
export interface ReadyGroup {
  readonly projectId: string;
  readonly functionId: string;
  /** Ready jobs, counted up to `READY_COUNT_MAX`. */
  readonly ready: number;
  /** Its jobs that any node has taken. */
  readonly taken: number;
}
export const READY_COUNT_MAX = 256;

export interface Take {
  readonly projectId: string;
  readonly functionId: string;
  readonly count: number;
  /** How many of the function all nodes together may have taken. */
  readonly concurrency: number;
}

export interface TakenJob {
  readonly job: JobRow;
  /** With status `processing`. */
  readonly execution: ExecutionRow;
}

export interface ClaimedJob extends TakenJob {
  readonly request: JobRequest;
  readonly body: Uint8Array;
}

/** The end of an attempt and what becomes of the job, in one commit. Nothing is written unless the fence holds. */
export interface JobEnd {
  readonly executionId: string;
  readonly fence: number;
  /** As it now is: terminal, or `waiting` when it is tried again. */
  readonly execution: ExecutionRow;
  /** Lines that were not written before. */
  readonly lines: readonly LogLine[];
  readonly attempt: { readonly startedAt: number; readonly endedAt: number; readonly errorCode: ErrorCode | null };
  readonly next:
    | { readonly state: 'delayed' | 'ready'; readonly runAt: number; readonly facts: JobFacts }
    | { readonly state: 'dead'; readonly facts: JobFacts }
    | { readonly state: null };
  readonly decisions: readonly NewDecision[];
  /** Events to store in the same commit, if the fence holds. */
  readonly told?: readonly EventRow[];
}

export interface AttemptRow {
  readonly executionId: string;
  /** Counts from 1. */
  readonly number: number;
  readonly fence: number;
  readonly nodeId: string;
  readonly startedAt: number;
  readonly endedAt: number | null;
  readonly errorCode: ErrorCode | null;
}

export interface JobStore {
  /** Stores all of them in one commit, or none. What it answers stands in the order of the batch. */
  enqueue(batch: readonly NewJob[], decisions: readonly NewDecision[]): Promise<readonly Enqueued[]>;
  /** Functions with ready jobs, at most `limit`, in an order that begins after `after` and goes round. */
  groups(limit: number, after: { readonly projectId: string; readonly functionId: string } | null): Promise<readonly ReadyGroup[]>;
  /**
   * Takes ready jobs, those of higher priority and longer waiting first: each gets `attempt + 1`, `fence + 1`, status
   * `processing`, and a row of its attempt. May take fewer than asked for.
   */
  claim(at: { readonly nodeId: string; readonly now: number; readonly takes: readonly Take[] }): Promise<readonly ClaimedJob[]>;
  /** @returns per end whether its fence held */
  settle(batch: readonly JobEnd[]): Promise<readonly boolean[]>;
  /** Lines of attempts that go on, dropped where the fence does not hold. */
  addLines(batch: readonly { readonly executionId: string; readonly fence: number; readonly lines: readonly LogLine[] }[]): Promise<void>;
  /** Hands jobs back untouched, as if they had not been claimed: the attempt does not count. */
  release(batch: readonly { readonly executionId: string; readonly fence: number }[]): Promise<void>;
  /** Makes delayed jobs ready whose time has come, at most `limit`. @returns how many */
  promote(now: number, limit: number): Promise<number>;
  /** Fails jobs that wait beyond their `expiresAt`, with `execution_expired`, at most `limit`. @returns how many */
  expire(now: number, limit: number): Promise<number>;
  /** The earliest instant at which `promote` or `expire` has something to do. */
  nextDue(): Promise<number | null>;
  /**
   * Ends a job that waits, with `execution_canceled`; marks one that is taken, for its node to end. @returns what it found, or null when
   * there is no such job that has not ended
   */
  cancel(at: { readonly projectId: string; readonly executionId: string; readonly now: number }): Promise<'canceled' | 'requested' | null>;
  /** Jobs of a node that somebody wants canceled. */
  cancelRequests(nodeId: string): Promise<readonly string[]>;
  /**
   * Jobs that a node has taken other than those it knows of, at most `limit`: the answer to a claim may be lost while the claim itself
   * took place.
   */
  takenBeside(at: { readonly nodeId: string; readonly known: readonly string[]; readonly limit: number }): Promise<readonly TakenJob[]>;
  /** Taken jobs whose node is gone, at most `limit`. */
  lost(limit: number): Promise<readonly TakenJob[]>;
  get(projectId: string, executionId: string): Promise<JobRow | null>;
  /** What it was called with, or null when that is no longer kept. */
  payload(projectId: string, executionId: string): Promise<{ readonly request: JobRequest; readonly body: Uint8Array } | null>;
  attempts(projectId: string, executionId: string): Promise<readonly AttemptRow[]>;
  /** Dead executions, oldest first; those before `before` only, when it is given. */
  listDead(at: DeadQuery & { readonly limit: number }): Promise<readonly ExecutionRow[]>;
  /** Takes dead jobs out of the list and forgets what they were called with; their record stays. @returns how many */
  purgeDead(at: DeadQuery): Promise<number>;
  /** How many jobs of a function wait, counted up to `max`. */
  depth(at: { readonly projectId: string; readonly functionId: string; readonly max: number }): Promise<number>;
}

export interface DeadQuery {
  readonly projectId: string;
  /** Null: of all functions. */
  readonly functionId: string | null;
  readonly executionIds?: readonly string[];
  /** Ended before this time. */
  readonly before?: number;
}
