/** Executions that wait for their turn, and numbers instead of texts in the indexes of executions. */
import type { Migration } from '../migration.ts';

/** A finished execution is in none of the queue's indexes, which are partial; so a synchronous one pays for none of them. */
export const queue: Migration = {
  number: 2,
  name: 'queue',
  sql: ({ seq, int, real, bytes, strict, ownerKey }) => `
alter table functions add column retry_rules text not null default '0';
update functions set retry_rules = cast(retries as text);
alter table functions drop column retries;
alter table functions rename column retry_rules to retries;

alter table executions add column project_key ${int} not null default 0;
alter table executions add column function_key ${int} not null default 0;
alter table executions add column queue text;
alter table executions add column run_at ${real};
alter table executions add column priority ${int};
alter table executions add column expires_at ${real};
alter table executions add column attempt ${int};
alter table executions add column fence ${int};
alter table executions add column node_id text;
alter table executions add column concurrency_key text;
alter table executions add column cancel_requested ${int};
alter table executions add column job text;
update executions set project_key = ${ownerKey('project_id', `''`)}, function_key = ${ownerKey('project_id', 'function_id')};

drop index executions_by_function;
drop index executions_failed;
drop index executions_by_project;
drop index executions_by_user;
create index executions_by_function on executions (function_key, created_at);
create index executions_failed on executions (function_key, created_at) where status = 'failed';
create index executions_by_project on executions (project_key, created_at);
create index executions_by_user on executions (project_key, user_id, created_at) where user_id is not null;

create index executions_ready on executions (function_key, priority desc, run_at, seq) where queue = 'ready';
create index executions_ready_keyed on executions (function_key, concurrency_key, priority desc, run_at, seq) where queue = 'ready' and concurrency_key is not null;
create index executions_delayed_of on executions (function_key) where queue = 'delayed';
create index executions_delayed on executions (run_at) where queue = 'delayed';
create index executions_expiring on executions (expires_at) where queue in ('ready', 'delayed') and expires_at is not null;
create index executions_taken on executions (function_key) where queue = 'taken';
create index executions_taken_by on executions (node_id) where queue = 'taken';
create unique index executions_taken_key on executions (function_key, concurrency_key) where queue = 'taken' and concurrency_key is not null;
create index executions_dead on executions (project_key, created_at) where queue = 'dead';

create table execution_requests (
  execution_id text primary key,
  request text not null,
  body ${bytes} not null
)${strict};

create table execution_attempts (
  seq ${seq},
  execution_id text not null,
  number ${int} not null,
  fence ${int} not null,
  node_id text not null,
  started_at ${real} not null,
  ended_at ${real},
  error_code text
)${strict};
create index execution_attempts_by_execution on execution_attempts (execution_id, number);

create table idempotency_keys (
  function_key ${int} not null,
  key text not null,
  hash text not null,
  execution_id text not null,
  primary key (function_key, key)
)${strict};
create index idempotency_keys_by_execution on idempotency_keys (execution_id);

create table decisions (
  seq ${seq},
  at ${real} not null,
  project_id text not null,
  subject text not null,
  subject_id text not null,
  code text not null,
  text text not null
)${strict};
create index decisions_by_subject on decisions (subject_id, seq);
create index decisions_by_time on decisions (at);

create table nodes (
  id text primary key,
  name text not null,
  started_at ${real} not null,
  lease_until ${real} not null
)${strict};
`,
};
