/**
 * Contexts: servers that a person works with, each with its project and key, kept in a file of the person's
 * configuration folder. It holds keys, so it is made for its owner only, and not read when others may read or write it.
 */
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { CliError, usageError } from '../cli-error.ts';

const contextSchema = z.object({ url: z.string(), project: z.string(), apiKey: z.string().optional() });
const fileSchema = z.object({ current: z.string().optional(), contexts: z.record(z.string(), contextSchema) });

export type Context = z.infer<typeof contextSchema>;
export type Contexts = z.infer<typeof fileSchema>;

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const NONE: Contexts = { contexts: {} };

export function contextsFile(env: NodeJS.ProcessEnv): string {
  const folder = env['XDG_CONFIG_HOME'] || (process.platform === 'win32' ? env['APPDATA'] : undefined);
  return join(folder || join(env['HOME'] || homedir(), '.config'), 'martlet', 'contexts.json');
}

/** @throws {CliError} for a file that is not safe to use, or not what this command writes */
export async function readContexts(env: NodeJS.ProcessEnv): Promise<Contexts> {
  const path = contextsFile(env);
  let text: string;
  try {
    const { uid, mode } = await stat(path);
    const mine = process.getuid === undefined || uid === process.getuid();
    if (!mine || (process.platform !== 'win32' && (mode & 0o077) !== 0))
      throw new CliError(`Cannot use ${path}: it holds keys, and others than you may read or write it.`, {
        next: mine ? `chmod 600 ${path}` : 'Set XDG_CONFIG_HOME to a folder of your own.',
      });
    text = await readFile(path, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT' || code === 'ENOTDIR') return NONE;
    if (error instanceof CliError) throw error;
    throw new CliError(`Cannot read ${path}: ${error instanceof Error ? error.message : String(error)}.`, { cause: error });
  }
  try {
    return fileSchema.parse(JSON.parse(text));
  } catch {
    // Without the cause: the words of the parser quote the file, which holds keys.
    throw new CliError(`Cannot read ${path}: it is not what martlet context writes.`, {
      next: `rm ${path}, then martlet login again.`,
    });
  }
}

/** Written under another name first: a crash leaves the old file or the new one. */
export async function writeContexts(env: NodeJS.ProcessEnv, contexts: Contexts): Promise<void> {
  const path = contextsFile(env);
  const unfinished = `${path}.${process.pid}`;
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await rm(unfinished, { force: true });
  await writeFile(unfinished, `${JSON.stringify(contexts, undefined, 2)}\n`, { mode: 0o600, flag: 'wx' });
  await rename(unfinished, path);
}

/** @throws {CliError} for a name that cannot be one */
export function assertContextName(name: string): void {
  if (!NAME.test(name))
    throw usageError(
      `Cannot use ${JSON.stringify(name)} as the name of a context: it must be made of letters, digits, dots, hyphens and underscores, 64 at most.`,
      'martlet context add production --url https://functions.example.com',
    );
}

/** @throws {CliError} when there is none of this name */
export function requireContext({ contexts }: Contexts, name: string): Context {
  const found = Object.hasOwn(contexts, name) ? contexts[name] : undefined;
  if (found !== undefined) return found;
  const names = Object.keys(contexts);
  throw usageError(
    `Cannot find the context "${name}"${names.length === 0 ? ': there are none yet' : `: there are ${names.join(', ')}`}.`,
    'martlet context list, or martlet login --url https://…',
  );
}

export function withContext(all: Contexts, name: string, context: Context): Contexts {
  return { ...all, contexts: { ...all.contexts, [name]: context } };
}

export function withoutContext({ current, contexts }: Contexts, name: string): Contexts {
  const { [name]: _, ...rest } = contexts;
  return current === undefined || current === name ? { contexts: rest } : { current, contexts: rest };
}
