/**
 * What Martlet remembers. One port, split by noun; every driver passes `test/conformance/store.ts`. Rows are plain
 * frozen facts: times are milliseconds since 1970, absent is `null`, lists are arrays. A driver rejects with
 * `store_unavailable` when it cannot reach its storage, and never retries a write by itself.
 */
import type { DeploymentStatus, EgressPolicy, ErrorCode, ExecutionStatus, LogLine, Retries, Trigger } from '@martlet/protocol';
import type { ListQuery } from '../domain/list-query.ts';
import type { DecisionStore } from './store/decision-store.ts';
import type { EventRow, EventStore } from './store/event-store.ts';
import type { JobStore } from './store/job-store.ts';
import type { NodeStore } from './store/node-store.ts';
import type { ScheduleStore } from './store/schedule-store.ts';
import type { DeliveryStore, WebhookStore } from './store/webhook-store.ts';
import type { IdentityStores } from './store/user-store.ts';

export type { Filter, ListQuery, Value } from '../domain/list-query.ts';

export interface StoreNouns extends IdentityStores {
  readonly projects: ProjectStore;
  readonly keys: KeyStore;
  readonly functions: FunctionStore;
  readonly deployments: DeploymentStore;
  readonly variables: VariableStore;
  readonly executions: ExecutionStore;
  readonly jobs: JobStore;
  readonly schedules: ScheduleStore;
  readonly events: EventStore;
  readonly webhooks: WebhookStore;
  readonly deliveries: DeliveryStore;
  readonly decisions: DecisionStore;
  readonly nodes: NodeStore;
}

export interface Store extends StoreNouns {
  /**
   * The nouns, with these events stored in the commit of the next change (`insert`, `update`, `delete`, `deleteAll`) that is made through them;
   * a change that finds nothing, or is refused, stores none.
   */
  announcing(events: readonly EventRow[]): StoreNouns;
  /** Applies the migrations that are missing and opens the storage. */
  open(): Promise<void>;
  /** Finishes what was accepted, then closes. */
  close(): Promise<void>;
}

/** A page of a list. `total` counts all rows that match, at most `TOTAL_MAX`. */
export interface Page<Row> {
  readonly rows: readonly Row[];
  readonly total: number;
}
export const TOTAL_MAX = 5000;

interface Row {
  readonly id: string;
  readonly createdAt: number;
  readonly updatedAt: number;
}

export interface ProjectRow extends Row {
  readonly name: string;
}

export interface ProjectStore {
  get(id: string): Promise<ProjectRow | null>;
  /** Creates the project unless its id exists; returns the stored row. */
  ensure(row: ProjectRow): Promise<ProjectRow>;
}

export interface KeyRow extends Row {
  readonly projectId: string;
  readonly name: string;
  /** SHA-256 of the key, hexadecimal. Unique. */
  readonly hash: string;
  /** First characters, so that people recognise it. */
  readonly prefix: string;
  readonly scopes: readonly string[];
  readonly expiresAt: number | null;
  readonly lastUsedAt: number | null;
}

export interface KeyStore {
  /** @throws `key_already_exists` when id or hash is taken */
  insert(row: KeyRow): Promise<void>;
  getByHash(hash: string): Promise<KeyRow | null>;
  get(projectId: string, id: string): Promise<KeyRow | null>;
  list(projectId: string, query: ListQuery): Promise<Page<KeyRow>>;
  /** How many keys all projects have; 0 on an empty data folder. */
  count(): Promise<number>;
  touch(id: string, usedAt: number): Promise<void>;
  /** @returns whether there was one */
  delete(projectId: string, id: string): Promise<boolean>;
}

