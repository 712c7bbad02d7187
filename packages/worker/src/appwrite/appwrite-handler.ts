/**
 * The handler shape of Appwrite, `({ req, res, log, error }) => output`: how to recognise it, what it is given, and what
 * its output means. After the Open Runtimes contract for Node.
 */
import { matching, readFunctionSource, splitTop } from './function-source.ts';

export { createAppwriteContext } from './appwrite-context.ts';
export { toResponseParts } from './response-parts.ts';

/** None of these exists on the `Request` that all other shapes are given. */
const CONTEXT_KEYS = new Set(['req', 'res', 'log', 'error']);

/**
 * Whether the first parameter of a handler is the Appwrite context: the parameter is a pattern that takes one of
 * `req`, `res`, `log`, `error`, or a name of which one of them is read. Decided from the source text, without a call.
 */
export function isAppwriteHandler(handler: Function): boolean {
  const { firstParameter, body } = readFunctionSource(handler);
  if (firstParameter === undefined) return false;
  if (firstParameter.startsWith('{')) return takesFromPattern(firstParameter, body);
  return /^[\w$]+$/.test(firstParameter) && usesContext(firstParameter, body);
}

function takesFromPattern(pattern: string, body: string): boolean {
  const entries = splitTop(pattern.slice(1, matching(pattern, 0)), ',').map((entry) => entry.trim());
  const rest = entries.find((entry) => entry.startsWith('...'));
  if (rest !== undefined && usesContext(rest.slice(3).trim(), body)) return true;
  return entries.some((entry) => CONTEXT_KEYS.has(keyOf(entry)));
}

/** The key of `key`, `key: target`, `key = value` or `"key": target`. */
function keyOf(entry: string): string {
  return /^"?([\w$]+)/.exec(entry)?.[1] ?? '';
}

function usesContext(name: string, body: string): boolean {
  const word = `(?<![\\w$.])${name.replaceAll('$', '\\$')}`;
  const reads = `${word}\\s*(?:\\??\\.\\s*(?:req|res|log|error)(?![\\w$])|(?:\\?\\.\\s*)?\\[\\s*"(?:req|res|log|error)")`;
  if (new RegExp(reads).test(body)) return true;
  // `const { req, res } = context` further down.
  for (const match of body.matchAll(new RegExp(`\\}\\s*=\\s*${word}(?![\\w$]|\\s*[.([])`, 'g'))) {
    const open = openingBefore(body, match.index);
    if (open !== -1 && takesFromPattern(body.slice(open, match.index + 1), '')) return true;
  }
  return false;
}

function openingBefore(text: string, close: number): number {
  let depth = 0;
  for (let at = close; at >= 0; at -= 1) {
    const character = text.charAt(at);
    if (character === '}') depth += 1;
    else if (character === '{') depth -= 1;
    if (depth === 0) return at;
  }
  return -1;
}
