/**
 * Building blocks of request schemas. Each carries, as its error, the words that the contract uses for what is allowed;
 * `refuseInvalid` puts the name of the parameter in front. Optional ones take `null` as not given.
 */
import { PlatformError, isCustomId, keyScopes } from '@martlet/protocol';
import { z } from '@hono/zod-openapi';

const NOT_GIVEN = 'is not optional.';

/** Error of a schema: another one for a parameter that is not there. */
const must = (what: string) => ({ error: (issue: { input?: unknown }) => (issue.input === undefined ? NOT_GIVEN : what) });

export function text(min: number, max: number) {
  return z
    .string(must(describeText(min, max)))
    .min(min, describeText(min, max))
    .max(max, describeText(min, max));
}

export function whole(min: number, max: number) {
  const what = `Value must be a valid range between ${min} and ${max}`;
  return z.int(must(what)).min(min, what).max(max, what);
}

/** Whole numbers as query strings write them. */
export function looseWhole(min: number, max: number) {
  const what = `Value must be a valid range between ${min} and ${max}`;
  return z.coerce.number(must(what)).int(what).min(min, what).max(max, what);
}

export const strictBoolean = () => z.boolean(must('Value must be a valid boolean'));

/** Booleans as forms and query strings write them. */
export const looseBoolean = () =>
  z
    .union([z.boolean(), z.enum(['true', 'false', '1', '0']), z.literal(1), z.literal(0)], must('Value must be a valid boolean'))
    .transform((value) => value === true || value === 'true' || value === '1' || value === 1)
    .openapi({ type: 'boolean' });

export const oneOf = <const Values extends readonly [string, ...string[]]>(values: Values) =>
  z.enum(values, must(`Value must be one of (${values.join(', ')})`));

export function textList(items: number, length: number) {
  const what = `Value must a valid array no longer than ${items} items and ${describeText(1, length)}`;
  return z.array(z.string(what).min(1, what).max(length, what), must(what)).max(items, what);
}

/** Strings of which only some are allowed; `problem` says why a list is not. */
export const checkedList = (problem: (values: readonly string[]) => string | undefined, what: string) =>
  z.array(z.string(what), must(what)).superRefine((values, context) => {
    const message = problem(values);
    if (message !== undefined) context.addIssue({ code: 'custom', message });
  });

/** Scopes that keys may have. */
export const keyScopeList = () => checkedList((scopes) => (scopes.every((scope) => KEY_SCOPES.has(scope)) ? undefined : SCOPE), SCOPE);
const KEY_SCOPES: ReadonlySet<string> = new Set(keyScopes);
const SCOPE = `Value must be one of (${keyScopes.join(', ')})`;

export const customId = () => z.string(must(CUSTOM_ID)).refine((id) => id === 'unique()' || isCustomId(id), CUSTOM_ID);
const CUSTOM_ID =
  "Parameter must contain at most 36 chars. Valid chars are a-z, A-Z, 0-9, period, hyphen, and underscore. Can't start with a special char";

/** Id of something that exists; what cannot be an id is simply not found. */
export const pathId = (description: string) => z.string().openapi({ description });

export const idInBody = () => z.string(must(UID)).min(1, UID).max(36, UID);
const UID = "UID must contain at most 36 chars. Valid chars are a-z, A-Z, 0-9, and underscore. Can't start with a leading underscore";

const describeText = (min: number, max: number): string =>
  `Value must be a valid string and ${min > 0 ? `at least ${min} chars and ` : ''}no longer than ${max} chars`;

/** The first problem in the words of the contract. @throws {PlatformError} `general_argument_invalid`, always */
export function refuseInvalid(error: z.ZodError): never {
  const [issue] = error.issues;
  const name = String(issue?.path[0] ?? 'body');
  const message =
    issue?.message === NOT_GIVEN ? `Param "${name}" ${NOT_GIVEN}` : `Invalid \`${name}\` param: ${issue?.message ?? 'Value is not valid'}`;
  throw new PlatformError('general_argument_invalid', message);
}
