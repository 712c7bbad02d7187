/** What starts functions by itself: schedules and events, and where events are sent. */
import type { Migration } from '../migration.ts';

export const triggers: Migration = {
  number: 3,
  name: 'triggers',
  sql: ({ seq, int, real, bytes, strict }) => `
create table schedules (
  seq ${seq},
  id text not null,
  created_at ${real} not null,
  updated_at ${real} not null,
  project_id text not null,
  function_id text not null,
  name text not null,
  source text not null,
  expression text not null,
  timezone text not null,
  at ${real},
  enabled ${int} not null,
  request text not null,
  jitter_ms ${int} not null,
  catch_up text not null,
  overlap text not null,
  cursor_at ${real} not null,
  next_due ${real},
  ran ${int} not null,
  missed ${int} not null,
  caught_up ${int} not null,
  skipped ${int} not null,
  last_tick ${real},
  last_execution_id text,
  open text not null,
  unique (project_id, id),
  foreign key (project_id, function_id) references functions (project_id, id) on delete cascade
)${strict};
create index schedules_by_function on schedules (project_id, function_id);
create index schedules_due on schedules (next_due) where next_due is not null;

create table events (
  seq ${seq},
  id text not null,
  created_at ${real} not null,
  updated_at ${real} not null,
  project_id text not null,
  source text not null,
  key text not null,
  type text not null,
  subject text not null,
  time ${real} not null,
  content_type text not null,
  data ${bytes} not null,
  origin text not null,
  fired text,
  user_id text,
  hops ${int} not null,
  dispatched_at ${real},
  started ${int} not null,
  unique (project_id, key)
)${strict};
create index events_by_project on events (project_id, created_at);
create index events_by_time on events (created_at);
create index events_pending on events (seq) where dispatched_at is null;

create table webhooks (
  seq ${seq},
  id text not null,
  created_at ${real} not null,
  updated_at ${real} not null,
  project_id text not null,
  name text not null,
  direction text not null,
  enabled ${int} not null,
  url text not null,
  events text not null,
  hears_executions ${int} not null,
  verify text,
  secrets text not null,
  unique (project_id, id)
)${strict};
create index webhooks_sending on webhooks (project_id) where direction = 'out' and enabled = 1;

create table webhook_deliveries (
  seq ${seq},
  id text not null unique,
  created_at ${real} not null,
  updated_at ${real} not null,
  project_id text not null,
  webhook_id text not null,
  event_id text not null,
  event_source text not null,
  event_type text not null,
  status text not null,
  attempt ${int} not null,
  tries ${int} not null,
  next_at ${real},
  response_status ${int} not null,
  error text not null,
  ended_at ${real},
  foreign key (project_id, webhook_id) references webhooks (project_id, id) on delete cascade
)${strict};
create index webhook_deliveries_due on webhook_deliveries (next_at) where next_at is not null;
create index webhook_deliveries_by_webhook on webhook_deliveries (project_id, webhook_id, created_at);
create index webhook_deliveries_ended on webhook_deliveries (ended_at) where ended_at is not null;
`,
};
