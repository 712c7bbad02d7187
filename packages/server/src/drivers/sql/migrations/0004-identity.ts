/** Users of projects with their sessions and teams, and settings of projects. */
import type { Migration } from '../migration.ts';

export const identity: Migration = {
  number: 4,
  name: 'identity',
  sql: ({ seq, int, strict }) => `
create table users (
  seq ${seq},
  id text not null,
  created_at ${int} not null,
  updated_at ${int} not null,
  project_id text not null,
  email text,
  email_verified ${int} not null,
  name text not null,
  password_hash text,
  password_updated_at ${int},
  blocked ${int} not null,
  labels text not null,
  prefs text not null,
  issuer text,
  subject text,
  accessed_at ${int},
  search_text text not null,
  unique (project_id, id),
  unique (project_id, email),
  unique (project_id, issuer, subject)
)${strict};

create table sessions (
  seq ${seq},
  id text not null unique,
  created_at ${int} not null,
  updated_at ${int} not null,
  project_id text not null,
  user_id text not null,
  hash text not null unique,
  provider text not null,
  expires_at ${int} not null,
  ip text not null,
  user_agent text not null,
  foreign key (project_id, user_id) references users (project_id, id) on delete cascade
)${strict};
create index sessions_by_user on sessions (project_id, user_id);
create index sessions_by_expiry on sessions (expires_at);

create table teams (
  seq ${seq},
  id text not null,
  created_at ${int} not null,
  updated_at ${int} not null,
  project_id text not null,
  name text not null,
  unique (project_id, id)
)${strict};

create table memberships (
  seq ${seq},
  id text not null unique,
  created_at ${int} not null,
  updated_at ${int} not null,
  project_id text not null,
  team_id text not null,
  user_id text not null,
  roles text not null,
  unique (project_id, team_id, user_id),
  foreign key (project_id, team_id) references teams (project_id, id) on delete cascade,
  foreign key (project_id, user_id) references users (project_id, id) on delete cascade
)${strict};
create index memberships_by_user on memberships (project_id, user_id);

create table project_settings (
  project_id text not null,
  name text not null,
  value text not null,
  primary key (project_id, name)
)${strict};
`,
};
