/**
 * Functions fit a screen. What counts is a function's own lines: the body of a factory is made of the functions it
 * returns, and each of those is measured by itself.
 */
import type { Finding, Rule, SourceFile } from './source-file.ts';
import { lineAt } from './source-file.ts';

const OWN_LINES_MAX = 70;
/** Words before a parenthesis that open a block and no function. */
const CONTROL = new Set(['if', 'for', 'while', 'switch', 'catch', 'with', 'await']);

interface Body {
  readonly name: string;
  readonly firstLine: number;
  lastLine: number;
  /** Lines of functions inside this one. */
  nestedLines: number;
}

export const checkFunctionLengths: Rule = (files) =>
  files
    .filter((file) => !file.isTest)
    .flatMap((file) =>
      functionsOf(file).flatMap(({ name, firstLine, lastLine, nestedLines }): Finding[] => {
        const own = lastLine - firstLine + 1 - nestedLines;
        return own > OWN_LINES_MAX
          ? [{ path: file.path, line: firstLine, message: `${name} has ${own} lines of its own; at most ${OWN_LINES_MAX}` }]
          : [];
      }),
    );

function functionsOf({ code }: SourceFile): Body[] {
  const finished: Body[] = [];
  const open: (Body | undefined)[] = [];
  for (const { 0: brace, index } of code.matchAll(/[{}]/g)) {
    if (brace === '{') {
      const name = functionOpenedAt(code, index);
      open.push(name === undefined ? undefined : { name, firstLine: lineAt(code, index), lastLine: 0, nestedLines: 0 });
      continue;
    }
    const body = open.pop();
    if (body === undefined) continue;
    body.lastLine = lineAt(code, index);
    finished.push(body);
    const parent = open.findLast((outer) => outer !== undefined);
    // The line with the brace belongs to the outer function too, unless nothing is between the braces.
    if (parent !== undefined) parent.nestedLines += body.nestedLines + Math.max(0, body.lastLine - body.firstLine - body.nestedLines);
  }
  return finished;
}

/** The name of the function whose body this brace opens, or undefined where it opens something else. */
function functionOpenedAt(code: string, brace: number): string | undefined {
  const before = code.slice(Math.max(0, brace - 2000), brace).trimEnd();
  if (before.endsWith('=>'))
    return (
      /(?:const|let)\s+(\w+)[^;{}]*$/.exec(before)?.[1] ?? /(\w+)\s*[:=]\s*(?:async\s*)?\([^()]*\)\s*=>$/.exec(before)?.[1] ?? 'a function'
    );
  // `) {` or `): Type {`
  const head = /\)(?:\s*:\s*[^;{}()=]+)?$/.exec(before);
  if (head === null) return undefined;
  const callee = /(\w+)\s*(?:<[^<>]*>)?\s*$/.exec(before.slice(0, openingOf(before, head.index)))?.[1];
  return callee === undefined || CONTROL.has(callee) ? undefined : callee;
}

/** Where the parenthesis that closes at `end` was opened. */
function openingOf(text: string, end: number): number {
  let depth = 0;
  for (let at = end; at >= 0; at -= 1) {
    if (text[at] === ')') depth += 1;
    else if (text[at] === '(') depth -= 1;
    if (depth === 0) return at;
  }
  return 0;
}
