/** Adds generated types to the `include` of tsconfig.json: wildcards leave folders out whose names begin with a dot. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { applyEdits, modify, parse, type ParseError } from 'jsonc-parser';

export interface IncludeResult {
  /** `by hand`: it is not safe to change for us; the reason says why. */
  readonly state: 'added' | 'there' | 'no tsconfig' | 'by hand';
  /** Relative to the project. */
  readonly file: string;
  readonly reason?: string;
}

interface Config {
  readonly include?: unknown;
  readonly files?: unknown;
  readonly extends?: unknown;
  readonly references?: unknown;
}

/** `types`: path of the generated file, relative to the project. */
export async function includeTypes(folder: string, types: string): Promise<IncludeResult> {
  const root = await readConfig(folder, 'tsconfig.json');
  if (root === undefined) return { state: 'no tsconfig', file: 'tsconfig.json' };
  const solution = typeof root === 'string' ? undefined : referencedConfig(root.config);
  const file = solution ?? 'tsconfig.json';
  const read = solution === undefined ? root : await readConfig(folder, solution);
  if (read === undefined) return { state: 'by hand', file, reason: 'it is not there' };
  if (typeof read === 'string') return { state: 'by hand', file, reason: read };
  const { text, config } = read;
  const wanted = types.replace(/[^/]+$/, '*.d.ts');
  if (isIncluded(config.include, wanted)) return { state: 'there', file };
  if (config.include === undefined && config.extends !== undefined && config.files === undefined)
    return { state: 'by hand', file, reason: 'an include of its own would replace the one of the configuration that it extends' };
  if (config.include !== undefined && !Array.isArray(config.include)) return { state: 'by hand', file, reason: 'its include is no list' };
  await writeFile(join(folder, file), withInclude(text, { config, wanted }));
  return { state: 'added', file };
}

function withInclude(text: string, { config, wanted }: { config: Config; wanted: string }): string {
  const formattingOptions = { insertSpaces: !/^\t/m.test(text), tabSize: 2, eol: text.includes('\r\n') ? '\r\n' : '\n' };
  const edits =
    config.include === undefined
      ? // Without `include` and `files` everything is included, which a list of one would end.
        modify(text, ['include'], config.files === undefined ? ['**/*', wanted] : [wanted], { formattingOptions })
      : modify(text, ['include', -1], wanted, { formattingOptions, isArrayInsertion: true });
  return applyEdits(text, edits);
}

/** A configuration that only refers to others has no files of its own; of those the one of the app is meant. */
function referencedConfig({ files, references }: Config): string | undefined {
  if (!Array.isArray(files) || files.length > 0 || !Array.isArray(references)) return undefined;
  const paths = references
    .map((one: unknown) => (typeof one === 'object' && one !== null ? Reflect.get(one, 'path') : undefined))
    .filter((path): path is string => typeof path === 'string' && path.endsWith('.json'))
    .map((path) => path.replace(/^\.\//, ''))
    .filter((path) => !path.includes('/'));
  return paths.find((path) => path === 'tsconfig.app.json') ?? paths[0];
}

function isIncluded(include: unknown, wanted: string): boolean {
  const folder = wanted.replace(/\/[^/]+$/, '');
  const isAbout = (path: string): boolean => path === folder || path.startsWith(`${folder}/`);
  return Array.isArray(include) && include.some((one) => typeof one === 'string' && isAbout(one.replace(/^\.\//, '')));
}

/** The reason as text when it cannot be read, undefined when it is not there. */
async function readConfig(folder: string, file: string): Promise<{ readonly text: string; readonly config: Config } | string | undefined> {
  let text: string;
  try {
    text = await readFile(join(folder, file), 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
  const errors: ParseError[] = [];
  const config: unknown = parse(text, errors, { allowTrailingComma: true });
  return errors.length > 0 || typeof config !== 'object' || config === null ? 'it cannot be read as JSON' : { text, config };
}
