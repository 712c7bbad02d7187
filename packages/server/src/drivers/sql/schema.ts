/**
 * The tables as both dialects have them. Flags are 0 or 1, lists and policies are JSON text, times are milliseconds,
 * and `seq` counts up in the order of insertion.
 */
import type { Generated, Kysely } from 'kysely';
import type { IdentityTables } from './identity/identity-tables.ts';

export type Database = Kysely<Schema>;

export interface Schema extends IdentityTables {
  projects: ProjectTable;
  api_keys: KeyTable;
  functions: FunctionTable;
  deployments: DeploymentTable;
  deployment_logs: DeploymentLogTable;
  variables: VariableTable;
  executions: ExecutionTable;
  execution_logs: ExecutionLogTable;
  execution_requests: ExecutionRequestTable;
  execution_attempts: ExecutionAttemptTable;
  idempotency_keys: IdempotencyKeyTable;
  decisions: DecisionTable;
  nodes: NodeTable;
  schedules: ScheduleTable;
  events: EventTable;
  webhooks: WebhookTable;
  webhook_deliveries: WebhookDeliveryTable;
}

interface Table {
  seq: Generated<number>;
  id: string;
  created_at: number;
  updated_at: number;
}

type Flag = 0 | 1;
type Json = string;

export interface ProjectTable extends Table {
  name: string;
}

export interface KeyTable extends Table {
  project_id: string;
  name: string;
  hash: string;
  prefix: string;
  scopes: Json;
  expires_at: number | null;
  last_used_at: number | null;
}

export interface FunctionTable extends Table {
  project_id: string;
  name: string;
  path: string;
  runtime: string;
  execute: Json;
  enabled: Flag;
  logging: Flag;
  entrypoint: string;
  commands: string;
  scopes: Json;
  events: Json;
  schedule: string;
  timezone: string;
  timeout_seconds: number;
  memory_mb: number;
  concurrency: number;
  retries: Json;
  egress: Json;
  durability: string;
  deployment_retention: number;
  live: Flag;
  active_deployment_id: string | null;
  /** Id, name, path and runtime in lower case: databases disagree about the case of letters beyond ASCII. */
  search_text: string;
}

export interface DeploymentTable extends Table {
  project_id: string;
  function_id: string;
  type: string;
  status: string;
  entrypoint: string;
  commands: string;
  activate: Flag;
  source_hash: string;
  source_bytes: number;
  artifact_hash: string | null;
  artifact_format: string | null;
  build_bytes: number;
  build_started_at: number | null;
  build_ms: number;
  error: string | null;
  error_message: string;
}

export interface DeploymentLogTable {
  seq: Generated<number>;
  deployment_id: string;
  text: string;
  /** Characters of the log up to the end of this piece. */
  end_char: number;
}

export interface VariableTable extends Table {
  project_id: string;
  function_id: string | null;
  key: string;
  value: string;
  secret: Flag;
}

export interface ExecutionTable extends Table {
  /** Numbers for the ids, see `owner-key.ts`. */
  project_key: number;
  function_key: number;
  project_id: string;
  function_id: string;
  deployment_id: string;
  trigger: string;
  status: string;
  error_code: string | null;
  user_id: string | null;
  request_method: string;
  request_path: string;
  response_status: number;
  run_ms: number;
  ended_at: number | null;
  /** What no list asks for, as a JSON array in the order of `executionFacts`. */
  facts: Json;
  /** From here on null unless it is or was a job. */
  queue: Generated<string | null>;
  run_at: Generated<number | null>;
  priority: Generated<number | null>;
  expires_at: Generated<number | null>;
  attempt: Generated<number | null>;
  fence: Generated<number | null>;
  node_id: Generated<string | null>;
  concurrency_key: Generated<string | null>;
  cancel_requested: Generated<Flag | null>;
  job: Generated<Json | null>;
}

export interface ExecutionRequestTable {
  execution_id: string;
  request: Json;
  body: Uint8Array;
}

export interface ExecutionAttemptTable {
  seq: Generated<number>;
  execution_id: string;
  number: number;
  fence: number;
  node_id: string;
  started_at: number;
  ended_at: number | null;
  error_code: string | null;
}

export interface IdempotencyKeyTable {
  function_key: number;
  key: string;
  hash: string;
  execution_id: string;
}

export interface DecisionTable {
  seq: Generated<number>;
  at: number;
  project_id: string;
  subject: string;
  subject_id: string;
  code: string;
  text: string;
}

export interface NodeTable {
  id: string;
  name: string;
  started_at: number;
  lease_until: number;
}

export interface ExecutionLogTable {
  seq: Generated<number>;
  execution_id: string;
  /** The lines of one write, as a JSON array. */
  lines: Json;
}

export interface ScheduleTable extends Table {
  project_id: string;
  function_id: string;
  name: string;
  source: string;
  expression: string;
  timezone: string;
  at: number | null;
  enabled: Flag;
  request: Json;
  jitter_ms: number;
  catch_up: Json;
  overlap: string;
  cursor_at: number;
  next_due: number | null;
  ran: number;
  missed: number;
  caught_up: number;
  skipped: number;
  last_tick: number | null;
  last_execution_id: string | null;
  open: Json;
}

export interface EventTable extends Table {
  project_id: string;
  source: string;
  /** Stands for source and id, see `triggers/event-key.ts`. */
  key: string;
  type: string;
  subject: string;
  time: number;
  content_type: string;
  data: Uint8Array;
  origin: string;
  fired: Json | null;
  user_id: string | null;
  hops: number;
  dispatched_at: number | null;
  started: number;
}

export interface WebhookTable extends Table {
  project_id: string;
  name: string;
  direction: string;
  enabled: Flag;
  url: string;
  events: Json;
  hears_executions: Flag;
  verify: Json | null;
  secrets: string;
  failing_since: number | null;
}

export interface WebhookDeliveryTable extends Table {
  project_id: string;
  webhook_id: string;
  webhook_key: number;
  event_id: string;
  event_source: string;
  event_type: string;
  status: string;
  attempt: number;
  tries: number;
  next_at: number | null;
  response_status: number;
  error: string;
  ended_at: number | null;
}
