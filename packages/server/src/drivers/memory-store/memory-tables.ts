/** All that the store in memory holds. Lines and build logs are under the id of their execution or deployment. */
import type { LogLine } from '@martlet/protocol';
import type { DeploymentRow, ExecutionRow, FunctionRow, KeyRow, ProjectRow, VariableRow } from '../../ports/store.ts';
import type { NewDecision } from '../../ports/store/decision-store.ts';
import type { AttemptRow, JobRequest, JobRow } from '../../ports/store/job-store.ts';
import type { EventRow } from '../../ports/store/event-store.ts';
import type { DeliveryRow, WebhookRow } from '../../ports/store/webhook-store.ts';
import type { ScheduleRow } from '../../ports/store/schedule-store.ts';
import type { NodeRow } from '../../ports/store/node-store.ts';
import { createMemoryTable, type MemoryTable } from './memory-table.ts';

export interface MemoryTables {
  readonly projects: MemoryTable<ProjectRow>;
  readonly keys: MemoryTable<KeyRow>;
  readonly functions: MemoryTable<FunctionRow>;
  readonly deployments: MemoryTable<DeploymentRow>;
  readonly buildLogs: Map<string, string>;
  readonly variables: MemoryTable<VariableRow>;
  readonly executions: MemoryTable<ExecutionRow>;
  readonly executionLines: Map<string, readonly LogLine[]>;
  readonly jobs: MemoryTable<JobRow>;
  readonly schedules: MemoryTable<ScheduleRow>;
  readonly events: MemoryTable<EventRow>;
  readonly webhooks: MemoryTable<WebhookRow>;
  readonly deliveries: MemoryTable<DeliveryRow>;
  readonly jobRequests: Map<string, { readonly request: JobRequest; readonly body: Uint8Array }>;
  readonly attempts: AttemptRow[];
  readonly idempotencyKeys: Map<string, { readonly hash: string; readonly executionId: string }>;
  readonly decisions: NewDecision[];
  readonly nodes: Map<string, NodeRow>;
}

export function createMemoryTables(): MemoryTables {
  return {
    projects: createMemoryTable((row) => row.id),
    keys: createMemoryTable((row) => row.id),
    functions: createMemoryTable((row) => functionKey(row.projectId, row.id)),
    deployments: createMemoryTable((row) => row.id),
    buildLogs: new Map(),
    variables: createMemoryTable((row) => JSON.stringify([row.projectId, row.functionId, row.id])),
    executions: createMemoryTable((row) => row.id),
    executionLines: new Map(),
    jobs: createMemoryTable((row) => row.executionId),
    schedules: createMemoryTable((row) => functionKey(row.projectId, row.id)),
    events: createMemoryTable<EventRow>(eventKey),
    webhooks: createMemoryTable((row) => functionKey(row.projectId, row.id)),
    deliveries: createMemoryTable((row) => row.id),
    jobRequests: new Map(),
    attempts: [],
    idempotencyKeys: new Map(),
    decisions: [],
    nodes: new Map(),
  };
}

export function eventKey({ projectId, source, id }: Pick<EventRow, 'projectId' | 'source' | 'id'>): string {
  return JSON.stringify([projectId, source, id]);
}

/** Stores those that are new. @returns per event whether it was */
export function storeEvents({ events }: MemoryTables, batch: readonly EventRow[]): boolean[] {
  return batch.map((row) => {
    if (events.get(eventKey(row)) !== null) return false;
    events.put(row);
    return true;
  });
}

export function functionKey(projectId: string, id: string): string {
  return JSON.stringify([projectId, id]);
}
