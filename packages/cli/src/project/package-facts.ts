/** What the project's `package.json` means for its functions. Pure. */
import { z } from 'zod';
import { roleSchema } from '@martlet/protocol';
import type { ProjectListing, ProjectProblem } from './project.ts';

const packageSchema = z.object({
  dependencies: z.record(z.string(), z.unknown()).default({}),
  martlet: z.strictObject({ execute: z.array(roleSchema).optional() }).default({}),
});

export interface PackageFacts {
  /** `npm ci` with a lock file, `npm install` without; empty when there are no dependencies. */
  readonly commands: string;
  /** Roles that new functions get, from `"martlet": { "execute": […] }`. */
  readonly execute: readonly string[] | undefined;
  readonly problems: readonly ProjectProblem[];
}

const FILE = 'package.json';
const NOTHING: PackageFacts = { commands: '', execute: undefined, problems: [] };

export function readPackage(listing: ProjectListing): PackageFacts {
  const text = listing.texts.get(FILE);
  if (text === undefined) return NOTHING;
  const problem = (message: string): PackageFacts => ({ ...NOTHING, problems: [{ file: FILE, message }] });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return problem(`Cannot read it as JSON: ${error instanceof Error ? error.message : String(error)}.`);
  }
  const parsed = packageSchema.safeParse(value);
  if (!parsed.success)
    return problem(`Cannot use it: ${parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; ')}.`);
  const install = listing.files.includes('package-lock.json') ? 'npm ci' : 'npm install';
  return {
    commands: Object.keys(parsed.data.dependencies).length > 0 ? install : '',
    execute: parsed.data.martlet.execute,
    problems: [],
  };
}
