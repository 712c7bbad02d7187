/** The configuration of a server, and the only reader of its environment. Flags win over the environment over the file. */
import { readFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { join, resolve } from 'node:path';
import { defaultLimits, limitSpecs, PlatformError, type LimitName, type Limits } from '@martlet/protocol';
import { parse, printParseErrorCode, type ParseError } from 'jsonc-parser';
import { z } from 'zod';
import { tiers, type Tier } from '../ports/sandbox.ts';
import { KILL_AT } from './kill-at.ts';
import { readArtifactsSetting, type ArtifactsSetting } from './storage/artifacts-setting.ts';

export interface Config {
  readonly mode: 'dev' | 'serve';
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** Folder of everything that is kept. */
  readonly dataDir: string;
  /** `postgres://…` of the database that several nodes share; undefined: SQLite in the data folder. */
  readonly databaseUrl: string | undefined;
  readonly databaseConnections: number;
  /** Where sources and builds lie: every node of a shared database must reach them. */
  readonly artifacts: ArtifactsSetting;
  /** Keys of the vault, the one that seals first; empty: the file in the data folder. */
  readonly vaultKeys: readonly string[];
  readonly logLevel: string;
  /** The weakest sandbox that is good enough; `dev` warns below it, `serve` refuses to start. */
  readonly sandboxTier: Tier;
  readonly blanks: number;
  readonly memoryBudgetMb: number;
  readonly defaultProject: string;
  readonly functionsDomain: string;
  readonly corsOrigins: readonly string[];
  readonly trustProxy: boolean;
  readonly egressDeny: readonly string[];
  /** `host:port` of private servers that functions may reach. */
  readonly egressAllow: readonly string[];
  /** Hosts of trusted issuers that may be private and without TLS. */
  readonly oidcPrivateHosts: readonly string[];
  /** Receivers of webhooks that may be private and without TLS. */
  readonly webhookPrivateHosts: readonly string[];
  /** Seconds before each further attempt of a delivery. */
  readonly webhookRetries: readonly number[];
  readonly jsrRegistry: string | undefined;
  /** For tests of crashes: at which call to the store the process kills itself; see `kill-at.ts`. */
  readonly killAt: string | undefined;
  /** Seconds that executions may take to end after SIGTERM. */
  readonly drainSeconds: number;
  readonly limits: Limits;
  /** The environment itself, for npm, which needs proxies and certificates of it; functions see none of it. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

export interface ConfigSources {
  readonly mode: Config['mode'];
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly flags?: { readonly port?: number | undefined; readonly host?: string | undefined; readonly data?: string | undefined };
  /** Folder whose `martlet.config.json` is read, if it is there. Default: the working folder. */
  readonly folder?: string;
}

const list = z.union([
  z.array(z.string()),
  z.string().transform((text) =>
    text
      .split(',')
      .map((part) => part.trim())
      .filter((part) => part !== ''),
  ),
]);
const whole = (min: number, max: number) => z.coerce.number().int().min(min).max(max);
const waits = z.array(whole(0, 604_800)).max(50);
const flag = z.union([z.boolean(), z.enum(['1', 'true', '0', 'false']).transform((text) => text === '1' || text === 'true')]);

/** Settings by their name in the file; in the environment `logLevel` is MARTLET_LOG_LEVEL. */
const settingsSchema = z.strictObject({
  host: z.string().min(1).optional(),
  port: whole(0, 65_535).optional(),
  data: z.string().min(1).optional(),
  databaseUrl: z
    .string()
    .regex(/^postgres(?:ql)?:\/\//, 'must look like postgres://user:password@host:5432/database')
    .optional(),
  databaseConnections: whole(4, 1000).optional(),
  artifacts: z.string().optional(),
  vaultKey: list.optional(),
  logLevel: z.enum(['debug', 'info', 'warn', 'error', 'silent']).optional(),
  sandboxTier: z.enum(tiers).optional(),
  blanks: whole(0, 1000).optional(),
  memoryBudgetMb: whole(64, 10_000_000).optional(),
  defaultProject: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,35}$/)
    .optional(),
  functionsDomain: z
    .string()
    .regex(/^$|^[a-z0-9.-]+$/)
    .optional(),
  corsOrigins: list.optional(),
  trustProxy: flag.optional(),
  egressDeny: list.optional(),
  egressAllow: list.optional(),
  oidcPrivateHosts: list.optional(),
  webhookPrivateHosts: list.optional(),
  webhookRetries: z
    .preprocess((given) => (typeof given === 'string' ? given.split(',').filter((part) => part.trim() !== '') : given), waits)
    .optional(),
  jsrRegistry: z.url().optional(),
  killAt: z.string().regex(KILL_AT, 'must look like jobs.claim:after:3').optional(),
  drainSeconds: whole(0, 3600).optional(),
  limits: z
    .strictObject(Object.fromEntries(Object.entries(limitSpecs).map(([name, spec]) => [name, whole(spec.min, spec.max).optional()])))
    .optional(),
});
type Settings = z.infer<typeof settingsSchema>;

/** Eight attempts within a day: soon at first, for a receiver that restarts, then for one that somebody has to mend. */
const WEBHOOK_RETRIES = [10, 60, 300, 1800, 7200, 21_600, 54_000];

