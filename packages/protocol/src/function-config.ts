/**
 * Settings of a function that sit beside its code: `export const config = {…}` or `function.jsonc`. The schema is
 * strict, so that a misspelt key is an error that names it.
 */
import { Cron } from 'croner';
import { z } from 'zod';
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

/**
 * Where a function may connect to. `public` is every public address on every port but 25; hosts are names or
 * `*.example.com`, with an optional `:port`. Private addresses stay closed in every policy.
 */
export const egressSchema = z.union([
  z.enum(['public', 'none']),
  z.strictObject({ allow: z.array(z.string().max(260).regex(HOST_PATTERN, 'must be a host or *.host with an optional :port')).max(200) }),
]);
export type EgressPolicy = z.infer<typeof egressSchema>;

const whole = (name: keyof typeof limitSpecs) => z.int().min(limitSpecs[name].min).max(limitSpecs[name].max);

/** Outcomes that can be tried again, by the names that settings use. */
export const retriedOutcomes = ['threw', 'timed_out', 'crashed', 'out_of_memory', 'load_failed', 'answered_error', 'interrupted'] as const;
export type RetriedOutcome = (typeof retriedOutcomes)[number];

const retryRulesSchema = z.strictObject({
  /** The first one included. */
  attempts: z.int().min(1).max(100).optional(),
  /** Seconds between attempts: `initial`, then `factor` times the one before, at most `max`, spread by `jitter` (0 to 1). */
  backoff: z
    .strictObject({
      initial: z.number().min(0).max(86_400).optional(),
      factor: z.number().min(1).max(100).optional(),
      max: z.number().min(0).max(604_800).optional(),
      jitter: z.number().min(0).max(1).optional(),
    })
    .optional(),
  /** Which outcomes are tried again; default all of the function's own. */
  on: z.array(z.enum(retriedOutcomes)).max(retriedOutcomes.length).optional(),
  /** What to do when the server that ran it is gone: run it again, or at most once. */
  interrupted: z.enum(['retry', 'fail']).optional(),
});

/** A number is that many attempts after the first, with the default backoff. */
export const retriesSchema = z.union([z.int().min(0).max(20), retryRulesSchema]);
export type Retries = z.infer<typeof retriesSchema>;

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
  const fields = expression.trim().split(/\s+/).length;
  if (!expression.startsWith('@') && fields !== 5 && fields !== 6)
    return `must have five fields, or six with seconds: "${expression}" has ${fields}`;
  try {
    const cron = new Cron(expression, { paused: true });
    return cron.nextRun() === null ? `can never fire: "${expression}"` : undefined;
  } catch (error) {
    return `is not a cron expression: ${error instanceof Error ? error.message : String(error)}`;
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
        ? `${key}: unknown key ${issue.keys.map((name) => `"${name}"`).join(', ')}; known are ${Object.keys(functionConfigSchema.shape).join(', ')}`
        : `${key}: ${issue.message}`;
    })
    .join('; ');
}
