/** Roles that `execute` of a function may hold, with the messages of the contract for those it may not. */
import type { Principal } from '../principal.ts';

const ROLES_MAX = 100;
const ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,35}$/;
const NAMES = ['any', 'guests', 'users', 'user', 'team', 'member', 'label'];
const WITHOUT_ID = new Set(['any', 'guests', 'users']);

/** The reason why a list of roles is not allowed, or undefined where it is. */
export function rolesProblem(roles: readonly string[]): string | undefined {
  if (roles.length > ROLES_MAX) return `You can only provide up to ${ROLES_MAX} roles.`;
  for (const role of roles) {
    const problem = roleProblem(role);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function roleProblem(role: string): string | undefined {
  if (role === '*') return 'Wildcard permission "*" is not allowed. Use "any" instead.';
  if (role.startsWith('role:')) return 'Roles using the "role:" prefix are not allowed. Use "users", "guests", or "any" instead.';
  const [subject = '', dimension, ...rest] = role.split('/');
  const [name = '', id, ...more] = subject.split(':');
  if (!NAMES.includes(name) || rest.length > 0 || more.length > 0)
    return `Role "${role.slice(0, 80)}" is not allowed. Must be one of: ${NAMES.join(', ')}.`;
  if (WITHOUT_ID.has(name)) {
    if (id !== undefined) return `Role "${name}" can not have an ID value.`;
  } else if (id === undefined || id === '') {
    return `Role "${name}" must have an ID value.`;
  } else if (!ID.test(id)) {
    return `Role "${name}" identifier value is invalid: must contain at most 36 chars of a-z, A-Z, 0-9, period, hyphen and underscore, and not start with a special char.`;
  }
  return dimension === undefined ? undefined : dimensionProblem(name, dimension);
}

function dimensionProblem(name: string, dimension: string): string | undefined {
  if (dimension === '') return `Dimension must not be empty for role "${name}".`;
  if (name === 'team') return ID.test(dimension) ? undefined : `Dimension value "${dimension.slice(0, 80)}" is not valid for role "team".`;
  if (name !== 'user' && name !== 'users') return `Role "${name}" can not have a dimension value.`;
  return dimension === 'verified' || dimension === 'unverified'
    ? undefined
    : `Dimension value "${dimension.slice(0, 80)}" is not allowed. Must be one of: verified, unverified.`;
}

/** Why a principal may not execute, in the words of the contract. */
export function executeRefusal(principal: Principal, execute: readonly string[]): string {
  if (execute.length === 0) return "No permissions provided for action 'execute'";
  const given = principal.kind === 'user' ? ['any', ...principal.roles] : ['any', 'guests'];
  return `Missing "execute" permission for role "${given.at(-1)}". Only ${JSON.stringify(execute)} scopes are allowed and ${JSON.stringify(given)} was given.`;
}
