/** `martlet invoke <name>`: calls a function as any client would, and shows the answer. */
import type { Command } from 'commander';
import { functionNameProblem } from '@martlet/protocol';
import { readAnswer, type Answer } from '../../api/answer.ts';
import type { ApiClient } from '../../api/api-client.ts';
import { remedyOf, usageError } from '../../cli-error.ts';
import { collect, wholeNumber } from '../../command-options.ts';
import type { Action, CommandContext } from '../../command-context.ts';
import { userToken } from '../../users/users-command.ts';
import { contentTypeOf, parseHeaders, readData } from '../request-options.ts';
import { invokeLater, isForLater, type CallerIdentity, type LaterOptions } from './invoke-later.ts';
import type { Output } from '../../terminal/output.ts';
import { printable } from '../../terminal/style.ts';
import { duration } from '../../terminal/units.ts';

/** Longer than any function may run. */
const TOKEN_SECONDS = 1200;

interface InvokeOptions extends LaterOptions {
  readonly method?: string;
  readonly path: string;
  readonly header?: readonly string[];
  readonly data?: string;
  readonly as: string;
}

export function registerInvoke(program: Command, action: Action): void {
  program
    .command('invoke')
    .description('call a function; the body goes to stdout, status and timing to stderr')
    .argument('<name>', 'function')
    .option('-d, --data <data>', 'body: text, @file, or - for standard input; JSON is recognised')
    .option('-X, --method <method>', 'default: POST with data, and for --async; else GET')
    .option('-p, --path <path>', 'path and query below the function, e.g. /items?page=2', '')
    .option('-H, --header <header>', 'name: value; may be repeated', collect)
    .option('--as <caller>', 'anonymous, service (with the API key, which may call every function), or user:<id>', 'anonymous')
    .option('--async', 'do not wait for the answer: the execution is stored, and runs even if the server restarts')
    .option('--at <time>', 'run it at this time, e.g. 2027-01-31T18:00; with it, and all below, --async is understood')
    .option('--in <span>', 'run it after this time, e.g. 30s, 10m, 2h')
    .option('--expires <span>', 'do not run it later than this after it was due')
    .option('--priority <n>', 'higher runs first, within the function; -100 to 100', wholeNumber(-100, 100))
    .option('--concurrency-key <key>', 'of one function, one execution with the same key runs at a time')
    .option('--idempotency-key <key>', 'the same key again gives the same execution, and starts nothing')
    .option('--wait', 'wait until it has ended, and show how')
    .action(action(invoke));
}

async function invoke({ connect, out, folder }: CommandContext, [name]: readonly [string], options: InvokeOptions): Promise<number> {
  const problem = functionNameProblem(name);
  if (problem !== undefined) throw usageError(`Cannot call ${JSON.stringify(name)}: ${problem}.`);
  const caller = parseCaller(options.as);
  const headers = parseHeaders(options.header ?? []);
  const body = options.data === undefined ? undefined : await readData(options.data, folder);
  if (body !== undefined && !headers.has('content-type')) headers.set('content-type', contentTypeOf(body));
  const method = (options.method ?? (body === undefined && !isForLater(options) ? 'GET' : 'POST')).toUpperCase();
  if (body !== undefined && (method === 'GET' || method === 'HEAD'))
    throw usageError(`Cannot send data with ${method}.`, `martlet invoke ${name} --method POST --data …`);
  const api = await connect();
  const identity = await identify(api, options.as, caller);
  if (isForLater(options)) return invokeLater({ api, out, name, options, identity, headers, method, body });
  for (const [header, value] of Object.entries(identity.headers)) headers.set(header, value);
  const began = performance.now();
  const response = await api.fetch(
    urlPath(name, options.path),
    { method, headers, ...(body === undefined ? {} : { body: new Uint8Array(body) }) },
    identity.credentials,
  );
  const answer = await readAnswer(api.connection.url, response);
  show(out, answer, performance.now() - began);
  return answer.ok ? 0 : 1;
}

/** The key makes a token of the user; the call itself goes without the key, so that it may do what the user may. */
async function identify(api: ApiClient, as: string, caller: Caller): Promise<CallerIdentity> {
  if (caller.kind !== 'anonymous' && api.connection.key === undefined)
    throw usageError(`Cannot call as ${as}: there is no API key.`, 'Use --key or MARTLET_API_KEY.');
  if (caller.kind !== 'user') return { credentials: caller.kind === 'service' ? 'with-key' : 'without-key', headers: {} };
  return { credentials: 'without-key', headers: { 'x-appwrite-jwt': await userToken(api, caller.id, TOKEN_SECONDS) } };
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

/** The path is the caller's to choose; the name is made safe for a URL, its slashes stay. */
function urlPath(name: string, path: string): string {
  const below = path === '' || path.startsWith('/') || path.startsWith('?') ? path : `/${path}`;
  return `/functions/${name.split('/').map(encodeURIComponent).join('/')}${below}`;
}
