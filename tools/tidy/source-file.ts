/** What every rule is given: a file's text, the same text without comments and strings, and what it imports. */

export interface SourceFile {
  /** Relative to the root of the repository, with forward slashes. */
  readonly path: string;
  readonly text: string;
  /** The text with the inside of comments, strings and regular expressions blanked; same length, same lines. */
  readonly code: string;
  readonly imports: readonly Import[];
  readonly isTest: boolean;
}

export interface Import {
  readonly specifier: string;
  /** `import type`, `export type`, or every imported name is marked `type`: nothing is left of it at run time. */
  readonly typeOnly: boolean;
  readonly dynamic: boolean;
  readonly line: number;
}

export interface Finding {
  readonly path: string;
  readonly line: number;
  readonly message: string;
}

/** A rule looks at all files at once and tells what is wrong; it never throws for what it finds. */
export type Rule = (files: readonly SourceFile[]) => Finding[];

export function createSourceFile(path: string, text: string): SourceFile {
  return {
    path,
    text,
    code: blank(text, { keepStrings: false }),
    imports: findImports(blank(text, { keepStrings: true })),
    isTest: /\.test\.ts$|\/test\/|^e2e\//.test(path),
  };
}

export function lineAt(text: string, offset: number): number {
  return text.slice(0, offset).split('\n').length;
}

/** Static `import`/`export … from`, then `import(…)` with a literal; the text has no comments and no templates. */
function findImports(text: string): Import[] {
  const found: Import[] = [];
  for (const match of text.matchAll(/^[ \t]*(?:import|export)\s+(type\s+)?([^'"();=]*?from\s*)?['"]([^'"\n]+)['"]/gm)) {
    const [, typeKeyword, names = '', specifier = ''] = match;
    found.push({ specifier, typeOnly: typeKeyword !== undefined || onlyTypeNames(names), dynamic: false, line: lineAt(text, match.index) });
  }
  for (const match of text.matchAll(/\bimport\(\s*['"]([^'"\n]+)['"]/g)) {
    found.push({ specifier: match[1] ?? '', typeOnly: false, dynamic: true, line: lineAt(text, match.index) });
  }
  return found;
}

function onlyTypeNames(clause: string): boolean {
  const names = /^\{([^}]*)\}\s*from\s*$/
    .exec(clause)?.[1]
    ?.split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  return names !== undefined && names.length > 0 && names.every((name) => name.startsWith('type '));
}

/**
 * Replaces with spaces what is no code. A slash begins a regular expression where a value cannot stand before it; that
 * is a guess from the last character or word, and good for code that a formatter has laid out.
 */
function blank(text: string, { keepStrings }: { keepStrings: boolean }): string {
  const out = text.split('');
  const templates: number[] = [];
  let depth = 0;
  let at = 0;
  const wipe = (from: number, to: number) => {
    for (let index = from; index < to; index += 1) if (out[index] !== '\n') out[index] = ' ';
  };
  const template = (from: number) => {
    const end = endOfTemplatePart(text, from);
    wipe(from, end.open ? end.at - 2 : end.at - 1);
    if (end.open) templates.push(depth);
    return end.at;
  };

  while (at < text.length) {
    const char = text[at];
    const pair = text.slice(at, at + 2);
    let end = at + 1;
    if (pair === '//' || pair === '/*') {
      const close = pair === '//' ? text.indexOf('\n', at) : text.indexOf('*/', at + 2) + 2;
      end = close < at + 2 ? text.length : close;
      wipe(at, end);
    } else if (char === "'" || char === '"') {
      end = endOfLiteral(text, at, char);
      if (!keepStrings) wipe(at + 1, end - 1);
    } else if (char === '`') {
      end = template(at + 1);
    } else if (char === '}' && templates.at(-1) === depth) {
      templates.pop();
      end = template(at + 1);
    } else if (char === '/' && beginsRegExp(text.slice(Math.max(0, at - 20), at))) {
      end = endOfLiteral(text, at, '/');
      wipe(at + 1, end - 1);
    } else if (char === '{') depth += 1;
    else if (char === '}') depth -= 1;
    at = end;
  }
  return out.join('');
}

function beginsRegExp(before: string): boolean {
  const last = before.trimEnd();
  return last === '' || /[(,=:[!&|?{};+*%~^<>-]$/.test(last) || /\b(?:return|typeof|case|in|of|await|yield)$/.test(last);
}

/** The offset after the closing quote; a literal never crosses a line, so that a wrong guess costs one line only. */
function endOfLiteral(text: string, from: number, quote: string): number {
  let inClass = false;
  for (let at = from + 1; at < text.length; at += 1) {
    const char = text[at];
    if (char === '\n') return at;
    if (char === '\\') at += 1;
    else if (quote === '/' && char === '[') inClass = true;
    else if (quote === '/' && char === ']') inClass = false;
    else if (char === quote && !inClass) return at + 1;
  }
  return text.length;
}

/** The offset after the closing backtick, or after the `${` where the template goes on with code. */
function endOfTemplatePart(text: string, from: number): { at: number; open: boolean } {
  for (let at = from; at < text.length; at += 1) {
    if (text[at] === '\\') at += 1;
    else if (text[at] === '`') return { at: at + 1, open: false };
    else if (text[at] === '$' && text[at + 1] === '{') return { at: at + 2, open: true };
  }
  return { at: text.length, open: false };
}
