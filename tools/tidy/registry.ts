/** The error registry against the code: each code is raised somewhere, and a file in a hard place says what it is for. */
import type { Finding, Rule } from './source-file.ts';

const REGISTRY_FILES = new Set(['packages/protocol/src/errors.ts', 'packages/protocol/src/limits.ts']);
const WITH_HEAD = /^packages\/server\/src\/(?:ports|services|drivers)\//;

/** Every code of the registry is named by code that is no test: a code that nothing raises documents what never happens. */
export function checkErrorCodes(codes: readonly string[]): Rule {
  return (files) => {
    const sources = files.filter((file) => file.path.startsWith('packages/') && !file.isTest && !REGISTRY_FILES.has(file.path));
    return codes
      .filter((code) => !sources.some((file) => file.text.includes(`'${code}'`)))
      .map((code): Finding => ({ path: 'packages/protocol/src/errors.ts', line: 1, message: `nothing raises ${code}` }));
  };
}

export const checkHeads: Rule = (files) =>
  files
    .filter((file) => WITH_HEAD.test(file.path) && !file.isTest && !file.text.startsWith('/**'))
    .map((file) => ({ path: file.path, line: 1, message: 'begins with one to five lines that say what it is responsible for' }));
