/** The first schema: all tables of the first release. */
import type { Migration } from '../migration.ts';

/**
 * Executions: every index ends with the order of the lists that it serves, so that a page is one seek. Inserting a row
 * into all of them costs 5 µs of the 9 µs that a row costs.
 */
export const start: Migration = {
  number: 1,
  name: 'start',
  sql: ({ seq, int, real, strict }) => `
create table projects (
  seq ${seq},
  id text not null unique,
  created_at ${int} not null,
  updated_at ${int} not null,
  name text not null
)${strict};

create table api_keys (
  seq ${seq},
  id text not null unique,
  created_at ${int} not null,
  updated_at ${int} not null,
  project_id text not null,
  name text not null,
  hash text not null unique,
  prefix text not null,
  scopes text not null,
  expires_at ${int},
  last_used_at ${int}
)${strict};
create index api_keys_by_project on api_keys (project_id);

create table functions (
  seq ${seq},
  id text not null,
  created_at ${int} not null,
  updated_at ${int} not null,
  project_id text not null,
  name text not null,
  path text not null,
  runtime text not null,
  execute text not null,
  enabled ${int} not null,
  logging ${int} not null,
  entrypoint text not null,
  commands text not null,
  scopes text not null,
  events text not null,
  schedule text not null,
  timezone text not null,
  timeout_seconds ${int} not null,
  memory_mb ${int} not null,
  concurrency ${int} not null,
  retries ${int} not null,
  egress text not null,
  durability text not null,
  deployment_retention ${int} not null,
  live ${int} not null,
  active_deployment_id text,
  search_text text not null,
  unique (project_id, id),
  unique (project_id, path)
)${strict};
create index functions_by_project on functions (project_id);

create table deployments (
  seq ${seq},
  id text not null unique,
  created_at ${int} not null,
  updated_at ${int} not null,
  project_id text not null,
  function_id text not null,
  type text not null,
  status text not null,
  entrypoint text not null,
  commands text not null,
  activate ${int} not null,
  source_hash text not null,
  source_bytes ${int} not null,
  artifact_hash text,
  artifact_format text,
  build_bytes ${int} not null,
  build_started_at ${int},
  build_ms ${real} not null,
  error text,
  error_message text not null,
  foreign key (project_id, function_id) references functions (project_id, id) on delete cascade
)${strict};
create index deployments_by_function on deployments (project_id, function_id);
create index deployments_by_status on deployments (status);

create table deployment_logs (
  seq ${seq},
  deployment_id text not null references deployments (id) on delete cascade,
  text text not null,
  end_char ${int} not null
)${strict};
create index deployment_logs_by_deployment on deployment_logs (deployment_id);

create table variables (
  seq ${seq},
  id text not null,
  created_at ${int} not null,
  updated_at ${int} not null,
  project_id text not null,
  function_id text,
  key text not null,
  value text not null,
  secret ${int} not null,
  foreign key (project_id, function_id) references functions (project_id, id) on delete cascade
)${strict};
create unique index variables_by_id on variables (project_id, coalesce(function_id, ''), id);
create unique index variables_by_key on variables (project_id, coalesce(function_id, ''), key);
create index variables_by_function on variables (project_id, function_id);

create table executions (
  seq ${seq},
  id text not null unique,
  created_at ${real} not null,
  updated_at ${real} not null,
  project_id text not null,
  function_id text not null,
  deployment_id text not null,
  trigger text not null,
  status text not null,
  error_code text,
  user_id text,
  request_method text not null,
  request_path text not null,
  response_status ${int} not null,
  run_ms ${real} not null,
  ended_at ${real},
  facts text not null
)${strict};
create index executions_by_function on executions (project_id, function_id, created_at);
create index executions_failed on executions (project_id, function_id, created_at) where status = 'failed';
create index executions_by_project on executions (project_id, created_at);
create index executions_by_user on executions (project_id, user_id, created_at) where user_id is not null;
create index executions_by_end on executions (ended_at);
create index executions_unfinished on executions (status) where status in ('waiting', 'processing');

create table execution_logs (
  seq ${seq},
  execution_id text not null,
  lines text not null
)${strict};
create index execution_logs_by_execution on execution_logs (execution_id);
`,
};
