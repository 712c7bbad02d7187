/** Projects of Base44: `base44/functions`, with `base44/shared` beside. */
import { findFolderFunctions } from './folder-functions.ts';
import { isProblem, parseJsonc, staysInside } from './function-settings-file.ts';
import type { Project, ProjectFunction, ProjectListing } from './project.ts';

export const base44ConfigNames: readonly string[] = ['base44/config.jsonc', 'base44/config.json'];

/** Only these folders travel: the rest of such a repository is a web app that no function imports. */
const EVERYTHING_BUT_BASE44 = ['/*', '!/base44', '!/package.json', '!/package-lock.json', '!/tsconfig.json'];

/** The folder of functions, or undefined when this is no such project. */
export function base44FunctionsFolder(listing: ProjectListing): string | undefined {
  const config = base44ConfigNames.find((name) => listing.texts.has(name));
  if (config === undefined) return listing.files.some((file) => file.startsWith('base44/functions/')) ? 'base44/functions' : undefined;
  const value = parseJsonc(config, listing.texts.get(config) ?? '');
  const folder: unknown = typeof value === 'object' && value !== null && !isProblem(value) ? Reflect.get(value, 'functionsDir') : undefined;
  return typeof folder === 'string' && staysInside(folder)
    ? `base44/${folder.replace(/^\.\//, '').replace(/\/+$/, '')}`
    : 'base44/functions';
}

export function findBase44Functions(folder: string, listing: ProjectListing): Pick<Project, 'functions' | 'problems'> {
  const found = findFolderFunctions(folder, listing, { nestedEntries: true });
  return {
    // Their functions bring packages by `npm:` imports; the package.json is the web app's and is not installed.
    functions: found.functions.map((one): ProjectFunction => ({ ...one, commands: '', ignore: EVERYTHING_BUT_BASE44 })),
    problems: found.problems,
  };
}
