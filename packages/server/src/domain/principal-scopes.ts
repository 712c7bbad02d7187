/** What a principal may do through the control API, and how it is called when it may not. */
import type { Principal } from './principal.ts';

/** Everybody may try to execute: the function's own `execute` roles decide. */
const GUEST_SCOPES: ReadonlySet<string> = new Set(['executions.write', 'execution.write', 'sessions.write']);
const USER_SCOPES: ReadonlySet<string> = new Set([
  'account',
  'sessions.write',
  'executions.read',
  'executions.write',
  'execution.read',
  'execution.write',
]);
/** Every key has these, whatever it was given. */
const KEY_SCOPES: ReadonlySet<string> = new Set(['health.read']);

/** Whether one of these scopes is held by the principal. */
export function holdsScope(principal: Principal, accepted: readonly string[]): boolean {
  switch (principal.kind) {
    case 'anonymous':
      return accepted.some((scope) => GUEST_SCOPES.has(scope));
    case 'user':
      return accepted.some((scope) => USER_SCOPES.has(scope));
    default:
      return accepted.some((scope) => principal.scopes.has(scope) || KEY_SCOPES.has(scope));
  }
}

/** Keys and executions act for the project; they see logs and what other callers executed. */
export function actsForProject(principal: Principal): boolean {
  return principal.kind === 'key' || principal.kind === 'execution';
}

/** Which kinds of callers can hold one of these scopes, for the description of a route. */
export function holdersOf(accepted: readonly string[]): {
  readonly guests: boolean;
  readonly users: boolean;
  readonly keys: readonly string[];
} {
  return {
    guests: accepted.some((scope) => GUEST_SCOPES.has(scope)),
    users: accepted.some((scope) => USER_SCOPES.has(scope)),
    keys: accepted.filter((scope) => scope !== 'account'),
  };
}

/** The message of the contract for a missing scope. */
export function missingScopes(principal: Principal, accepted: readonly string[], host: string): string {
  const who =
    principal.kind === 'key' || principal.kind === 'execution'
      ? `app.${principal.projectId}@service.${host}`
      : principal.kind === 'user' && principal.email !== ''
        ? principal.email
        : 'User';
  const role = { anonymous: 'guests', user: 'users', key: 'applications', execution: 'applications' }[principal.kind];
  return `${who} (role: ${role}) missing scopes (${JSON.stringify(accepted)})`;
}