export interface FunctionRow extends Row {
  readonly projectId: string;
  readonly name: string;
  /** Path under which it is called; unique in the project. */
  readonly path: string;
  readonly runtime: string;
  readonly execute: readonly string[];
  readonly enabled: boolean;
  readonly logging: boolean;
  readonly entrypoint: string;
  readonly commands: string;
  readonly scopes: readonly string[];
  readonly events: readonly string[];
  readonly schedule: string;
  readonly timezone: string;
  readonly timeoutSeconds: number;
  readonly memoryMb: number;
  readonly concurrency: number;
  readonly retries: Retries;
  readonly egress: EgressPolicy;
  readonly durability: 'relaxed' | 'strict';
  /** Days to keep inactive deployments; 0 = for ever. */
  readonly deploymentRetention: number;
  /** False when settings that need a build have changed since the active deployment was built. */
  readonly live: boolean;
  readonly activeDeploymentId: string | null;
}
export type FunctionChange = Partial<Omit<FunctionRow, 'id' | 'projectId' | 'createdAt'>>;

export interface FunctionStore {
  /** @throws `function_already_exists` when id or path is taken in the project */
  insert(row: FunctionRow): Promise<void>;
  get(projectId: string, id: string): Promise<FunctionRow | null>;
  /** All functions of a project that listen to events. */
  listeners(projectId: string): Promise<readonly FunctionRow[]>;
  /** The function with the first of these paths that exists; paths are given longest first. */
  getByPath(projectId: string, paths: readonly string[]): Promise<FunctionRow | null>;
  /** `search`: words that must occur in id, name, path or runtime. */
  list(projectId: string, query: ListQuery, search?: string): Promise<Page<FunctionRow>>;
  /** @returns the changed row, or null where there is none. @throws `function_already_exists` for a taken path */
  update(projectId: string, id: string, change: FunctionChange): Promise<FunctionRow | null>;
  /** Removes the function with its deployments, variables, executions and logs. @returns whether there was one */
  delete(projectId: string, id: string): Promise<boolean>;
}

export interface DeploymentRow extends Row {
  readonly projectId: string;
  readonly functionId: string;
  readonly type: 'manual' | 'cli' | 'vcs';
  readonly status: DeploymentStatus;
  readonly entrypoint: string;
  readonly commands: string;
  /** Whether it shall become the active deployment once it is ready. */
  readonly activate: boolean;
  /** SHA-256 of the packed source, hexadecimal; its artifact key is `sources/<hash>`. */
  readonly sourceHash: string;
  readonly sourceBytes: number;
  /** SHA-256 of the built artifact, hexadecimal; null until ready. */
  readonly artifactHash: string | null;
  readonly artifactFormat: 'bundle' | 'module' | 'tree' | null;
  readonly buildBytes: number;
  readonly buildStartedAt: number | null;
  readonly buildMs: number;
  readonly error: ErrorCode | null;
  readonly errorMessage: string;
}
export type DeploymentChange = Partial<Omit<DeploymentRow, 'id' | 'projectId' | 'functionId' | 'createdAt'>>;

export interface DeploymentStore {
  /** @throws `function_not_found` when the function is gone */
  insert(row: DeploymentRow): Promise<void>;
  /** Within one function: a deployment of another function is not found. */
  get(projectId: string, functionId: string, id: string): Promise<DeploymentRow | null>;
  /** The newest deployment of a function in any state. */
  latest(projectId: string, functionId: string): Promise<DeploymentRow | null>;
  list(projectId: string, functionId: string, query: ListQuery): Promise<Page<DeploymentRow>>;
  /**
   * Changes a deployment whose status is one of `from`; else nothing happens and null is returned. This is how two
   * racing changes (a build ends while it is canceled) find out who was first.
   */
  update(id: string, from: readonly DeploymentStatus[], change: DeploymentChange): Promise<DeploymentRow | null>;
  delete(projectId: string, functionId: string, id: string): Promise<boolean>;
  /** Deployments of all projects that are in one of these states; used once at start. */
  listByStatus(statuses: readonly DeploymentStatus[]): Promise<readonly DeploymentRow[]>;
  /** @throws `deployment_not_found` */
  appendBuildLog(id: string, text: string): Promise<void>;
  /** The whole build log, at most its last 1,000,000 characters. */
  buildLog(id: string): Promise<string>;
}

export interface VariableRow extends Row {
  readonly projectId: string;
  /** Null: a variable of the project, seen by all its functions. */
  readonly functionId: string | null;
  readonly key: string;
  /** Sealed by the vault when `secret`, else as it is. */
  readonly value: string;
  readonly secret: boolean;
}
export type VariableChange = Partial<Pick<VariableRow, 'key' | 'value' | 'secret' | 'updatedAt'>>;

