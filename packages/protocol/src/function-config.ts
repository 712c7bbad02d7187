/**
 * Settings of a function that sit beside its code: `export const config = {…}` or `function.jsonc`. The schema is
 * strict, so that a misspelt key is an error that names it.
 */
import { Cron } from 'croner';
import { z } from 'zod';
import { readCronFields } from './cron-fields.ts';
import { PlatformError } from './errors.ts';
import { limitSpecs } from './limits.ts';

const ROLE = /^(any|guests|users(\/(verified|unverified))?|user:[^/]+(\/(verified|unverified))?|team:[^/]+(\/[^/]+)?|member:.+|label:.+)$/;

/** A role as in the Appwrite contract: `any`, `guests`, `users`, `user:<id>`, `team:<id>/<role>`, `label:<x>`, … */
export const roleSchema = z.string().max(64).regex(ROLE, 'must be a role such as any, guests, users, user:<id>, team:<id> or label:<name>');

export const cronSchema = z.string().superRefine((expression, context) => {
  const problem = cronProblem(expression);
  if (problem !== undefined) context.addIssue({ code: 'custom', message: problem });
});

const timezoneSchema = z.string().refine(isTimezone, 'must be an IANA time zone such as Europe/Berlin');

/** A name, an IPv4 address or an IPv6 address in brackets; whether the address may be reached is asked again at each connection. */
const HOST_PATTERN = /^(\*\.)?([A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\.?|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?$/;

const egressRulesSchema = z.strictObject({
  allow: z.array(z.string().max(260).regex(HOST_PATTERN, 'must be a host or *.host with an optional :port')).max(200),
});

/**
 * Where a function may connect to. `public` is every public address on every port but 25; hosts are names or
 * `*.example.com`, with an optional `:port`. Private addresses stay closed in every policy.
 */
export const egressSchema = z.union([z.enum(['public', 'none']), egressRulesSchema]);
export type EgressPolicy = z.infer<typeof egressSchema>;

const whole = (name: keyof typeof limitSpecs) => z.int().min(limitSpecs[name].min).max(limitSpecs[name].max);

/** Outcomes that can be tried again, by the names that settings use. */
export const retriedOutcomes = ['threw', 'timed_out', 'crashed', 'out_of_memory', 'load_failed', 'answered_error', 'interrupted'] as const;
export type RetriedOutcome = (typeof retriedOutcomes)[number];

/** Seconds between attempts: `initial`, then `factor` times the one before, at most `max`, spread by `jitter` (0 to 1). */
const backoffSchema = z.strictObject({
  initial: z.number().min(0).max(86_400).optional(),
  factor: z.number().min(1).max(100).optional(),
  max: z.number().min(0).max(604_800).optional(),
  jitter: z.number().min(0).max(1).optional(),
});

const retryRulesSchema = z.strictObject({
  /** The first one included. */
  attempts: z.int().min(1).max(100).optional(),
  backoff: backoffSchema.optional(),
  /** Which outcomes are tried again; default all of the function's own. */
  on: z.array(z.enum(retriedOutcomes)).max(retriedOutcomes.length).optional(),
  /** What to do when the server that ran it is gone: run it again, or at most once. */
  interrupted: z.enum(['retry', 'fail']).optional(),
});

/** A number is that many attempts after the first, with the default backoff. */
export const retriesSchema = z.union([z.int().min(0).max(20), retryRulesSchema], { error: retriesProblem });
export type Retries = z.infer<typeof retriesSchema>;

/** A union alone says no more than "Invalid input": what is wrong is told by the form that was meant. */
function retriesProblem({ input, errors = [] }: { readonly input?: unknown; readonly errors?: unknown }): string {
  const [ofNumber, ofRules] = errors as z.core.$ZodIssue[][];
  const meant = typeof input === 'number' ? ofNumber : ofRules;
  if (meant === undefined || meant.some(({ path, code }) => path.length === 0 && code === 'invalid_type' && typeof input !== 'number'))
    return 'must be a whole number from 0 to 20, or an object with attempts, backoff, on, interrupted';
  return meant.map(({ path, message }) => [path.join('.'), message].filter((part) => part !== '').join(': ')).join('; ');
}

export const functionConfigSchema = z.strictObject({
  /** Path under which the function is called; default: from its file name. */
  name: z.string().optional(),
  /** Cron expression, five fields, six with seconds. */
  schedule: cronSchema.optional(),
  /** IANA time zone of `schedule`; default UTC. */
  timezone: timezoneSchema.optional(),
  /** Event patterns that start the function. */
  events: z.array(z.string().min(1).max(256)).max(100).optional(),
  /** Who may call over HTTP; default `["any"]` for functions that are deployed by name. */
  execute: z.array(roleSchema).max(100).optional(),
  /** Scopes of the key that the function gets. */
  scopes: z.array(z.string().min(1).max(64)).max(200).optional(),
  /** Seconds. */
  timeout: whole('timeoutSeconds').optional(),
  /** MB. */
  memory: whole('memoryMb').optional(),
  /** Executions at the same time. */
  concurrency: whole('concurrency').optional(),
  /** Attempts after the first, for executions that nobody waits for. */
  retries: retriesSchema.optional(),
  egress: egressSchema.optional(),
  /** Whether log lines are kept; default true. */
  logging: z.boolean().optional(),
  /** `strict` makes an answer wait until its record is on disk; default `relaxed`. */
  durability: z.enum(['relaxed', 'strict']).optional(),
});
export type FunctionConfig = z.infer<typeof functionConfigSchema>;

/** The reason why a cron expression is not valid, or undefined where it is. */
export function cronProblem(expression: string): string | undefined {
  try {
    const { text } = readCronFields(expression);
    const next = new Cron(text, { paused: true, utcOffset: 0, mode: '6-part' }).nextRun(new Date(946_684_800_000));
    return next === null ? `can never run: "${expression}" is on no date` : undefined;
  } catch (error) {
    return error instanceof PlatformError ? error.message : `is not a cron expression: ${String(error)}`;
  }
}

function isTimezone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
}

/** One sentence per problem: `config.timeout: Too big: expected number to be <=900`. */
export function describeConfigProblems(error: z.ZodError, at: string): string {
  return error.issues
    .map((issue) => {
      const key = [at, ...issue.path].join('.');
      return issue.code === 'unrecognized_keys'
        ? `${key}: unknown key ${issue.keys.map((name) => `"${name}"`).join(', ')}; known are ${knownKeys(issue.path).join(', ')}`
        : `${key}: ${issue.message}`;
    })
    .join('; ');
}

function knownKeys(path: readonly PropertyKey[]): string[] {
  const schemas = { retries: retryRulesSchema, 'retries.backoff': backoffSchema, egress: egressRulesSchema };
  const at = path.join('.');
  return Object.keys((isKeyOf(schemas, at) ? schemas[at] : functionConfigSchema).shape);
}

const isKeyOf = <T extends object>(value: T, key: PropertyKey): key is keyof T => Object.hasOwn(value, key);
