/**
 * An event from outside, as CloudEvents 1.0 describes it. Whatever form it came in, its attributes are checked here and
 * its data are bytes with a media type, as the function that listens gets them.
 */
import { isPlatformError, PlatformError } from '@martlet/protocol';
import { parseCustomEvent } from './event-name.ts';

export interface CloudEvent {
  /** With `source` it names the event: the same pair again is the same event, for as long as it is kept. */
  readonly id: string;
  readonly source: string;
  readonly type: string;
  readonly subject?: string;
  /** As the sender wrote it. */
  readonly time?: string;
  readonly datacontenttype?: string;
  readonly dataschema?: string;
  readonly extensions: Readonly<Record<string, ExtensionValue>>;
  readonly data: Uint8Array | null;
}

export type ExtensionValue = string | number | boolean;

/** Where an event stands in its request, for messages: empty, or `[3]` in a batch. */
export type EventPlace = string;

const ID_LENGTH_MAX = 256;
const TEXT_LENGTH_MAX = 2048;
const NAME_LENGTH_MAX = 64;
const NAME = /^[a-z0-9]+$/;
/** What RFC 3986 allows, where `%` begins an encoded byte. */
const URI_REFERENCE = /^(?:[\w.~:/?#[\]@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+$/;
const SCHEME = /^[A-Za-z][A-Za-z0-9+.-]*:/;
const MEDIA_TYPE = /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+ *(?:;[ -~]*)?$/;
const TIME = /^(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.\d+)?(?:[Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/;
/** Characters that no attribute may hold. */
const CONTROL = /\p{Cc}/u;
/** Members of the JSON format that are no attributes, and so no names for one. */
const NO_ATTRIBUTES = new Set(['data', 'data_base64']);

interface Attribute {
  readonly required?: boolean;
  readonly lengthMax: number;
  readonly problem?: (value: string) => string | undefined;
}

const ATTRIBUTES: Readonly<Record<string, Attribute>> = {
  specversion: {
    required: true,
    lengthMax: 16,
    problem: (value) => (value === '1.0' ? undefined : `must be "1.0", and is ${JSON.stringify(value)}`),
  },
  id: { required: true, lengthMax: ID_LENGTH_MAX },
  source: {
    required: true,
    lengthMax: TEXT_LENGTH_MAX,
    problem: (value) =>
      URI_REFERENCE.test(value) ? undefined : 'must be a URI or a relative one, such as /orders, with other characters as %XX',
  },
  type: { required: true, lengthMax: TEXT_LENGTH_MAX },
  subject: { lengthMax: TEXT_LENGTH_MAX },
  time: {
    lengthMax: 64,
    problem: (value) => (isTime(value) ? undefined : 'must be a time such as 2026-03-01T12:00:00Z (RFC 3339)'),
  },
  datacontenttype: {
    lengthMax: 256,
    problem: (value) => (MEDIA_TYPE.test(value) ? undefined : 'must be a media type such as application/json'),
  },
  dataschema: {
    lengthMax: TEXT_LENGTH_MAX,
    problem: (value) => (URI_REFERENCE.test(value) && SCHEME.test(value) ? undefined : 'must be an absolute URI'),
  },
};

/**
 * Checks attributes as they came; null counts as not given.
 * @throws {PlatformError} `event_invalid`, `event_name_invalid` for its type
 */
export function cloudEventOf(given: Iterable<readonly [string, unknown]>, data: Uint8Array | null, place: EventPlace): CloudEvent {
  const event = foreignEventOf(given, data, place);
  checkType(event.type, place);
  return event;
}

/** One that another system has named, maybe as our platform names its own: its type is not taken over as it is. @throws {PlatformError} `event_invalid` */
export function foreignEventOf(given: Iterable<readonly [string, unknown]>, data: Uint8Array | null, place: EventPlace): CloudEvent {
  const attributes: Record<string, string> = {};
  const extensions: [string, ExtensionValue][] = [];
  for (const [name, value] of given) {
    if (value === null || value === undefined) continue;
    const attribute = Object.hasOwn(ATTRIBUTES, name) ? ATTRIBUTES[name] : undefined;
    if (attribute === undefined) extensions.push([extensionName(name, place), extensionValue({ name, place }, value)]);
    else attributes[name] = attributeValue({ name, place }, value, attribute);
  }
  const missing = Object.keys(ATTRIBUTES).find((name) => ATTRIBUTES[name]?.required && attributes[name] === undefined);
  if (missing !== undefined) throw eventInvalid(place, missing, 'is missing');
  const { id = '', source = '', type = '', subject, time, datacontenttype, dataschema } = attributes;
  return {
    id,
    source,
    type,
    ...(subject !== undefined && { subject }),
    ...(time !== undefined && { time }),
    ...(datacontenttype !== undefined && { datacontenttype }),
    ...(dataschema !== undefined && { dataschema }),
    extensions: Object.fromEntries(extensions),
    data,
  };
}

/** All attributes by name, the version first. */
export function attributesOf(event: CloudEvent): [string, ExtensionValue][] {
  const own = Object.keys(ATTRIBUTES).flatMap((name): [string, string][] => {
    const value = name === 'specversion' ? '1.0' : event[name as Exclude<keyof CloudEvent, 'extensions' | 'data'>];
    return value === undefined ? [] : [[name, value]];
  });
  return [...own, ...Object.entries(event.extensions)];
}

export function eventInvalid(place: EventPlace, field: string, problem: string): PlatformError {
  const name = [place, field].filter((part) => part !== '').join('.');
  return new PlatformError('event_invalid', `Cannot take the event: "${name}" ${problem}.`);
}

/** `text/json`, `application/json; charset=utf-8`, `application/problem+json`, … */
export function isJsonType(mediaType: string): boolean {
  return /^[^;]*[/+]json *(?:;|$)/i.test(mediaType);
}

interface Field {
  readonly name: string;
  readonly place: EventPlace;
}

function attributeValue(field: Field, value: unknown, { lengthMax, problem }: Attribute): string {
  if (typeof value !== 'string' || value === '') throw eventInvalid(field.place, field.name, 'must be a text that is not empty');
  checkText(field, value, lengthMax);
  const wrong = problem?.(value);
  if (wrong !== undefined) throw eventInvalid(field.place, field.name, wrong);
  return value;
}

function extensionName(name: string, place: EventPlace): string {
  if (NAME.test(name) && name.length <= NAME_LENGTH_MAX && !NO_ATTRIBUTES.has(name)) return name;
  throw eventInvalid(place, name.slice(0, 80), `is no attribute: names are up to ${NAME_LENGTH_MAX} of a-z and 0-9, and not "data"`);
}

function extensionValue(field: Field, value: unknown): ExtensionValue {
  if (typeof value === 'boolean') return value;
  if (typeof value === 'number' && Number.isInteger(value) && Math.abs(value) <= 0x7fff_ffff) return value;
  if (typeof value !== 'string') throw eventInvalid(field.place, field.name, 'must be a text, true, false, or a whole number of 32 bits');
  checkText(field, value, TEXT_LENGTH_MAX);
  return value;
}

function checkText({ name, place }: Field, value: string, lengthMax: number): void {
  if (value.length > lengthMax) throw eventInvalid(place, name, `has ${value.length} characters; at most ${lengthMax}`);
  if (CONTROL.test(value) || !value.isWellFormed()) throw eventInvalid(place, name, 'holds a control character or half of a character');
}

function isTime(text: string): boolean {
  const [, year, month, day, hour, minute, second] = (TIME.exec(text) ?? []).map(Number);
  if (year === undefined || month === undefined || day === undefined) return false;
  // Years below 100 would mean those of the last century to Date.UTC.
  const daysInMonth = new Date(Date.UTC(2000 + (year % 400), month, 0)).getUTCDate();
  const dateHolds = month >= 1 && month <= 12 && day >= 1 && day <= daysInMonth;
  return dateHolds && (hour ?? 24) < 24 && (minute ?? 60) < 60 && (second ?? 60) < 60;
}

function checkType(type: string, place: EventPlace): void {
  try {
    parseCustomEvent(type);
  } catch (error) {
    if (!isPlatformError(error)) throw error;
    const { message } = eventInvalid(place, 'type', 'is no name for an event');
    throw new PlatformError(error.code, { message: `${message} ${error.message}`, cause: error });
  }
}