export interface VariableStore {
  /** @throws `variable_already_exists` when id or key is taken in the same owner, `function_not_found` when the function is gone */
  insert(row: VariableRow): Promise<void>;
  get(projectId: string, functionId: string | null, id: string): Promise<VariableRow | null>;
  list(projectId: string, functionId: string | null, query: ListQuery): Promise<Page<VariableRow>>;
  /** Variables of the project and of the function, project first: what a worker of the function is given. */
  listEffective(projectId: string, functionId: string): Promise<readonly VariableRow[]>;
  /** @throws `variable_already_exists` */
  update(projectId: string, functionId: string | null, id: string, change: VariableChange): Promise<VariableRow | null>;
  delete(projectId: string, functionId: string | null, id: string): Promise<boolean>;
}

export interface ExecutionRow extends Row {
  readonly projectId: string;
  readonly functionId: string;
  readonly deploymentId: string;
  readonly trigger: Trigger;
  readonly status: ExecutionStatus;
  readonly errorCode: ErrorCode | null;
  /** User who may read it; null: keys only. */
  readonly userId: string | null;
  readonly requestMethod: string;
  readonly requestPath: string;
  /** Flat name, value, …; only those of the contract's allow-list. */
  readonly requestHeaders: readonly string[];
  readonly requestBytes: number;
  readonly responseStatus: number;
  readonly responseHeaders: readonly string[];
  readonly responseBytes: number;
  /** Whether a worker had to be started for it; null: none was reached. */
  readonly cold: boolean | null;
  /** Milliseconds with fractions: waiting for a place, waiting for a worker, and from hand-over to the end. */
  readonly queueMs: number;
  readonly coldMs: number;
  readonly runMs: number;
  readonly memoryPeakBytes: number;
  readonly cpuMicros: number;
  readonly logsDroppedBytes: number;
  /** When it was to run, for one that was not to run at once. */
  readonly scheduledAt: number | null;
  /** Attempts begun; 0 for an execution that somebody waited for. */
  readonly attempt: number;
  readonly endedAt: number | null;
}

/** One write of the recorder: the row as it now is, and log lines that were not written before. */
export interface ExecutionWrite {
  readonly row: ExecutionRow;
  readonly lines: readonly LogLine[];
  /** The server that runs it. Stores that several servers share keep it of the first write. */
  readonly serverId?: string;
  /** Events to store in the same commit. */
  readonly told?: readonly EventRow[];
}

export interface ExecutionStore {
  /**
   * Writes a batch in one commit, whole or not at all, and resolves when it is durable. A row whose id is known is replaced, unless its
   * stored status is terminal: the first end stays, and who comes later adds neither lines nor events.
   */
  write(batch: readonly ExecutionWrite[]): Promise<void>;
  /** Within one function. */
  get(projectId: string, functionId: string, id: string): Promise<ExecutionRow | null>;
  /** Without the function, for `martlet executions get <id>`. */
  find(projectId: string, id: string): Promise<ExecutionRow | null>;
  /** Of one function, or with null of all functions of the project. `readerUserId`: only rows of that user. */
  list(projectId: string, functionId: string | null, query: ListQuery, readerUserId?: string): Promise<Page<ExecutionRow>>;
  /** All lines in the order of writing. */
  lines(id: string): Promise<readonly LogLine[]>;
  delete(projectId: string, functionId: string, id: string): Promise<boolean>;
  /**
   * Fails executions that are waiting or processing and are no jobs, after a crash: all of them, or with `graceMs` those of servers
   * that are not on the list of nodes, and of unknown servers those that are `graceMs` older than anything that may still run: one
   * waits at most as long as its function may run, and then runs. @returns how many
   */
  failInterrupted(endedAt: number, graceMs?: number): Promise<number>;
  /** Deletes executions that ended before a time, at most `limit` per call. @returns how many */
  deleteEndedBefore(time: number, limit: number): Promise<number>;
}
