/**
 * CloudEvents over HTTP, all three modes: an event as JSON (structured), several as a JSON array (batch), and attributes
 * as `ce-` headers beside data of any kind (binary).
 */
import { PlatformError } from '@martlet/protocol';
import { attributesOf, cloudEventOf, eventInvalid, isJsonType, type CloudEvent, type EventPlace } from './cloud-event.ts';
import { readJson } from './json-text.ts';

export const EVENT_BYTES_MAX = 262_144;
export const BATCH_EVENTS_MAX = 1000;

export interface EventRequest {
  /** Names in any case. */
  readonly headers: Iterable<readonly [string, string]>;
  readonly body: Uint8Array;
}

const STRUCTURED = 'application/cloudevents+json';
const BATCH = 'application/cloudevents-batch+json';
const PREFIX = 'ce-';
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const encoder = new TextEncoder();

/**
 * All events of a request, or none: one that is wrong refuses the others.
 * @throws {PlatformError} `event_invalid`, `event_name_invalid`, `event_too_large`
 */
export function readCloudEvents({ headers, body }: EventRequest): CloudEvent[] {
  const own = eventHeaders(headers);
  const contentType = own.get('content-type') ?? '';
  const [mediaType = ''] = contentType.toLowerCase().split(';');
  switch (mediaType.trim()) {
    case STRUCTURED:
      checkSize(body.byteLength, '');
      return [readStructured(readJson(checkCharset(contentType, body), 'body'), '')];
    case BATCH:
      return readBatch(readJson(checkCharset(contentType, body), 'body'));
    default:
      if (mediaType.startsWith('application/cloudevents'))
        throw eventInvalid('', 'content-type', `is ${mediaType}; send ${STRUCTURED} or ${BATCH}`);
      return [readBinary(own, body)];
  }
}

/** The event as one JSON text, to be sent as `application/cloudevents+json`. */
export function writeStructured(event: CloudEvent): string {
  const { data, datacontenttype = 'application/json' } = event;
  const attributes = Object.fromEntries(attributesOf(event));
  if (data === null) return JSON.stringify(attributes);
  // JSON data go in as they are, so that not a digit of a number is lost.
  if (isJsonType(datacontenttype)) return `${JSON.stringify(attributes).slice(0, -1)},"data":${new TextDecoder().decode(data)}}`;
  return JSON.stringify({ ...attributes, data_base64: base64Of(data) });
}

/** The event as headers with its data as the body. */
export function writeBinary(event: CloudEvent): { readonly headers: [string, string][]; readonly body: Uint8Array } {
  const attributes = attributesOf(event).filter(([name]) => name !== 'datacontenttype');
  const contentType: [string, string][] = event.data === null ? [] : [['content-type', event.datacontenttype ?? 'application/json']];
  return {
    headers: [...contentType, ...attributes.map(([name, value]): [string, string] => [PREFIX + name, encodeHeader(String(value))])],
    body: event.data ?? new Uint8Array(),
  };
}

function readBatch(value: unknown): CloudEvent[] {
  if (!Array.isArray(value)) throw eventInvalid('', 'body', 'must be an array of events');
  if (value.length > BATCH_EVENTS_MAX)
    throw new PlatformError('event_too_large', `Cannot take the events: they are ${value.length}; at most ${BATCH_EVENTS_MAX} go at once.`);
  return value.map((event: unknown, at) => {
    checkSize(encoder.encode(JSON.stringify(event)).byteLength, `[${at}]`);
    return readStructured(event, `[${at}]`);
  });
}

/** @throws {PlatformError} `event_invalid`, and what `read` throws */
export function readStructured(value: unknown, place: EventPlace, read = cloudEventOf): CloudEvent {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw eventInvalid(place, place === '' ? 'body' : '', 'must be an object with the attributes of one event');
  const { data, data_base64: encoded, ...attributes } = value as Readonly<Record<string, unknown>>;
  const bytes = readData({ data, encoded, contentType: attributes['datacontenttype'] }, place);
  return read(Object.entries(attributes), bytes, place);
}

