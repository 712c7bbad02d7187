/** Who asks, after identification. Nothing else about the caller's credentials travels further in. */

export type Principal =
  | { readonly kind: 'anonymous' }
  | { readonly kind: 'key'; readonly projectId: string; readonly keyId: string; readonly scopes: ReadonlySet<string> }
  /** The token of a running execution: what the function itself may do, for as long as the execution runs. */
  | {
      readonly kind: 'execution';
      readonly projectId: string;
      readonly executionId: string;
      readonly scopes: ReadonlySet<string>;
      readonly hops: number;
    }
  | { readonly kind: 'user'; readonly projectId: string; readonly userId: string; readonly roles: readonly string[] };

export const anonymous: Principal = Object.freeze({ kind: 'anonymous' });

/** Whether the roles of a function let this principal execute it; keys and executions of the project always may. */
export function mayExecute(principal: Principal, projectId: string, execute: readonly string[]): boolean {
  if (principal.kind === 'anonymous') return execute.includes('any') || execute.includes('guests');
  if (principal.projectId !== projectId) return execute.includes('any');
  if (principal.kind === 'user') return execute.includes('any') || principal.roles.some((role) => execute.includes(role));
  return true;
}
