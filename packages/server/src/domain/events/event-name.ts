/**
 * What happened, and every name under which somebody can listen to it. Events of the platform come from resources, and
 * their names follow the contract; events from outside carry a name of their sender's choice.
 */
import { PlatformError } from '@martlet/protocol';
import { platformServices } from './platform-events.ts';

export interface PlatformEvent {
  readonly kind: 'platform';
  /** From the outermost resource to the one that changed: `[{ type: 'users', id: 'u1' }, { type: 'sessions', id: 's1' }]`. */
  readonly resources: readonly EventResource[];
  readonly action: string;
  /** What an `update` changed, where the event says so. */
  readonly attribute?: string;
}

export interface EventResource {
  readonly type: string;
  readonly id: string;
}

export interface CustomEvent {
  readonly kind: 'custom';
  readonly name: string;
}

export type FiredEvent = PlatformEvent | CustomEvent;

export const EVENT_NAME_LENGTH_MAX = 255;
const SEGMENTS_MIN = 2;
const SEGMENTS_MAX = 16;
const SEGMENT = /^[A-Za-z0-9_:/@+-]+$/;
/** Events with this first word come in as signed webhooks, and no other way. */
const WEBHOOKS = 'webhooks';
const RESERVED = new Set([...platformServices, WEBHOOKS, 'martlet']);

/**
 * Reads the name that a sender gave to an event.
 * @throws {PlatformError} `event_name_invalid`
 */
export function parseCustomEvent(name: string): CustomEvent {
  const problem = segmentsProblem(name.split('.'), SEGMENT) ?? reservedProblem(name);
  if (problem !== undefined) throw nameInvalid('send an event with the name', name, problem);
  return { kind: 'custom', name };
}

/**
 * The event of a webhook: `webhooks.<source>.<type>`.
 * @throws {PlatformError} `event_name_invalid`
 */
export function webhookEvent(source: string, type: string): CustomEvent {
  const name = `${WEBHOOKS}.${source}.${type}`;
  const problem = segmentsProblem(name.split('.'), SEGMENT);
  if (problem !== undefined) throw nameInvalid('take the event', name, problem);
  return { kind: 'custom', name };
}

/** The name that tells all: no wildcard, with action and attribute. */
export function concreteName(event: FiredEvent): string {
  if (event.kind === 'custom') return event.name;
  const { resources, action, attribute } = event;
  return [...resources.flatMap(({ type, id }) => [type, id]), action, ...(attribute === undefined ? [] : [attribute])].join('.');
}

/**
 * Every name that a listener may have written for an event of the platform, the concrete one first: with attribute, with
 * action, without, and those of the resources around it, each with `*` in place of any of the ids; then the same for the
 * names that the resource has beside its first (a row of a table is a document of a collection).
 */
export function eventNames(event: PlatformEvent): string[] {
  const names = [event.resources, ...mirrorsOf(event.resources)].flatMap((resources) => namesOf({ ...event, resources }));
  return [...new Set(names)];
}

function namesOf({ resources, action, attribute }: PlatformEvent): string[] {
  const endings = [...(attribute === undefined ? [] : [`.${action}.${attribute}`]), `.${action}`, ''];
  const around = resources.map((_, at) => resources.slice(0, at)).filter((outer) => outer.length > 0);
  return [
    ...endings.flatMap((ending) => withWildcards(resources).map((path) => path + ending)),
    ...around.reverse().flatMap(withWildcards),
  ];
}

/** `users.u1.sessions.s1` with each id and with `*`, in every combination. */
function withWildcards(resources: readonly EventResource[]): string[] {
  return resources.reduce<string[]>(
    (paths, { type, id }) => paths.flatMap((path) => [id, '*'].map((part) => `${path === '' ? '' : `${path}.`}${type}.${part}`)),
    [''],
  );
}

/** Databases have had three vocabularies; a listener of any of them hears of a change made through another. */
const VOCABULARIES: readonly (readonly string[])[] = [
  ['databases', 'collections', 'documents', 'attributes'],
  ['databases', 'tables', 'rows', 'columns'],
  ['tablesdb', 'tables', 'rows', 'columns'],
];

function mirrorsOf(resources: readonly EventResource[]): EventResource[][] {
  const own = VOCABULARIES.filter((words) => resources.every(({ type }) => words.includes(type) || type === 'indexes'));
  const [from] = own;
  if (from === undefined) return [];
  return VOCABULARIES.map((words) =>
    resources.map(({ type, id }) => ({ type: type === 'indexes' ? type : (words[from.indexOf(type)] ?? type), id })),
  );
}

/** What is wrong with the parts of a name or a pattern; undefined where nothing is. */
export function segmentsProblem(segments: readonly string[], allowed: RegExp): string | undefined {
  const { length } = segments.join('.');
  if (length > EVENT_NAME_LENGTH_MAX) return `it has ${length} characters; at most ${EVENT_NAME_LENGTH_MAX}`;
  if (segments.length < SEGMENTS_MIN || segments.length > SEGMENTS_MAX)
    return `it has ${segments.length} ${segments.length === 1 ? 'part' : 'parts'}; write ${SEGMENTS_MIN} to ${SEGMENTS_MAX} with dots between, such as order.created`;
  const wrong = segments.find((segment) => !allowed.test(segment));
  return wrong === undefined ? undefined : `its part ${JSON.stringify(wrong)} is not allowed; parts are letters, digits, and _ : / @ + -`;
}

function reservedProblem(name: string): string | undefined {
  const [first = ''] = name.split('.');
  return RESERVED.has(first) ? `names that begin with ${first}. are for events of the platform; put a word of your own first` : undefined;
}

export function nameInvalid(cannot: string, name: string, problem: string): PlatformError {
  return new PlatformError('event_name_invalid', `Cannot ${cannot} ${JSON.stringify(name.slice(0, 80))}: ${problem}.`);
}