function readData(given: { data: unknown; encoded: unknown; contentType: unknown }, place: EventPlace): Uint8Array | null {
  const { data = null, encoded = null, contentType } = given;
  if (encoded !== null) {
    if (data !== null) throw eventInvalid(place, 'data_base64', 'stands beside "data"; send one of them');
    if (typeof encoded !== 'string' || !BASE64.test(encoded))
      throw eventInvalid(place, 'data_base64', 'must be a text in base64, with its padding');
    return Uint8Array.from(atob(encoded), (char) => char.charCodeAt(0));
  }
  if (data === null) return null;
  if (typeof contentType !== 'string' || isJsonType(contentType)) return encoder.encode(JSON.stringify(data));
  if (typeof data !== 'string') throw eventInvalid(place, 'data', `must be a text where "datacontenttype" is ${contentType.slice(0, 80)}`);
  return encoder.encode(data);
}

function readBinary(headers: ReadonlyMap<string, string>, body: Uint8Array): CloudEvent {
  const attributes = [...headers].filter(([name]) => name.startsWith(PREFIX));
  if (attributes.length === 0)
    throw eventInvalid('', 'content-type', `must be ${STRUCTURED} or ${BATCH}, or the attributes must be sent as headers such as ce-id`);
  if (headers.has(`${PREFIX}datacontenttype`)) throw eventInvalid('', `${PREFIX}datacontenttype`, 'is sent as the header content-type');
  checkSize(
    attributes.reduce((bytes, [name, value]) => bytes + name.length + value.length, body.byteLength),
    '',
  );
  const contentType = headers.get('content-type');
  if (body.byteLength > 0 && contentType !== undefined && isJsonType(contentType)) readJson(checkCharset(contentType, body), 'data');
  const decoded = attributes.map(([name, value]): [string, string] => [name.slice(PREFIX.length), decodeHeader(name, value)]);
  if (contentType !== undefined) decoded.push(['datacontenttype', contentType]);
  // Without a type nothing is known of the bytes, so that nobody may take them for JSON.
  else if (body.byteLength > 0) decoded.push(['datacontenttype', 'application/octet-stream']);
  return cloudEventOf(decoded, body.byteLength === 0 ? null : body, '');
}

/** Those that speak of the event, by their name in lower case. */
function eventHeaders(headers: Iterable<readonly [string, string]>): Map<string, string> {
  const own = new Map<string, string>();
  for (const [given, value] of headers) {
    const name = given.toLowerCase();
    if (name !== 'content-type' && !name.startsWith(PREFIX)) continue;
    if (own.has(name)) throw eventInvalid('', name, 'is sent twice');
    own.set(name, value.trim());
  }
  return own;
}

function checkSize(bytes: number, place: EventPlace): void {
  if (bytes > EVENT_BYTES_MAX) {
    const which = place === '' ? 'the event' : `the event ${place}`;
    throw new PlatformError('event_too_large', `Cannot take ${which}: it has ${bytes} bytes; at most ${EVENT_BYTES_MAX}.`);
  }
}

function checkCharset(contentType: string, body: Uint8Array): Uint8Array {
  const charset = /;\s*charset\s*=\s*"?([^";\s]*)/i.exec(contentType)?.[1] ?? 'utf-8';
  if (!/^utf-?8$|^us-ascii$/i.test(charset)) throw eventInvalid('', 'content-type', `has the charset ${charset.slice(0, 40)}; send UTF-8`);
  return body;
}

/** Quotes of older senders go first, then one round of percent-decoding, as the binding says. */
function decodeHeader(name: string, value: string): string {
  const text = /^".*"$/.test(value) ? value.slice(1, -1).replace(/\\(.)/g, '$1') : value;
  try {
    return decodeURIComponent(text);
  } catch (error) {
    if (!(error instanceof URIError)) throw error;
    throw eventInvalid('', name, 'has a % that begins no character; write %25 for the sign itself');
  }
}

/** Space, double quote, percent and everything beyond printable ASCII. */
function encodeHeader(value: string): string {
  return value.replace(/[^!#$&-~]/gu, (char) => (char === '%' ? '%25' : encodeURIComponent(char)));
}

function base64Of(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return btoa(text);
}
