/** The roles of a user, in the words of the contract (`execute` of a function names them). */

export interface RoleFacts {
  readonly userId: string;
  readonly verified: boolean;
  readonly labels: readonly string[];
  readonly memberships: readonly { readonly id: string; readonly teamId: string; readonly roles: readonly string[] }[];
}

/** All but `any`, which everybody has. */
export function rolesOfUser({ userId, verified, labels, memberships }: RoleFacts): string[] {
  const dimension = verified ? 'verified' : 'unverified';
  const roles = ['users', `users/${dimension}`, `user:${userId}`, `user:${userId}/${dimension}`];
  for (const { id, teamId, roles: own } of memberships)
    roles.push(`member:${id}`, `team:${teamId}`, ...own.map((role) => `team:${teamId}/${role}`));
  roles.push(...labels.map((label) => `label:${label}`));
  return [...new Set(roles)];
}
