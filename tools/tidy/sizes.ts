/** Lengths that keep a file readable in one go. Functions: see function-lengths.ts. */
import { posix } from 'node:path';
import type { Finding, Rule } from './source-file.ts';

const FILE_LINES_MAX = 300;
const TEST_FILE_LINES_MAX = 500;
const FOLDER_FILES_MAX = 12;
const TEST_FOLDER_FILES_MAX = 20;
const OWN_IMPORTS_MAX = 20;

/** Each with the reason why the limit is not for it. */
const LONG_FILES: Readonly<Record<string, string>> = {};

const FULL_FOLDERS: Readonly<Record<string, string>> = {
  'fixtures/functions': 'the name of a fixture is its path, and nested names would test something else',
};

const MANY_IMPORTS: Readonly<Record<string, string>> = {
  'packages/server/src/app/create-platform.ts': 'opens the drivers and wires everything',
  'packages/server/src/app/create-services.ts': 'puts all services together',
};

export const checkSizes: Rule = (files) => [...checkFiles(files), ...checkFolders(files)];

const checkFiles: Rule = (files) =>
  files.flatMap((file) => {
    const findings: Finding[] = [];
    const lines = file.text.trimEnd().split('\n').length;
    const linesMax = file.isTest ? TEST_FILE_LINES_MAX : FILE_LINES_MAX;
    if (lines > linesMax && LONG_FILES[file.path] === undefined) {
      findings.push({ path: file.path, line: linesMax + 1, message: `has ${lines} lines; at most ${linesMax}` });
    }
    const own = file.imports.filter((entry) => entry.specifier.startsWith('.')).length;
    if (own > OWN_IMPORTS_MAX && !file.isTest && MANY_IMPORTS[file.path] === undefined) {
      findings.push({ path: file.path, line: 1, message: `imports ${own} files of its own package; at most ${OWN_IMPORTS_MAX}` });
    }
    return findings;
  });

/** Tests that stand beside their file do not count against its folder. */
const checkFolders: Rule = (files) => {
  const counts = new Map<string, { sources: number; tests: number }>();
  for (const file of files) {
    const folder = posix.dirname(file.path);
    const count = counts.get(folder) ?? { sources: 0, tests: 0 };
    counts.set(folder, file.isTest ? { ...count, tests: count.tests + 1 } : { ...count, sources: count.sources + 1 });
  }
  return [...counts].flatMap(([folder, { sources, tests }]) => {
    if (FULL_FOLDERS[folder] !== undefined) return [];
    if (sources > FOLDER_FILES_MAX) return [{ path: folder, line: 1, message: `holds ${sources} files; at most ${FOLDER_FILES_MAX}` }];
    if (tests > TEST_FOLDER_FILES_MAX)
      return [{ path: folder, line: 1, message: `holds ${tests} tests; at most ${TEST_FOLDER_FILES_MAX}` }];
    return [];
  });
};
