/**
 * Settings of a function as a caller may send them, and what they mean for its row. PUT replaces: what is left out goes
 * back to its default, except where the contract keeps the stored value. Settings that the contract does not know keep
 * theirs, so that its clients do not reset what they cannot see.
 */
import { PlatformError, functionNameProblem, type EgressPolicy, type Limits, type Retries } from '@martlet/protocol';
import { RUNTIME_DEFAULT, findSpecification, isRuntime, specificationOf } from './runtimes.ts';

type Given<T> = T | null | undefined;

/** Absent and null both mean: not given. Values are within the ranges that the gateway checks. */
export interface FunctionInput {
  readonly name: string;
  readonly path?: Given<string>;
  readonly runtime?: Given<string>;
  readonly execute?: Given<readonly string[]>;
  readonly events?: Given<readonly string[]>;
  readonly schedule?: Given<string>;
  readonly timezone?: Given<string>;
  /** Seconds. */
  readonly timeout?: Given<number>;
  /** MB. */
  readonly memory?: Given<number>;
  readonly concurrency?: Given<number>;
  readonly retries?: Given<Retries>;
  readonly egress?: Given<EgressPolicy>;
  readonly durability?: Given<'relaxed' | 'strict'>;
  readonly enabled?: Given<boolean>;
  readonly logging?: Given<boolean>;
  readonly entrypoint?: Given<string>;
  readonly commands?: Given<string>;
  readonly scopes?: Given<readonly string[]>;
  readonly deploymentRetention?: Given<number>;
  readonly specification?: Given<string>;
  readonly runtimeSpecification?: Given<string>;
}

/** What the row of a function has of them. */
export interface FunctionSettings {
  readonly name: string;
  readonly runtime: string;
  readonly execute: readonly string[];
  readonly enabled: boolean;
  readonly logging: boolean;
  readonly entrypoint: string;
  readonly commands: string;
  readonly scopes: readonly string[];
  readonly events: readonly string[];
  readonly schedule: string;
  readonly timezone: string;
  readonly timeoutSeconds: number;
  readonly memoryMb: number;
  readonly concurrency: number;
  readonly retries: Retries;
  readonly egress: EgressPolicy;
  readonly durability: 'relaxed' | 'strict';
  readonly deploymentRetention: number;
}

/** Settings together with what a change of them touches. */
export interface LiveSettings extends FunctionSettings {
  readonly path: string;
  readonly live: boolean;
}

type Defaults = Pick<Limits, 'timeoutSeconds' | 'memoryMb' | 'concurrency'>;

/** @throws {PlatformError} `function_runtime_unsupported` */
export function newSettings(input: FunctionInput, defaults: Defaults): FunctionSettings {
  return {
    ...replacedSettings(input, defaults),
    name: input.name,
    runtime: supportedRuntime(input.runtime) ?? RUNTIME_DEFAULT,
    entrypoint: input.entrypoint ?? '',
    timezone: input.timezone ?? 'UTC',
    memoryMb: memoryOf(input, undefined) ?? defaults.memoryMb,
    concurrency: input.concurrency ?? defaults.concurrency,
    retries: input.retries ?? 0,
    egress: input.egress ?? 'public',
    durability: input.durability ?? 'relaxed',
  };
}

/**
 * What a PUT changes. `live` goes when something changed that the active build was made with.
 * @throws {PlatformError} `function_runtime_unsupported`, `function_name_invalid`
 */
export function changedSettings(input: FunctionInput, row: LiveSettings, defaults: Defaults): LiveSettings {
  const settings: FunctionSettings = {
    ...replacedSettings(input, defaults),
    name: input.name,
    runtime: supportedRuntime(input.runtime) ?? row.runtime,
    entrypoint: filled(input.entrypoint) ?? row.entrypoint,
    timezone: input.timezone ?? row.timezone,
    memoryMb: memoryOf(input, row.memoryMb) ?? row.memoryMb,
    concurrency: input.concurrency ?? row.concurrency,
    retries: input.retries ?? row.retries,
    egress: input.egress ?? row.egress,
    durability: input.durability ?? row.durability,
  };
  const stale = (['name', 'runtime', 'entrypoint', 'commands'] as const).some((key) => settings[key] !== row[key]);
  return { ...settings, path: explicitPath(input) ?? row.path, live: row.live && !stale };
}

/**
 * Paths to try for a new function, in this order: the one that was asked for; else its name where that is a path and
 * free; else its id.
 * @throws {PlatformError} `function_name_invalid`
 */
export function pathCandidates(input: FunctionInput, id: string): string[] {
  const explicit = explicitPath(input);
  if (explicit !== undefined) return [explicit];
  return [input.name, id].filter((path, at, all) => functionNameProblem(path) === undefined && all.indexOf(path) === at);
}

/** Settings that a PUT sets back when they are left out. */
function replacedSettings(input: FunctionInput, defaults: Defaults) {
  return {
    execute: input.execute ?? [],
    events: input.events ?? [],
    schedule: input.schedule ?? '',
    timeoutSeconds: input.timeout ?? defaults.timeoutSeconds,
    enabled: input.enabled ?? true,
    logging: input.logging ?? true,
    commands: input.commands ?? '',
    scopes: input.scopes ?? [],
    deploymentRetention: input.deploymentRetention ?? 0,
  };
}

function supportedRuntime(runtime: Given<string>): string | undefined {
  const given = filled(runtime);
  if (given !== undefined && !isRuntime(given))
    throw new PlatformError('function_runtime_unsupported', `Runtime "${given.slice(0, 80)}" is not supported`);
  return given;
}

/** A slug that is what we show for the memory already is an echo of our own answer, not a wish. */
function memoryOf(input: FunctionInput, currentMb: number | undefined): number | undefined {
  if (typeof input.memory === 'number') return input.memory;
  const slug = filled(input.runtimeSpecification) ?? filled(input.specification);
  if (slug === undefined || (currentMb !== undefined && slug === specificationOf(currentMb))) return undefined;
  return findSpecification(slug)?.memory;
}

function explicitPath(input: FunctionInput): string | undefined {
  const path = filled(input.path);
  const problem = path === undefined ? undefined : functionNameProblem(path);
  if (problem !== undefined)
    throw new PlatformError('function_name_invalid', `Cannot use the function path ${JSON.stringify(path?.slice(0, 80))}: ${problem}.`);
  return path;
}

const filled = (text: Given<string>): string | undefined => (text === '' ? undefined : (text ?? undefined));
