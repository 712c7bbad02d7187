/** The settings of a function: `export const config` of its file, and `function.jsonc` or `function.json` beside it. */
import { readFile } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { describeConfigProblems, functionConfigSchema, type FunctionConfig } from '@martlet/protocol';
import { findNodeAtLocation, parseTree, printParseErrorCode, getNodeValue, type ParseError } from 'jsonc-parser';
import { z } from 'zod';
import { eventPatternProblem } from '../../../domain/events/event-pattern.ts';
import type { BuildProblem } from '../../../ports/builder.ts';
import { BuildFailure, plainProblem, problemAt } from '../build-problems.ts';
import { readConfigLiteral } from './config-literals.ts';

export interface Settings {
  readonly config: FunctionConfig;
  /** Settings file that was read, relative to the root of the source. */
  readonly file: string | undefined;
  /** What the reader of the build log should know. */
  readonly notes: readonly string[];
}

/** Keys of a settings file that say where a function lies and how its name is shown; they are not settings. */
const FILE_KEYS = new Set(['$schema', 'entry', 'description', 'automations']);
const FILE_NAMES = ['function.jsonc', 'function.json'];

/** @throws {BuildFailure} `function_config_invalid` */
export async function readSettings(root: string, entrypoint: string, source: string): Promise<Settings> {
  const [literal, file] = await Promise.all([readConfigLiteral(entrypoint, source), readSettingsFile(root, entrypoint)]);
  const inCode = literal === undefined ? {} : await check(literal.value, 'config', (path, message) => literal.problem(path, message));
  const inFile =
    file === undefined ? {} : await check(file.value, file.name, (path, message) => Promise.resolve(file.problem(path, message)));
  const twice = Object.keys(inFile).find((key) => key in inCode);
  if (twice !== undefined && file !== undefined) {
    throw new BuildFailure('function_config_invalid', [
      file.problem([twice], `"${twice}" is set in ${file.name} and in the config of ${entrypoint}; keep one of them`),
    ]);
  }
  return { config: { ...inFile, ...inCode }, file: file?.path, notes: file?.notes ?? [] };
}

async function check(
  value: unknown,
  at: string,
  problem: (path: readonly PropertyKey[], message: string) => Promise<BuildProblem>,
): Promise<FunctionConfig> {
  const result = functionConfigSchema.safeParse(value);
  if (result.success) {
    const deaf = result.data.events?.map(deafness).find((one) => one !== undefined);
    if (deaf === undefined) return result.data;
    throw new BuildFailure('function_config_invalid', [await problem(['events'], `${at}.events: ${deaf}`)]);
  }
  const problems = result.error.issues.map((issue) => {
    const path = issue.code === 'unrecognized_keys' ? [...issue.path, issue.keys[0] ?? ''] : issue.path;
    return problem(path, describeConfigProblems(new z.ZodError([issue]), at));
  });
  throw new BuildFailure('function_config_invalid', await Promise.all(problems));
}

/** Why a function would never hear of such an event: a mistake that no log would ever tell of. */
function deafness(pattern: string): string | undefined {
  const problem = pattern.startsWith('functions.')
    ? 'a function cannot listen to events of functions, of which it is one'
    : eventPatternProblem(pattern);
  return problem === undefined ? undefined : `cannot listen to "${pattern}": ${problem}`;
}

interface SettingsFile {
  readonly name: string;
  readonly path: string;
  readonly value: Readonly<Record<string, unknown>>;
  readonly notes: readonly string[];
  problem(path: readonly PropertyKey[], message: string): BuildProblem;
}

async function readSettingsFile(root: string, entrypoint: string): Promise<SettingsFile | undefined> {
  const folder = posix.dirname(entrypoint);
  const found = (await Promise.all(FILE_NAMES.map((name) => readOptional(root, posix.join(folder, name))))).filter(
    (file) => file !== undefined,
  );
  const [first, second] = found.map(parseSettingsFile).filter((file) => isAbout(file, entrypoint, folder));
  if (first !== undefined && second !== undefined) {
    throw new BuildFailure('function_config_invalid', [
      plainProblem(`${first.path} and ${second.path} both have settings; keep one of them`, second.path),
    ]);
  }
  if (first === undefined) return undefined;
  const settings = Object.entries(first.value).filter(([key]) => !FILE_KEYS.has(key));
  const automated = Array.isArray(first.value.automations) && first.value.automations.length > 0;
  const notes = automated ? [`${first.path}: "automations" are not read; set "schedule" or "events" instead`] : [];
  return { ...first, value: Object.fromEntries(settings), notes };
}

/** In a folder of several functions a settings file with an `entry` is about that one only. */
function isAbout(file: SettingsFile, entrypoint: string, folder: string): boolean {
  return typeof file.value.entry !== 'string' || posix.join(folder, file.value.entry) === entrypoint;
}

function parseSettingsFile({ path, text }: { path: string; text: string }): SettingsFile {
  const errors: ParseError[] = [];
  const tree = parseTree(text, errors, { allowTrailingComma: true });
  const problem = (offset: number, message: string): BuildProblem => problemAt({ file: path, text, offset, message });
  const [error] = errors;
  if (error !== undefined)
    throw new BuildFailure('function_config_invalid', [problem(error.offset, `${path} is not JSON: ${printParseErrorCode(error.error)}`)]);
  const value: unknown = tree === undefined ? undefined : getNodeValue(tree);
  if (tree?.type !== 'object') throw new BuildFailure('function_config_invalid', [problem(0, `${path} must be an object`)]);
  const placeOf = (keys: readonly PropertyKey[]): number => {
    const node = findNodeAtLocation(
      tree,
      keys.map((key) => (typeof key === 'number' ? key : String(key))),
    );
    return (node?.parent?.type === 'property' ? node.parent.offset : node?.offset) ?? (keys.length > 1 ? placeOf(keys.slice(0, -1)) : 0);
  };
  return {
    name: posix.basename(path),
    path,
    value: value as Record<string, unknown>,
    notes: [],
    problem: (keys, message) => problem(placeOf(keys), message),
  };
}

async function readOptional(root: string, path: string): Promise<{ path: string; text: string } | undefined> {
  try {
    return { path, text: await readFile(join(root, path), 'utf8') };
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'EISDIR' || error.code === 'ENOTDIR'))
      return undefined;
    throw error;
  }
}
