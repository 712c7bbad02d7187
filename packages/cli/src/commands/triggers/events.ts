/** `martlet events send | list | why` */
import { setTimeout as sleep } from 'node:timers/promises';
import type { EventResource } from '@martlet/protocol';
import { Option, type Command } from 'commander';
import type { ApiClient } from '../../api/api-client.ts';
import { findEvent, readEventStory, type EventList, type EventStory } from '../../api/event-lookup.ts';
import { equalQuery, limitQuery, newestFirstQuery } from '../../api/function-lookup.ts';
import { CliError, usageError } from '../../cli-error.ts';
import { wholeNumber } from '../../command-options.ts';
import type { Action, CommandContext } from '../../command-context.ts';
import type { Output } from '../../terminal/output.ts';
import { readTime } from '../../terminal/read-time.ts';
import { printable } from '../../terminal/style.ts';
import { wentWell } from '../../terminal/timeline.ts';
import { ago, bytes } from '../../terminal/units.ts';
import { tellEvent } from '../executions/why.ts';
import { contentTypeOf, readData, textOf } from '../request-options.ts';

interface SendOptions {
  readonly source: string;
  readonly subject?: string;
  readonly id?: string;
  readonly time?: string;
  readonly data?: string;
  readonly contentType?: string;
  readonly wait?: boolean;
}
interface ListOptions {
  readonly type?: string;
  readonly source?: string;
  readonly by?: EventResource['origin'];
  readonly limit: number;
}
interface Sent {
  readonly id: string;
  readonly source: string;
  readonly new: boolean;
}

/** Of what a person sends by hand, where nothing else is said. */
const SOURCE = '/martlet-cli';
const DISPATCHED_WITHIN_MS = 10_000;

export function registerEvents(program: Command, action: Action): void {
  const events = program.command('events').description('what happened, and which functions it started');
  events
    .command('send')
    .description('send an event; every function that listens to its type is started once')
    .argument('<type>', 'name of the event, e.g. orders.created')
    .option('-s, --source <source>', 'where it happened, as a URI or a path', SOURCE)
    .option('--subject <subject>', 'what it is about, e.g. an id')
    .option('--id <id>', 'of the event at its source: the same id again is the same event; default: a fresh one')
    .option('--time <time>', 'when it happened; default: now')
    .option('-d, --data <data>', 'text, @file, or - for standard input; JSON is recognised')
    .option('--content-type <type>', 'of the data; default: by what it is')
    .option('--wait', 'wait until it has been told to those who listen, and show which functions it started')
    .action(action(sendEvent));
  events
    .command('list')
    .description('list events, newest first')
    .option('-t, --type <type>', 'only with this name')
    .option('-s, --source <source>', 'only from this source')
    .addOption(new Option('--by <origin>', 'only those that came so').choices(['platform', 'api', 'function', 'webhook']))
    .option('-n, --limit <count>', 'how many', wholeNumber(1, 5000), 20)
    .action(action(listEvents));
  events
    .command('why')
    .description('show which functions an event started, and why not others')
    .argument('[id]', 'of the event')
    .option('-s, --source <source>', 'its source, where several have used the id')
    .option('--id <id>', 'the same as the argument')
    .action(action(showWhy));
}

async function sendEvent({ connect, out, folder }: CommandContext, [type]: readonly [string], options: SendOptions): Promise<void> {
  const event = {
    specversion: '1.0',
    type,
    source: options.source,
    id: options.id ?? crypto.randomUUID(),
    subject: options.subject,
    time: options.time === undefined ? undefined : readTime(options.time, '--time').toISOString(),
    ...(options.data === undefined ? {} : dataOf(await readData(options.data, folder), options.contentType)),
  };
  const api = await connect();
  const { events } = await api.post<{ events: readonly Sent[] }>('/events', {
    body: event,
    headers: { 'content-type': 'application/cloudevents+json' },
  });
  const sent = events[0] ?? { id: event.id, source: event.source, new: true };
  const { green, yellow, dim } = out.noteStyle;
  out.note(
    sent.new
      ? `${green('✓')} ${type}  accepted  ${dim(`event ${sent.id} from ${sent.source}`)}`
      : `${yellow('!')} ${type}  ${sent.source} has sent an event ${sent.id} before: nothing was started again`,
  );
  if (options.wait === true) return showStory(out, await waitForDispatch(api, sent));
  out.result(sent, () => [sent.id]);
}

function dataOf(data: Uint8Array, given: string | undefined): object {
  const type = given ?? contentTypeOf(data);
  const text = textOf(data);
  if (text === undefined) return { datacontenttype: type, data_base64: Buffer.from(data).toString('base64') };
  if (!/^[^;]*[/+]json *(?:;|$)/i.test(type)) return { datacontenttype: type, data: text };
  try {
    return { datacontenttype: type, data: JSON.parse(text) as unknown };
  } catch (error) {
    throw usageError(`Cannot send the data as ${type}: ${error instanceof Error ? error.message : String(error)}.`);
  }
}

async function waitForDispatch(api: ApiClient, { source, id }: Sent): Promise<EventStory> {
  for (const deadline = Date.now() + DISPATCHED_WITHIN_MS; ;) {
    const story = await readEventStory(api, source, id);
    if (story.event.dispatchedAt !== '') return story;
    if (Date.now() > deadline)
      throw new CliError(`Cannot say what the event ${id} started: it is stored, and waits to be told to those who listen.`, {
        next: `martlet events why ${id} --source ${source}`,
      });
    await sleep(50);
  }
}

function showStory(out: Output, story: EventStory): void {
  const { green, yellow } = out.noteStyle;
  for (const { code, text } of story.lines) out.note(`  ${wentWell(code) ? green('→') : yellow('-')} ${printable(text)}`);
  out.result(story, () => [story.event.$id]);
}

async function listEvents({ connect, out }: CommandContext, _: readonly [], { type, source, by, limit }: ListOptions): Promise<void> {
  const api = await connect();
  const queries = [newestFirstQuery(), limitQuery(limit)];
  if (type !== undefined) queries.push(equalQuery('type', type));
  if (source !== undefined) queries.push(equalQuery('source', source));
  if (by !== undefined) queries.push(equalQuery('origin', by));
  const list = await api.get<EventList>('/events', { queries });
  if (list.events.length === 0) out.note('No events. Send one with martlet events send <type>.');
  out.table(list, ['type', 'source', 'id', 'subject', 'data', 'by', 'started', 'when'], () =>
    list.events.map((one) => [
      one.type,
      one.source,
      one.$id,
      one.subject,
      one.dataSize === 0 ? '' : bytes(one.dataSize),
      one.origin,
      one.dispatchedAt === '' ? 'waits' : one.started === 0 ? 'nothing' : String(one.started),
      ago(one.$createdAt, Date.now()),
    ]),
  );
}

async function showWhy(
  { connect, out }: CommandContext,
  [given]: readonly [string | undefined],
  { source, id = given }: { readonly source?: string; readonly id?: string },
): Promise<void> {
  if (id === undefined) throw usageError('Cannot show why: the id of the event is missing.', 'martlet events why <id>');
  const api = await connect();
  const from = source ?? (await findEvent(api, id))?.source;
  if (from === undefined)
    throw new CliError(`Cannot find the event "${id}": no source has sent one with this id, or it is past retention.`, {
      next: 'martlet events list',
      code: 'event_not_found',
    });
  return tellEvent({ api, out }, from, id);
}
