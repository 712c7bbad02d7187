/** The tables of identity as both dialects have them; see `../schema.ts` for the words. */
import type { Generated } from 'kysely';

interface Table {
  seq: Generated<number>;
  id: string;
  created_at: number;
  updated_at: number;
  project_id: string;
}

export interface UserTable extends Table {
  email: string | null;
  email_verified: 0 | 1;
  name: string;
  password_hash: string | null;
  password_updated_at: number | null;
  blocked: 0 | 1;
  labels: string;
  prefs: string;
  issuer: string | null;
  subject: string | null;
  accessed_at: number | null;
  /** Id, name and e-mail in lower case. */
  search_text: string;
}

export interface SessionTable extends Table {
  user_id: string;
  hash: string;
  provider: string;
  expires_at: number;
  ip: string;
  user_agent: string;
}

export interface TeamTable extends Table {
  name: string;
}

export interface MembershipTable extends Table {
  team_id: string;
  user_id: string;
  roles: string;
}

export interface ProjectSettingTable {
  project_id: string;
  name: string;
  value: string;
}

export interface IdentityTables {
  users: UserTable;
  sessions: SessionTable;
  teams: TeamTable;
  memberships: MembershipTable;
  project_settings: ProjectSettingTable;
}
