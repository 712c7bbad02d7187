/** Reads `function.jsonc`: the name and the entry of the function in its folder. The other keys are the build's. */
import { parse, printParseErrorCode, type ParseError } from 'jsonc-parser';
import type { ProjectProblem } from './project.ts';

export interface FunctionSettingsFile {
  readonly name: string | undefined;
  /** Relative to the folder of the file. */
  readonly entry: string | undefined;
}

export function readFunctionSettingsFile(file: string, text: string): FunctionSettingsFile | ProjectProblem {
  const value = parseJsonc(file, text);
  if (isProblem(value)) return value;
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return { file, message: 'Cannot read the settings: the file must hold one object.' };
  const name = Reflect.get(value, 'name');
  const entry = Reflect.get(value, 'entry');
  if (name !== undefined && (typeof name !== 'string' || name === ''))
    return { file, message: 'Cannot read "name": it must be text that is not empty.' };
  if (entry !== undefined && (typeof entry !== 'string' || !staysInside(entry)))
    return { file, message: 'Cannot read "entry": it must be the relative path of a file in the folder.' };
  return { name, entry: entry?.replace(/^\.\//, '') };
}

/** The value of JSON with comments and trailing commas, or the first problem with its line. */
export function parseJsonc(file: string, text: string): unknown {
  const errors: ParseError[] = [];
  const value: unknown = parse(text, errors, { allowTrailingComma: true });
  const first = errors[0];
  if (first === undefined) return value;
  const line = text.slice(0, first.offset).split('\n').length;
  return { file: `${file}:${line}`, message: `Cannot read it as JSON: ${printParseErrorCode(first.error)}.` } satisfies ProjectProblem;
}

export function isProblem(value: unknown): value is ProjectProblem {
  return typeof value === 'object' && value !== null && Object.keys(value).length === 2 && 'file' in value && 'message' in value;
}

/** Whether a relative path with forward slashes names something below its folder. */
export function staysInside(path: string): boolean {
  return (
    path !== '' &&
    !path.startsWith('/') &&
    !path.includes('\\') &&
    !path.includes('\0') &&
    !/^[A-Za-z]:/.test(path) &&
    !path.split('/').includes('..')
  );
}
