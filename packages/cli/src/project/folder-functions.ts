/**
 * Functions of a folder by the names of its files: `hello.ts`, `hello/index.ts` or `hello/entry.ts`, nested folders
 * make nested names. A folder with an index or entry file is one function; the other files in it are its modules.
 */
import { isProblem, readFunctionSettingsFile } from './function-settings-file.ts';
import { readPackage } from './package-facts.ts';
import type { Project, ProjectFunction, ProjectListing, ProjectProblem } from './project.ts';

const CODE = /\.(?:[cm]?[jt]s|[jt]sx)$/;
const NOT_A_FUNCTION = /\.(?:test|spec|bench|d)\.(?:[cm]?[jt]s|[jt]sx)$/;
const ENTRY_STEMS = new Set(['index', 'entry']);
const SETTINGS = /^function\.jsonc?$/;

export interface FolderRules {
  /** Whether an `entry` file makes a function also inside the folder of another function, as Base44 has it. */
  readonly nestedEntries: boolean;
}

export function findFolderFunctions(
  folder: string,
  listing: ProjectListing,
  rules: FolderRules = { nestedEntries: false },
): Pick<Project, 'functions' | 'problems'> {
  const prefix = `${folder}/`;
  const files = listing.files
    .filter((file) => file.startsWith(prefix))
    .map((file) => file.slice(prefix.length))
    .filter(isVisible);
  const { commands, execute, problems: packageProblems } = readPackage(listing);
  const problems: ProjectProblem[] = [...packageProblems];
  const settings = execute === undefined ? {} : { execute };
  const make = (name: string, file: string): ProjectFunction => ({
    name,
    file: prefix + file,
    root: '',
    entrypoint: prefix + file,
    commands,
    id: undefined,
    settings,
    ignore: [],
  });

  const configured = readSettingsFiles({ files, prefix, listing, problems });
  const owners = new Set([...configured.keys(), ...files.filter(isEntry).map(folderOf)]);
  owners.delete('');
  const functions = [...configured.values()].flatMap((one) => (one === undefined ? [] : [make(one.name, one.file)]));
  for (const file of files) {
    if (!CODE.test(file) || NOT_A_FUNCTION.test(file)) continue;
    const parent = folderOf(file);
    const owner = ancestors(parent).find((one) => owners.has(one));
    if (isEntry(file)) {
      if (parent === '')
        problems.push({
          file: prefix + file,
          message: `Cannot name a function after ${prefix + file}: rename it to what the function shall be called, or move it into a folder of that name.`,
        });
      else if (!configured.has(parent) && (owner === parent || (rules.nestedEntries && stemOf(file) === 'entry')))
        functions.push(make(parent, file));
    } else if (owner === undefined) {
      functions.push(make(parent === '' ? stemOf(file) : `${parent}/${stemOf(file)}`, file));
    }
  }
  return { functions, problems };
}

interface SettingsSearch {
  readonly files: readonly string[];
  readonly prefix: string;
  readonly listing: ProjectListing;
  readonly problems: ProjectProblem[];
}

/** By folder: name and file of the function that a settings file there names; undefined where it is no good. */
function readSettingsFiles({ files, prefix, listing, problems }: SettingsSearch): Map<string, { name: string; file: string } | undefined> {
  const found = new Map<string, { name: string; file: string } | undefined>();
  for (const file of files) {
    const parent = folderOf(file);
    if (parent === '' || !SETTINGS.test(baseOf(file)) || found.has(parent)) continue;
    const settings = readFunctionSettingsFile(prefix + file, listing.texts.get(prefix + file) ?? '');
    if (isProblem(settings)) {
      problems.push(settings);
      found.set(parent, undefined);
      continue;
    }
    const entries =
      settings.entry === undefined
        ? files.filter((one) => folderOf(one) === parent && isEntry(one))
        : files.filter((one) => one === `${parent}/${settings.entry}`);
    const entry = entries[0];
    if (entry === undefined || entries.length > 1) {
      const wanted = settings.entry ?? 'index.ts or entry.ts';
      problems.push({
        file: prefix + file,
        message:
          entry === undefined
            ? `Cannot find ${wanted} beside ${prefix + file}.`
            : `Cannot choose between ${entries.join(' and ')}: name one as "entry".`,
      });
      found.set(parent, undefined);
      continue;
    }
    found.set(parent, { name: settings.name ?? parent, file: entry });
  }
  return found;
}

/** Private parts begin with `_` or `.`; `shared` holds code that functions import. */
function isVisible(file: string): boolean {
  const segments = file.split('/');
  return (
    segments[0] !== 'shared' &&
    !segments.some((segment) => segment.startsWith('_') || segment.startsWith('.') || segment === 'node_modules')
  );
}

function isEntry(file: string): boolean {
  return CODE.test(file) && !NOT_A_FUNCTION.test(file) && ENTRY_STEMS.has(stemOf(file));
}

/** The outermost folder first: the first owner is the one that counts. */
function ancestors(folder: string): string[] {
  const segments = folder === '' ? [] : folder.split('/');
  return segments.map((_, index) => segments.slice(0, index + 1).join('/'));
}

function folderOf(file: string): string {
  const slash = file.lastIndexOf('/');
  return slash === -1 ? '' : file.slice(0, slash);
}

function baseOf(file: string): string {
  return file.slice(file.lastIndexOf('/') + 1);
}

function stemOf(file: string): string {
  return baseOf(file).replace(CODE, '');
}