/** Names that belong to the command line and to installers. */
const NOT_OURS = new Set(['MARTLET_URL', 'MARTLET_PROJECT', 'MARTLET_API_KEY', 'MARTLET_DEBUG', 'MARTLET_NO_INSTALL', 'MARTLET_NODE']);

/** @throws {PlatformError} `config_invalid` */
export function loadConfig(sources: ConfigSources): Config {
  const { mode, env = process.env, flags = {}, folder = process.cwd() } = sources;
  const file = readFile(join(folder, 'martlet.config.json'));
  const environment = readEnvironment(env);
  const settings: Settings = { ...file, ...environment, limits: { ...file.limits, ...environment.limits } };
  const dev = mode === 'dev';
  const artifacts = readArtifactsSetting(settings.artifacts, { databaseUrl: settings.databaseUrl, env });
  return {
    mode,
    host: flags.host ?? settings.host ?? (dev ? '127.0.0.1' : '0.0.0.0'),
    port: flags.port ?? settings.port ?? 8787,
    dataDir: resolve(folder, flags.data ?? settings.data ?? '.martlet'),
    databaseUrl: settings.databaseUrl,
    databaseConnections: settings.databaseConnections ?? 12,
    artifacts,
    vaultKeys: settings.vaultKey ?? [],
    logLevel: settings.logLevel ?? (dev ? 'warn' : 'info'),
    sandboxTier: settings.sandboxTier ?? 'A-',
    blanks: settings.blanks ?? defaultBlanks(dev),
    memoryBudgetMb: settings.memoryBudgetMb ?? Math.round((totalmem() / 1_048_576) * 0.6),
    defaultProject: settings.defaultProject ?? 'default',
    functionsDomain: settings.functionsDomain ?? '',
    corsOrigins: settings.corsOrigins ?? (dev ? ['*'] : []),
    trustProxy: settings.trustProxy ?? false,
    egressDeny: settings.egressDeny ?? [],
    egressAllow: settings.egressAllow ?? [],
    oidcPrivateHosts: settings.oidcPrivateHosts ?? [],
    webhookPrivateHosts: settings.webhookPrivateHosts ?? [],
    webhookRetries: settings.webhookRetries ?? WEBHOOK_RETRIES,
    jsrRegistry: settings.jsrRegistry,
    killAt: settings.killAt,
    drainSeconds: settings.drainSeconds ?? (dev ? 2 : 20),
    limits: { ...defaultLimits, ...(settings.limits as Partial<Limits>) },
    environment: env,
  };
}

/**
 * A blank holds some 20 MB and its boot 65 ms of processor time. They take up to 3 % of the memory, which is what makes
 * a burst of cold functions faster than spawning; a developer's machine keeps few.
 */
function defaultBlanks(dev: boolean): number {
  const cores = cpus().length;
  return dev ? Math.max(2, Math.min(4, cores)) : Math.max(2, Math.min(32, Math.round((totalmem() * 0.03) / (20 * 1_048_576))));
}

function readFile(path: string): Settings {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw new PlatformError('config_invalid', `Cannot read ${path}: ${(error as Error).message}`);
  }
  const errors: ParseError[] = [];
  const value: unknown = parse(text, errors, { allowTrailingComma: true });
  const first = errors[0];
  if (first !== undefined) {
    const line = text.slice(0, first.offset).split('\n').length;
    throw new PlatformError('config_invalid', `Cannot read ${path}: ${printParseErrorCode(first.error)} in line ${line}.`);
  }
  return check(value, (key) => `${path}: ${key}`);
}

function readEnvironment(env: Readonly<Record<string, string | undefined>>): Settings {
  const values: Record<string, unknown> = {};
  const limits: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(env)) {
    if (!name.startsWith('MARTLET_') || NOT_OURS.has(name) || value === undefined || value === '') continue;
    if (name.startsWith('MARTLET_LIMIT_')) limits[camelCase(name.slice(14))] = value;
    else values[camelCase(name.slice(8))] = value;
  }
  if (Object.keys(limits).length > 0) values['limits'] = limits;
  return check(
    values,
    (key) =>
      `MARTLET_${key
        .replace('limits.', 'LIMIT_')
        .replace(/[A-Z]/g, (letter) => `_${letter}`)
        .toUpperCase()}`,
  );
}

/** @throws {PlatformError} `config_invalid`, naming the setting as its source spells it */
function check(value: unknown, nameOf: (key: string) => string): Settings {
  const result = settingsSchema.safeParse(value);
  if (result.success) return result.data;
  const problems = result.error.issues.map((issue) => {
    const at = issue.path.join('.');
    if (issue.code !== 'unrecognized_keys') return `${nameOf(at)}: ${issue.message}`;
    const known = at === 'limits' ? (Object.keys(limitSpecs) as LimitName[]) : Object.keys(settingsSchema.shape);
    return issue.keys
      .map((key) => `${nameOf(at === '' ? key : `${at}.${key}`)} is not a setting; known are ${known.join(', ')}`)
      .join('; ');
  });
  throw new PlatformError('config_invalid', `Cannot use the configuration: ${problems.join('; ')}.`);
}

function camelCase(name: string): string {
  return name.toLowerCase().replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
