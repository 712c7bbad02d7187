/**
 * Which server a command talks to: flags, then the environment, then what `martlet dev` left in the project folder, then
 * the context in use. A context that is named comes before the folder. URL, project and key are chosen one by one, but a
 * key from a file only ever goes to the server that it belongs to.
 */
import { lstat, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { z } from 'zod';
import { CliError, usageError } from '../cli-error.ts';
import { readContexts, requireContext } from '../contexts/contexts.ts';

export const DEFAULT_URL = 'http://127.0.0.1:8787';
export const DEFAULT_PROJECT = 'default';
const CONNECTION_FILE = join('.martlet', 'connection.json');

export interface Connection {
  /** Origin without a trailing slash. */
  readonly url: string;
  readonly project: string;
  readonly key: string | undefined;
}

const fileSchema = z.object({ url: z.string(), project: z.string(), apiKey: z.string().optional(), pid: z.number().optional() });
export type ConnectionFile = z.infer<typeof fileSchema>;

export interface ConnectionFlags {
  readonly url?: string;
  readonly project?: string;
  readonly key?: string;
  /** Name of a stored context. */
  readonly context?: string;
}

export interface ConnectionSources {
  readonly flags: ConnectionFlags;
  readonly env: NodeJS.ProcessEnv;
  readonly folder: string;
}

/** @throws {CliError} for an address that is no http(s) URL, or a connection file that is not safe to use */
export async function resolveConnection({ flags, env, folder }: ConnectionSources): Promise<Connection> {
  const chosenUrl = flags.url ?? nonEmpty(env['MARTLET_URL']);
  const chosenKey = flags.key ?? nonEmpty(env['MARTLET_API_KEY']);
  const chosenProject = flags.project ?? nonEmpty(env['MARTLET_PROJECT']);
  const stored = await storedConnections({ flags, env, folder });
  const url = originOf(chosenUrl ?? stored[0]?.url ?? DEFAULT_URL);
  // A key must not follow an address from elsewhere: it would be handed to whoever is there.
  const own = stored.find((one) => originOf(one.url) === url);
  return { url, project: chosenProject ?? own?.project ?? DEFAULT_PROJECT, key: chosenKey ?? own?.apiKey };
}

/** What files say, the first one first. A context that is named is the only one. */
async function storedConnections({ flags, env, folder }: ConnectionSources): Promise<Pick<ConnectionFile, 'url' | 'project' | 'apiKey'>[]> {
  const named = flags.context ?? nonEmpty(env['MARTLET_CONTEXT']);
  const file = named === undefined ? await findConnectionFile(folder) : undefined;
  const contexts = await readContexts(env);
  const context = named ?? contexts.current;
  const found =
    context === undefined || (named === undefined && !Object.hasOwn(contexts.contexts, context))
      ? undefined
      : requireContext(contexts, context);
  return [file, found].filter((one) => one !== undefined);
}

/** Written with mode 0600, since it holds a key. */
export async function writeConnectionFile(folder: string, content: ConnectionFile): Promise<void> {
  const path = join(folder, CONNECTION_FILE);
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  // `mode` counts only for a new file; an old one may be open to others.
  await rm(path, { force: true });
  await writeFile(path, `${JSON.stringify(content, undefined, 2)}\n`, { mode: 0o600 });
}

/** Removes the file if it is still the one of this process. */
export async function removeConnectionFile(folder: string, pid: number): Promise<void> {
  const path = join(folder, CONNECTION_FILE);
  const content = await readConnectionFile(path);
  if (content?.pid === pid) await rm(path, { force: true });
}

async function findConnectionFile(start: string): Promise<ConnectionFile | undefined> {
  for (let folder = resolve(start); ; folder = dirname(folder)) {
    const found = await readConnectionFile(join(folder, CONNECTION_FILE));
    if (found !== undefined || folder === dirname(folder)) return found;
  }
}

async function readConnectionFile(path: string): Promise<ConnectionFile | undefined> {
  try {
    const { uid, mode } = await lstat(path);
    // A folder above the project may belong to anybody, /tmp for one; its file could send secrets to a stranger.
    const mine = process.getuid === undefined || uid === process.getuid();
    if (!mine || (mode & 0o022) !== 0) return undefined;
    return fileSchema.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EACCES') return undefined;
    throw new CliError(
      `Cannot read ${path}: ${error instanceof SyntaxError || error instanceof z.ZodError ? 'it is not what martlet dev writes' : String(error)}.`,
      { next: `rm ${path}, then start martlet dev again.`, cause: error },
    );
  }
}

/** @throws {CliError} for what is no http(s) URL */
export function originOf(url: string): string {
  try {
    const { origin, protocol } = new URL(url);
    if (protocol === 'http:' || protocol === 'https:') return origin;
  } catch {
    // The error below says it for both.
  }
  throw usageError(
    `Cannot use ${JSON.stringify(url)} as the address of a server: it is not an http or https URL.`,
    'martlet functions list --url http://127.0.0.1:8787',
  );
}

function nonEmpty(value: string | undefined): string | undefined {
  return value === '' ? undefined : value;
}
