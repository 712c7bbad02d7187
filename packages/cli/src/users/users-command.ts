/** `martlet users list | get | create | block | unblock | labels | delete | sessions | token` */
import type { SessionResource, UserResource } from '@martlet/protocol';
import type { Command } from 'commander';
import type { ApiClient } from '../api/api-client.ts';
import { limitQuery } from '../api/function-lookup.ts';
import { usageError } from '../cli-error.ts';
import type { Action, CommandContext } from '../command-context.ts';
import { readStandardInput } from '../terminal/standard-input.ts';
import type { Output } from '../terminal/output.ts';
import { printable } from '../terminal/style.ts';
import { ago } from '../terminal/units.ts';

interface ListOptions {
  readonly search?: string;
  readonly limit?: string;
}
interface CreateOptions {
  readonly id?: string;
  readonly name?: string;
  readonly password?: boolean;
}
interface SessionsOptions {
  readonly end?: string | true;
}
interface TokenOptions {
  readonly seconds?: string;
}

const LIMIT_MAX = 5000;

export function registerUsers(program: Command, action: Action): void {
  const users = program.command('users').description('users of the project');
  users
    .command('list')
    .description('list the users')
    .option('--search <words>', 'that occur in id, name or e-mail')
    .option('--limit <n>', 'how many at most', String(LIMIT_MAX))
    .action(action(listUsers));
  users.command('get').description('show a user').argument('<user>', 'id').action(action(getUser));
  users
    .command('create')
    .description('create a user')
    .argument('[email]', 'to sign in with')
    .option('--id <id>', 'default: a fresh one')
    .option('--name <name>', 'for people')
    .option('--password', 'read a password from standard input')
    .action(action(createUser));
  users
    .command('block')
    .description('let a user no longer in; every session ends at once')
    .argument('<user>', 'id')
    .action(action((context: CommandContext, [id]: readonly [string]) => setStatus(context, id, false)));
  users
    .command('unblock')
    .description('let a user in again')
    .argument('<user>', 'id')
    .action(action((context: CommandContext, [id]: readonly [string]) => setStatus(context, id, true)));
  users
    .command('labels')
    .description('replace the labels of a user; execute roles name them as label:<label>')
    .argument('<user>', 'id')
    .argument('[labels...]', 'none: without labels')
    .action(action(setLabels));
  users.command('delete').description('delete a user').argument('<user>', 'id').action(action(deleteUser));
  users
    .command('sessions')
    .description('list the sessions of a user, or end them')
    .argument('<user>', 'id')
    .option('--end [session]', 'end this session, or all of them')
    .action(action(showSessions));
  users
    .command('token')
    .description('print a short token of a user, to call functions as that user')
    .argument('<user>', 'id')
    .option('--seconds <n>', 'how long it is good, at most 3600', '900')
    .action(action(printToken));
}

async function listUsers({ connect, out }: CommandContext, _: readonly [], { search, limit }: ListOptions): Promise<void> {
  const count = wholeNumber('--limit', limit ?? '', LIMIT_MAX);
  const api = await connect();
  const list = await api.get<{ total: number; users: UserResource[] }>('/users', { queries: [limitQuery(count)], search });
  out.table(list, ['user', 'e-mail', 'name', 'status', 'created', 'seen', 'labels'], () =>
    list.users.map((user) => [
      user.$id,
      user.email || (user.issuer === '' ? '' : `${user.subject} of ${user.issuer}`),
      user.name,
      user.status ? 'active' : 'blocked',
      ago(user.$createdAt, Date.now()),
      ago(user.accessedAt, Date.now()) || 'never',
      user.labels.join(' '),
    ]),
  );
}

async function getUser({ connect, out }: CommandContext, [id]: readonly [string]): Promise<void> {
  const user = await (await connect()).get<UserResource>(pathOf(id));
  out.result(user, () => [
    `${out.style.bold(printable(user.$id))}  ${user.status ? 'active' : 'blocked'}`,
    ...(user.name === '' ? [] : [`name     ${printable(user.name)}`]),
    ...(user.email === '' ? [] : [`e-mail   ${printable(user.email)}${user.emailVerification ? '' : ' (not verified)'}`]),
    ...(user.issuer === '' ? [] : [`issuer   ${printable(user.issuer)}, as ${printable(user.subject)}`]),
    `created  ${ago(user.$createdAt, Date.now())}, seen ${ago(user.accessedAt, Date.now()) || 'never'}`,
    ...(user.labels.length === 0 ? [] : [`labels   ${user.labels.join(' ')}`]),
  ]);
}

