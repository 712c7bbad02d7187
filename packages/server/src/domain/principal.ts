/** Who asks, after identification. Nothing else about the caller's credentials travels further in. */

/** A user of a project, however the user proved it. */
export interface UserPrincipal {
  readonly kind: 'user';
  readonly projectId: string;
  readonly userId: string;
  /** Empty where the user has none. */
  readonly email: string;
  /** All roles of the user but `any`; see `identity/user-roles.ts`. */
  readonly roles: readonly string[];
  /** The session that the proof hangs on; null for a token without one. */
  readonly sessionId: string | null;
  readonly proof: 'session' | 'token' | 'issuer';
  /** A short token of the user for the function that is called. Empty where none was made. */
  readonly token: string;
}

export type Principal =
  | { readonly kind: 'anonymous' }
  | {
      readonly kind: 'key';
      readonly projectId: string;
      readonly keyId: string;
      readonly scopes: ReadonlySet<string>;
      /** The user for whom the holder of the key acts: the key decides what is allowed, the user is who did it. */
      readonly user?: UserPrincipal;
    }
  /** The token of a running execution: what the function itself may do, for as long as the execution runs. */
  | {
      readonly kind: 'execution';
      readonly projectId: string;
      readonly executionId: string;
      readonly scopes: ReadonlySet<string>;
      readonly hops: number;
    }
  | UserPrincipal;

export const anonymous: Principal = Object.freeze({ kind: 'anonymous' });

/** The user who asks, or for whom the holder of a key asks. */
export function actingUser(principal: Principal): UserPrincipal | undefined {
  if (principal.kind === 'user') return principal;
  return principal.kind === 'key' ? principal.user : undefined;
}

/** Whether the roles of a function let this principal execute it; keys and executions of the project always may. */
export function mayExecute(principal: Principal, projectId: string, execute: readonly string[]): boolean {
  if (principal.kind === 'anonymous') return execute.includes('any') || execute.includes('guests');
  if (principal.projectId !== projectId) return execute.includes('any');
  if (principal.kind === 'user') return execute.includes('any') || principal.roles.some((role) => execute.includes(role));
  return true;
}
