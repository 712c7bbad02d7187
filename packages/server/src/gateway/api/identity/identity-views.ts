/** Users, sessions and teams as the contract shows them. */
import type { MembershipResource, SessionResource, TeamResource, UserResource } from '@martlet/protocol';
import { formatDate } from '../../../domain/contract/dates.ts';
import type { MembershipRow, SessionRow, UserRow } from '../../../ports/store/user-store.ts';
import type { Team } from '../../../services/identity/teams.ts';

const base = (row: { id: string; createdAt: number; updatedAt: number }) => ({
  $id: row.id,
  $createdAt: formatDate(row.createdAt),
  $updatedAt: formatDate(row.updatedAt),
});

export function viewUser(row: UserRow): UserResource {
  return {
    ...base(row),
    name: row.name,
    registration: formatDate(row.createdAt),
    status: !row.blocked,
    labels: [...row.labels],
    passwordUpdate: formatDate(row.passwordUpdatedAt),
    email: row.email ?? '',
    phone: '',
    emailVerification: row.emailVerified,
    phoneVerification: false,
    mfa: false,
    prefs: { ...row.prefs },
    targets: [],
    accessedAt: formatDate(row.accessedAt),
    issuer: row.issuer ?? '',
    subject: row.subject ?? '',
  };
}

/** `secret`: only where an API key has just made it. */
export function viewSession(row: SessionRow, { current, secret = '' }: { current: boolean; secret?: string }): SessionResource {
  return {
    ...base(row),
    userId: row.userId,
    expire: formatDate(row.expiresAt),
    provider: row.provider,
    providerUid: '',
    providerAccessToken: '',
    providerAccessTokenExpiry: '',
    providerRefreshToken: '',
    ip: row.ip,
    osCode: '',
    osName: '',
    osVersion: '',
    clientType: '',
    clientCode: '',
    clientName: row.userAgent,
    clientVersion: '',
    clientEngine: '',
    clientEngineVersion: '',
    deviceName: '',
    deviceBrand: '',
    deviceModel: '',
    countryCode: '',
    countryName: '',
    current,
    factors: row.provider === 'email' ? ['password'] : [],
    secret,
    mfaUpdatedAt: '',
  };
}

export const viewTeam = ({ row, members }: Team): TeamResource => ({ ...base(row), name: row.name, total: members, prefs: {} });

export function viewMembership(row: MembershipRow, team: string, user: UserRow | null): MembershipResource {
  return {
    ...base(row),
    userId: row.userId,
    userName: user?.name ?? '',
    userEmail: user?.email ?? '',
    teamId: row.teamId,
    teamName: team,
    invited: formatDate(row.createdAt),
    joined: formatDate(row.createdAt),
    confirm: true,
    mfa: false,
    roles: [...row.roles],
  };
}