async function createUser(
  { connect, out }: CommandContext,
  [email]: readonly [string?],
  { id, name, password }: CreateOptions,
): Promise<void> {
  if (password === true && email === undefined)
    throw usageError('Cannot set a password for a user without an e-mail address.', 'martlet users create ann@example.com --password');
  const secret = password === true ? (await readStandardInput()).toString().replace(/\r?\n$/, '') : undefined;
  const api = await connect();
  const user = await api.send<UserResource>('POST', '/users', {
    userId: id ?? 'unique()',
    ...(email !== undefined && { email }),
    ...(name !== undefined && { name }),
    ...(secret !== undefined && { password: secret }),
  });
  done(out, user, `created${user.email === '' ? '' : ` for ${user.email}`}`);
}

async function setStatus({ connect, out }: CommandContext, id: string, status: boolean): Promise<void> {
  const user = await (await connect()).send<UserResource>('PATCH', `${pathOf(id)}/status`, { status });
  done(out, user, status ? 'may sign in again' : 'is blocked; every session has ended');
}

async function setLabels({ connect, out }: CommandContext, [id, labels]: readonly [string, string[]]): Promise<void> {
  const user = await (await connect()).send<UserResource>('PUT', `${pathOf(id)}/labels`, { labels });
  done(out, user, user.labels.length === 0 ? 'has no labels' : `has the labels ${user.labels.join(', ')}`);
}

async function deleteUser({ connect, out }: CommandContext, [id]: readonly [string]): Promise<void> {
  await (await connect()).send('DELETE', pathOf(id));
  out.result({ deleted: id }, () => [`${out.style.green('✓')} ${printable(id)}  deleted`]);
}

async function showSessions({ connect, out }: CommandContext, [id]: readonly [string], { end }: SessionsOptions): Promise<void> {
  const api = await connect();
  if (end !== undefined) return endSessions({ api, out }, id, end);
  const list = await api.get<{ total: number; sessions: SessionResource[] }>(`${pathOf(id)}/sessions`);
  out.table(list, ['session', 'by', 'created', 'expires', 'address', 'client'], () =>
    list.sessions.map((session) => [
      session.$id,
      session.provider,
      ago(session.$createdAt, Date.now()),
      session.expire.slice(0, 10),
      session.ip,
      session.clientName.slice(0, 40),
    ]),
  );
}

async function endSessions({ api, out }: { api: ApiClient; out: Output }, id: string, end: string | true): Promise<void> {
  await api.send('DELETE', `${pathOf(id)}/sessions${end === true ? '' : `/${encodeURIComponent(end)}`}`);
  const what = end === true ? 'all sessions have ended' : `session ${printable(end)} has ended`;
  out.result({ ended: end === true ? 'all' : end }, () => [`${out.style.green('✓')} ${printable(id)}  ${what}`]);
}

async function printToken({ connect, out }: CommandContext, [id]: readonly [string], { seconds }: TokenOptions): Promise<void> {
  const jwt = await userToken(await connect(), id, wholeNumber('--seconds', seconds ?? '', 3600));
  out.result({ jwt }, () => [jwt]);
}

/** Needs a key with `users.write`. */
export async function userToken(api: ApiClient, id: string, seconds: number): Promise<string> {
  const { jwt } = await api.send<{ jwt: string }>('POST', `${pathOf(id)}/jwts`, { duration: seconds });
  return jwt;
}

function done(out: Output, user: UserResource, what: string): void {
  out.result(user, () => [`${out.style.green('✓')} ${printable(user.$id)}  ${printable(what)}`]);
}

const pathOf = (id: string): string => `/users/${encodeURIComponent(id)}`;

function wholeNumber(name: string, text: string, max: number): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > max)
    throw usageError(`Cannot use ${JSON.stringify(text)} as ${name}: it is not a whole number from 1 to ${max}.`);
  return value;
}
