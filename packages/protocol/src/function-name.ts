/** The names under which functions are called: `orders/process`. They are paths of a URL, never paths of a disk. */
import { PlatformError } from './errors.ts';

const SEGMENT = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;
const NAME_LENGTH_MAX = 128;
/** First segments that the platform keeps for itself. */
const RESERVED = new Set(['openapi.json', 'shared', 'node_modules']);

/** The reason why a name is not allowed, or undefined where it is. */
export function functionNameProblem(name: string): string | undefined {
  if (name.length === 0) return 'it is empty';
  if (name.length > NAME_LENGTH_MAX) return `it has more than ${NAME_LENGTH_MAX} characters`;
  const segments = name.split('/');
  const wrong = segments.find((segment) => !SEGMENT.test(segment));
  if (wrong !== undefined)
    return `its part "${wrong.slice(0, 40)}" is not made of letters, digits, dots, hyphens and underscores after a letter or a digit`;
  if (RESERVED.has(segments[0] as string)) return `"${segments[0]}" is reserved`;
  return undefined;
}

/** @throws {PlatformError} `function_name_invalid` */
export function assertFunctionName(name: string): void {
  const problem = functionNameProblem(name);
  if (problem !== undefined) {
    throw new PlatformError('function_name_invalid', `Cannot use the function name ${JSON.stringify(name.slice(0, 80))}: ${problem}.`);
  }
}

/**
 * The names that a URL path may mean, longest first: `a/b/c` → `a/b/c`, `a/b`, `a`. At most eight segments are
 * considered, which bounds the look-up for a hostile path.
 */
export function candidateNames(path: string): string[] {
  const names: string[] = [];
  let end = 0;
  for (let segments = 0; segments < 8; segments += 1) {
    const slash = path.indexOf('/', end);
    names.unshift(slash === -1 ? path : path.slice(0, slash));
    if (slash === -1) break;
    end = slash + 1;
  }
  return names.filter((name) => functionNameProblem(name) === undefined);
}
