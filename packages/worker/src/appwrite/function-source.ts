/**
 * Reads the source text of a function just far enough to see its first parameter. Comments, strings and regular
 * expressions are blanked first, so that no word inside them counts.
 */

export interface FunctionSource {
  /** Text of the first parameter, without its default; undefined where the function has none or is native. */
  readonly firstParameter: string | undefined;
  readonly body: string;
}

const OPENING = '([{';
const CLOSING = ')]}';
/** After one of these a slash begins a regular expression, not a division. */
const BEFORE_REGEX = /(?:^|[([{,;=:?!&|+\-*%<>~^]|\b(?:return|typeof|case|in|of|await|yield|void|delete|throw|new|else|do))\s*$/;

export function readFunctionSource(handler: Function): FunctionSource {
  const source = blankText(Function.prototype.toString.call(handler));
  if (/^class\b/.test(source) || source.includes('[native code]')) return { firstParameter: undefined, body: source };
  // `context => …` and `async context => …` are the only forms without parentheses.
  const bare = /^(?:async\s+)?([\w$]+)\s*=>/.exec(source);
  if (bare !== null && bare[1] !== undefined) return { firstParameter: bare[1], body: source.slice(bare[0].length) };
  const open = parameterListStart(source);
  const close = matching(source, open);
  const [first] = splitTop(source.slice(open + 1, close), ',');
  const parameter = first === undefined ? '' : withoutDefault(first).trim();
  return { firstParameter: parameter === '' ? undefined : parameter, body: source.slice(close + 1) };
}

/** Index of the bracket that closes the one at `open`; the end of the text where there is none. */
export function matching(text: string, open: number): number {
  let depth = 0;
  for (let at = open; at < text.length; at += 1) {
    const character = text.charAt(at);
    if (OPENING.includes(character)) depth += 1;
    else if (CLOSING.includes(character)) depth -= 1;
    if (depth === 0) return at;
  }
  return text.length;
}

/** Splits at a separator that stands outside of all brackets. */
export function splitTop(text: string, separator: string): string[] {
  const parts: string[] = [];
  let start = 0;
  for (let at = 0; at < text.length; at += 1) {
    const character = text.charAt(at);
    if (OPENING.includes(character)) at = matching(text, at);
    else if (character === separator) {
      parts.push(text.slice(start, at));
      start = at + 1;
    }
  }
  parts.push(text.slice(start));
  return parts;
}

/** The name of a method may be computed: `async [key](context) {…}`. */
function parameterListStart(source: string): number {
  let at = 0;
  while (at < source.length && source.charAt(at) !== '(') at = source.charAt(at) === '[' ? matching(source, at) + 1 : at + 1;
  return at;
}

function withoutDefault(parameter: string): string {
  const at = splitTop(parameter, '=')[0];
  return at ?? parameter;
}

/** Replaces comments by a space, and strings and regular expressions by empty ones; code inside templates stays. */
function blankText(source: string): string {
  let out = '';
  let at = 0;
  let braces = 0;
  /** For each template that is open, how many braces were open at its `${`. */
  const templates: number[] = [];
  const goOnInTemplate = (from: number, before: string): void => {
    const { end, code } = templateEnd(source, from);
    if (code) templates.push(braces);
    out += code ? `${before}+(` : before;
    at = end;
  };
  while (at < source.length) {
    const character = source.charAt(at);
    const next = source.charAt(at + 1);
    if (character === '/' && (next === '/' || next === '*')) {
      at = commentEnd(source, at);
      out += ' ';
    } else if (character === '"' || character === "'") {
      const end = stringEnd(source, at);
      out += keepName(source.slice(at + 1, end - 1));
      at = end;
    } else if (character === '`') {
      goOnInTemplate(at + 1, '""');
    } else if (character === '}' && templates.at(-1) === braces) {
      templates.pop();
      goOnInTemplate(at + 1, ')');
    } else if (character === '/' && BEFORE_REGEX.test(out.slice(-12))) {
      at = regexEnd(source, at);
      out += '""';
    } else {
      braces += character === '{' ? 1 : character === '}' ? -1 : 0;
      out += character;
      at += 1;
    }
  }
  return out;
}

/** `context["res"]` reads the same as `context.res`; other strings say nothing. */
function keepName(text: string): string {
  return /^(?:req|res|log|error)$/.test(text) ? `"${text}"` : '""';
}

function commentEnd(source: string, at: number): number {
  const line = source.charAt(at + 1) === '/';
  const end = source.indexOf(line ? '\n' : '*/', at + 2);
  if (end === -1) return source.length;
  return line ? end : end + 2;
}

function stringEnd(source: string, at: number): number {
  const quote = source.charAt(at);
  let end = at + 1;
  while (end < source.length && source.charAt(end) !== quote) end += source.charAt(end) === '\\' ? 2 : 1;
  return end + 1;
}

function regexEnd(source: string, at: number): number {
  let inClass = false;
  let end = at + 1;
  for (; end < source.length; end += 1) {
    const character = source.charAt(end);
    if (character === '\\') end += 1;
    else if (character === '[') inClass = true;
    else if (character === ']') inClass = false;
    else if ((character === '/' && !inClass) || character === '\n') break;
  }
  return end + 1;
}

/** Where the text of a template ends: at its backtick, or behind the `${` of its next piece of code. */
function templateEnd(source: string, at: number): { end: number; code: boolean } {
  for (let end = at; end < source.length; end += 1) {
    const character = source.charAt(end);
    if (character === '\\') end += 1;
    else if (character === '`') return { end: end + 1, code: false };
    else if (character === '$' && source.charAt(end + 1) === '{') return { end: end + 2, code: true };
  }
  return { end: source.length, code: false };
}
