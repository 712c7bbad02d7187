/** `martlet invoke <name>`: calls a function as any client would, and shows the answer. */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { functionNameProblem } from '@martlet/protocol';
import { readAnswer, type Answer } from '../api/answer.ts';
import { CliError, remedyOf, usageError } from '../cli-error.ts';
import type { Action, CommandContext } from '../command-context.ts';
import { userToken } from '../users/users-command.ts';
import { readStandardInput } from '../terminal/standard-input.ts';
import type { Output } from '../terminal/output.ts';
import { printable } from '../terminal/style.ts';
import { duration } from '../terminal/units.ts';

/** Longer than any function may run. */
const TOKEN_SECONDS = 1200;

interface InvokeOptions {
  readonly method?: string;
  readonly path: string;
  readonly header: readonly string[];
  readonly data?: string;
  readonly as: string;
}

export function registerInvoke(program: Command, action: Action): void {
  program
    .command('invoke')
    .description('call a function; the body goes to stdout, status and timing to stderr')
    .argument('<name>', 'function')
    .option('-d, --data <data>', 'body: text, @file, or - for standard input; JSON is recognised')
    .option('-X, --method <method>', 'default: POST with data, else GET')
    .option('-p, --path <path>', 'path and query below the function, e.g. /items?page=2', '')
    .option('-H, --header <header>', 'name: value; may be repeated', (value: string, all: string[]) => [...all, value], [])
    .option('--as <caller>', 'anonymous, service (with the API key, which may call every function), or user:<id>', 'anonymous')
    .action(action(invoke));
}

async function invoke({ connect, out, folder }: CommandContext, [name]: readonly [string], options: InvokeOptions): Promise<number> {
  const problem = functionNameProblem(name);
  if (problem !== undefined) throw usageError(`Cannot call ${JSON.stringify(name)}: ${problem}.`);
  const caller = parseCaller(options.as);
  const headers = parseHeaders(options.header);
  const body = options.data === undefined ? undefined : await readData(options.data, folder);
  if (body !== undefined && !headers.has('content-type')) headers.set('content-type', contentTypeOf(body));
  const method = (options.method ?? (body === undefined ? 'GET' : 'POST')).toUpperCase();
  if (body !== undefined && (method === 'GET' || method === 'HEAD'))
    throw usageError(`Cannot send data with ${method}.`, `martlet invoke ${name} --method POST --data …`);
  const api = await connect();
  if (caller.kind !== 'anonymous' && api.connection.key === undefined)
    throw usageError(`Cannot call as ${options.as}: there is no API key.`, 'Use --key or MARTLET_API_KEY.');
  // The key makes a token of the user; the call itself goes without the key, so that it may do what the user may.
  if (caller.kind === 'user') headers.set('x-appwrite-jwt', await userToken(api, caller.id, TOKEN_SECONDS));
  const began = performance.now();
  const response = await api.fetch(
    urlPath(name, options.path),
    { method, headers, ...(body === undefined ? {} : { body: new Uint8Array(body) }) },
    caller.kind === 'service' ? 'with-key' : 'without-key',
  );
  const answer = await readAnswer(api.connection.url, response);
  show(out, answer, performance.now() - began);
  return answer.ok ? 0 : 1;
}

type Caller = { readonly kind: 'anonymous' | 'service' } | { readonly kind: 'user'; readonly id: string };

function parseCaller(as: string): Caller {
  if (as === 'anonymous' || as === 'service') return { kind: as };
  if (as.startsWith('user:') && as.length > 5) return { kind: 'user', id: as.slice(5) };
  throw usageError(`Cannot call as ${JSON.stringify(as)}: it is neither anonymous nor service nor user:<id>.`);
}

function show(out: Output, answer: Answer, milliseconds: number): void {
  const { green, red, dim, bold } = out.noteStyle;
  out.result(
    {
      status: answer.status,
      headers: answer.headers,
      body: answer.body,
      ...(answer.encoding === undefined ? {} : { encoding: answer.encoding }),
      executionId: answer.executionId,
    },
    () => [],
  );
  if (!out.json) showBody(out, answer);
  const facts = [
    `${answer.status} ${answer.statusText}`.trim(),
    duration(milliseconds),
    ...(answer.executionId === '' ? [] : [`execution ${answer.executionId}`]),
  ];
  out.note(`${answer.ok ? green('✓') : red('✗')} ${facts.map((fact) => dim(printable(fact))).join('  ')}`);
  if (answer.ok) return;
  const remedy = remedyOf(answer.errorCode);
  if (answer.errorCode === 'user_unauthorized')
    out.note(`  ${bold('Next:')} the function is not open to everybody; call it with --as service or --as user:<id>.`);
  else if (answer.executionId !== '')
    out.note(`  ${bold('Next:')} martlet executions get ${printable(answer.executionId)}${remedy === undefined ? '' : `. ${remedy}`}`);
  else if (remedy !== undefined) out.note(`  ${bold('Next:')} ${remedy}`);
}

/** To a terminal: readable, and without control characters. Elsewhere: the very bytes. */
function showBody(out: Output, answer: Answer): void {
  if (!out.stdoutIsTerminal) out.write(answer.bytes);
  else if (answer.encoding === 'base64') out.note(`(${answer.bytes.length} bytes that are no text; redirect stdout to a file)`);
  else if (typeof answer.body !== 'string') out.print(JSON.stringify(answer.body, undefined, 2));
  else for (const line of answer.body.split('\n')) out.print(printable(line));
}

function parseHeaders(lines: readonly string[]): Headers {
  const headers = new Headers();
  for (const line of lines) {
    const colon = line.indexOf(':');
    try {
      if (colon < 1) throw new TypeError('it has no colon');
      headers.append(line.slice(0, colon).trim(), line.slice(colon + 1).trim());
    } catch (error) {
      throw usageError(
        `Cannot use the header ${JSON.stringify(line)}: ${error instanceof Error ? error.message : String(error)}.`,
        `--header 'name: value'`,
      );
    }
  }
  return headers;
}

async function readData(data: string, folder: string): Promise<Buffer> {
  if (data === '-') return readStandardInput();
  if (!data.startsWith('@')) return Buffer.from(data);
  const path = resolve(folder, data.slice(1));
  try {
    return await readFile(path);
  } catch (error) {
    throw new CliError(`Cannot read ${path}: ${error instanceof Error ? error.message : String(error)}.`, { exitCode: 2, cause: error });
  }
}

function contentTypeOf(body: Buffer): string {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(body);
  } catch {
    return 'application/octet-stream';
  }
  try {
    JSON.parse(text);
    return 'application/json';
  } catch {
    return 'text/plain; charset=utf-8';
  }
}

/** The path is the caller's to choose; the name is made safe for a URL, its slashes stay. */
function urlPath(name: string, path: string): string {
  const below = path === '' || path.startsWith('/') || path.startsWith('?') ? path : `/${path}`;
  return `/functions/${name.split('/').map(encodeURIComponent).join('/')}${below}`;
}
