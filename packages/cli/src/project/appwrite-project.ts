/** Projects of Appwrite: a project file lists the functions, each with a folder and settings of its own. */
import { functionNameProblem } from '@martlet/protocol';
import { z } from 'zod';
import { isProblem, parseJsonc, staysInside } from './function-settings-file.ts';
import type { Project, ProjectFunction, ProjectFunctionSettings, ProjectListing, ProjectProblem } from './project.ts';

export const appwriteConfigNames: readonly string[] = ['appwrite.config.json', 'appwrite.json'];

const entrySchema = z.object({
  $id: z.string().min(1).max(36),
  name: z.string().min(1).max(128),
  path: z.string().optional(),
  entrypoint: z.string().min(1),
  commands: z.string().default(''),
  runtime: z.string().optional(),
  execute: z.array(z.string()).optional(),
  events: z.array(z.string()).optional(),
  scopes: z.array(z.string()).optional(),
  schedule: z.string().optional(),
  timeout: z.number().optional(),
  enabled: z.boolean().optional(),
  logging: z.boolean().optional(),
  ignore: z.union([z.string(), z.array(z.string())]).optional(),
});
type Entry = z.infer<typeof entrySchema>;
const configSchema = z.object({ functions: z.array(z.unknown()).default([]) });

export function findAppwriteFunctions(file: string, listing: ProjectListing): Pick<Project, 'functions' | 'problems'> {
  const value = parseJsonc(file, listing.texts.get(file) ?? '');
  if (isProblem(value)) return { functions: [], problems: [value] };
  const config = configSchema.safeParse(value);
  if (!config.success) return { functions: [], problems: [{ file, message: `Cannot read the project: ${z.prettifyError(config.error)}` }] };
  const functions: ProjectFunction[] = [];
  const problems: ProjectProblem[] = [];
  config.data.functions.forEach((raw, index) => {
    const at = `${file} functions[${index}]`;
    const entry = entrySchema.safeParse(raw);
    if (!entry.success) {
      problems.push({
        file: at,
        message: `Cannot read the function: ${entry.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; ')}.`,
      });
      return;
    }
    const found = toFunction(at, entry.data, listing);
    if (isProblem(found)) problems.push(found);
    else functions.push(found);
  });
  return { functions, problems };
}

function toFunction(at: string, entry: Entry, listing: ProjectListing): ProjectFunction | ProjectProblem {
  const root = (entry.path ?? `functions/${entry.name}`).replace(/^\.\//, '').replace(/\/+$/, '');
  const entrypoint = entry.entrypoint.replace(/^\.\//, '');
  if (!staysInside(root))
    return { file: at, message: `Cannot use the path ${JSON.stringify(root)}: it must lead to a folder inside the project.` };
  if (!staysInside(entrypoint))
    return { file: at, message: `Cannot use the entrypoint ${JSON.stringify(entrypoint)}: it must lead to a file inside ${root}.` };
  if (!listing.files.includes(`${root}/${entrypoint}`)) return { file: at, message: `Cannot find the entrypoint ${root}/${entrypoint}.` };
  return {
    // Their names are free text ("Send mail"); one that cannot be part of a URL is called by its id.
    name: functionNameProblem(entry.name) === undefined ? entry.name : entry.$id,
    file: `${root}/${entrypoint}`,
    root,
    entrypoint,
    commands: entry.commands,
    id: entry.$id,
    settings: settingsOf(entry),
    ignore: entry.ignore === undefined ? [] : [entry.ignore].flat(),
  };
}

const SETTING_KEYS = ['name', 'runtime', 'execute', 'events', 'scopes', 'schedule', 'timeout', 'enabled', 'logging'] as const;

function settingsOf(entry: Entry): ProjectFunctionSettings {
  return Object.fromEntries(SETTING_KEYS.flatMap((key) => (entry[key] === undefined ? [] : [[key, entry[key]]])));
}
