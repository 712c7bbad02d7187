/** What TypeScript can learn from the source of a function, found out from its text: types are generated without a compiler. */
import { readFile } from 'node:fs/promises';
import { posix } from 'node:path';
import { join } from 'node:path';

export interface SourceFacts {
  /** Whether another file may refer to its types without bringing errors into the program that reads them. */
  readonly typed: boolean;
  /** Exported types that say what the function takes and gives. */
  readonly named: readonly ('Input' | 'Output')[];
}

const UNTYPED: SourceFacts = { typed: false, named: [] };
const TYPESCRIPT = /\.[cm]?ts$/;
const SAYS_SOMETHING = /\bexport\s+default\b|\bas\s+default\b|\bexport\s+(?:declare\s+)?(?:const|let|var)\s+input\b|\binput\s*[,}]/;
const NAMED_TYPE = /^export\s+(?:declare\s+)?(?:type|interface|class)\s+(Input|Output)\b(?!\s*<)/gm;
const EXPORT_LIST = /^export\s+(?:type\s*)?\{([^}]*)\}/gm;
/** Specifiers that Martlet resolves and TypeScript does not. */
const FOREIGN_IMPORT = /(?:\bfrom|\bimport)\s*\(?\s*['"](?:npm|jsr|https?|base44):/;
const RELATIVE_IMPORT = /(?:\bfrom|\bimport)\s*\(?\s*['"](\.{1,2}\/[^'"]+)['"]/g;
/** Beyond so many files nobody looks for reasons not to. */
const FILES_MAX = 200;

/** `file`: relative to the folder, with forward slashes. */
export async function readSourceFacts(folder: string, file: string): Promise<SourceFacts> {
  if (!TYPESCRIPT.test(file)) return UNTYPED;
  const source = await readText(join(folder, file));
  if (source === undefined) return UNTYPED;
  const named = namedTypes(source);
  if (named.length === 0 && !SAYS_SOMETHING.test(source)) return UNTYPED;
  return (await importsForeign(folder, file)) ? UNTYPED : { typed: true, named };
}

export function namedTypes(source: string): ('Input' | 'Output')[] {
  const listed = [...source.matchAll(EXPORT_LIST)].flatMap(([, list = '']) =>
    list.split(',').map(
      (one) =>
        one
          .trim()
          .replace(/^type\s+/, '')
          .split(/\s+as\s+/)
          .at(-1) ?? '',
    ),
  );
  const declared = [...source.matchAll(NAMED_TYPE)].map(([, name = '']) => name);
  return (['Input', 'Output'] as const).filter((name) => declared.includes(name) || listed.includes(name));
}

/** Also by way of the files of the project that it imports: an import that cannot be resolved is an error wherever it stands. */
async function importsForeign(folder: string, entry: string): Promise<boolean> {
  const seen = new Set([entry]);
  for (const file of seen) {
    const source = await readText(join(folder, file));
    if (source === undefined) continue;
    if (FOREIGN_IMPORT.test(source)) return true;
    for (const [, specifier = ''] of source.matchAll(RELATIVE_IMPORT)) {
      const target = posix.join(posix.dirname(file), specifier);
      if (seen.size < FILES_MAX && TYPESCRIPT.test(target) && !target.startsWith('../')) seen.add(target);
    }
  }
  return false;
}

/** Undefined for a file that has just gone away; the next look does without it. */
async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT' || code === 'EISDIR' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}
