/** Recognises the layout of a project and finds its functions. Pure: a listing in, functions and problems out. */
import { functionNameProblem } from '@martlet/protocol';
import { appwriteConfigNames, findAppwriteFunctions } from './appwrite-project.ts';
import { base44ConfigNames, base44FunctionsFolder, findBase44Functions } from './base44-project.ts';
import { findFolderFunctions } from './folder-functions.ts';
import type { Project, ProjectFunction, ProjectListing, ProjectProblem } from './project.ts';

/** The first layout that the folder shows wins: Appwrite's project file, a `base44` folder, else `functions/`. */
export function findFunctions(listing: ProjectListing): Project {
  const appwriteConfig = appwriteConfigNames.find((name) => listing.texts.has(name));
  if (appwriteConfig !== undefined) return checked('appwrite', findAppwriteFunctions(appwriteConfig, listing));
  const base44 = base44FunctionsFolder(listing);
  if (base44 !== undefined) return checked('base44', findBase44Functions(base44, listing));
  return checked('martlet', findFolderFunctions('functions', listing));
}

/** Whether the rules want the text of this file in the listing. */
export function isProjectText(path: string): boolean {
  return (
    appwriteConfigNames.includes(path) ||
    base44ConfigNames.includes(path) ||
    path === 'package.json' ||
    /(^|\/)function\.jsonc?$/.test(path)
  );
}

type Found = Pick<Project, 'functions' | 'problems'>;

/** Rules that hold in every layout: names are allowed, and each belongs to one function. */
function checked(kind: Project['kind'], found: Found): Project {
  const problems: ProjectProblem[] = [...found.problems];
  const byName = new Map<string, ProjectFunction>();
  const doubled = new Set<string>();
  for (const one of found.functions) {
    const wrong = functionNameProblem(one.name);
    const first = byName.get(one.name);
    if (wrong !== undefined) {
      problems.push({ file: one.file, message: `Cannot use the function name ${JSON.stringify(one.name)}: ${wrong}.` });
    } else if (first !== undefined) {
      doubled.add(one.name);
      problems.push({
        file: one.file,
        message: `Cannot have two functions named "${one.name}": the other is ${first.file}. Rename or remove one of them.`,
      });
    } else {
      byName.set(one.name, one);
    }
  }
  // Neither of two candidates is deployed: which of them would be a matter of chance.
  const functions = [...byName.values()].filter((one) => !doubled.has(one.name)).sort((a, b) => (a.name < b.name ? -1 : 1));
  return { kind, functions, problems };
}
