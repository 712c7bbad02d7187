/** What event a verified webhook is: how each kind of sender says the type and the identity of what it tells. */
import { PlatformError } from '@martlet/protocol';
import { z } from 'zod';
import { readStructured } from '../events/cloud-event-http.ts';
import { foreignEventOf, isJsonType, type CloudEvent } from '../events/cloud-event.ts';
import { webhookEvent } from '../events/event-name.ts';
import { readJson } from '../events/json-text.ts';
import { signatureSchemeSchema } from './signature-scheme.ts';
import type { Delivery } from './signatures.ts';

const POINTER = /^(?:\/(?:[^~/]|~0|~1)*)+$/;
const inBody = z.strictObject({ pointer: z.string().max(200).regex(POINTER, 'must be a JSON pointer such as /event/type') });
const inHeader = z.strictObject({ header: z.string().regex(/^[A-Za-z0-9-]{1,64}$/, 'must be the name of a header') });
/** Where something stands in a webhook. */
type Place = z.infer<typeof inBody> | z.infer<typeof inHeader>;

export const webhookVerificationSchema = z
  .strictObject({
    scheme: signatureSchemeSchema,
    /** Of senders of no known kind; default: every event is `received`. */
    type: z.union([inHeader, inBody]).optional(),
    /** Default: what is signed as its id, else the body itself. In no other header: a stranger could change it, and send a recorded body again. */
    id: inBody.optional(),
  })
  .superRefine(({ scheme, type, id }, context) => {
    if (scheme.kind === 'hmac') return;
    const set = type === undefined ? (id === undefined ? undefined : 'id') : 'type';
    if (set !== undefined)
      context.addIssue({ code: 'custom', path: [set], message: `means nothing with the scheme ${scheme.kind}, which says it by itself` });
  });
export type WebhookVerification = z.infer<typeof webhookVerificationSchema>;

export interface InboundWebhook {
  readonly name: string;
  readonly source: string;
  readonly verify: WebhookVerification;
  readonly delivery: Delivery;
  /** Stands for the body where nothing else names the event. */
  readonly bodyHash: string;
}

export interface InboundEvent {
  readonly event: CloudEvent;
  /** How many functions and servers stand between it and its first cause, as far as its sender says. */
  readonly hops: number;
}

/** Extension of an event that one Martlet sends to another: else two that send each other what they hear would never end. */
export const HOPS_ATTRIBUTE = 'martlethops';

function hopsOf({ extensions }: CloudEvent): number {
  const hops = extensions[HOPS_ATTRIBUTE];
  return typeof hops === 'number' && hops > 0 ? hops : 0;
}

/**
 * Its id is something that the signature covers, so that a body that somebody has recorded is the same event when it is
 * sent again.
 * @throws {PlatformError} `event_invalid`, `event_name_invalid`
 */
export function readInbound({ name, source, verify, delivery, bodyHash }: InboundWebhook): InboundEvent {
  const contentType = mediaTypeOf(delivery);
  const body = lazyJson(delivery.body);
  const { type, id, inner } = namesOf(verify, { delivery, bodyHash, body });
  // What calls itself JSON is passed on as such.
  if (delivery.body.length > 0 && isJsonType(contentType)) body();
  const event = {
    id: id.length > ID_LENGTH_MAX ? bodyHash : id,
    source,
    type: webhookEvent(name, asSegments(type)).name,
    datacontenttype: inner?.datacontenttype ?? (inner === undefined ? contentType : 'application/json'),
    extensions: {},
    data: inner === undefined ? (delivery.body.length === 0 ? null : delivery.body) : inner.data,
  };
  return { event, hops: inner === undefined ? 0 : hopsOf(inner) + 1 };
}

function mediaTypeOf({ header }: Delivery): string {
  const type = header('content-type')?.trim() ?? '';
  return /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+ *(?:;[ -~]*)?$/.test(type) && type.length <= 256 ? type : 'application/octet-stream';
}

const ID_LENGTH_MAX = 256;
const TYPE_LENGTH_MAX = 160;
const UNNAMED = 'received';

interface Facts {
  readonly delivery: Delivery;
  readonly bodyHash: string;
  readonly body: () => unknown;
}

interface Names {
  readonly type: string;
  readonly id: string;
  /** The event that the body holds as a whole. */
  readonly inner?: CloudEvent;
}

function namesOf({ scheme, type, id }: WebhookVerification, facts: Facts): Names {
  const { delivery, bodyHash, body } = facts;
  switch (scheme.kind) {
    case 'stripe':
      return { type: required(textAt(body(), '/type'), '/type'), id: required(textAt(body(), '/id'), '/id') };
    case 'github': {
      const event = delivery.header('x-github-event')?.trim() || UNNAMED;
      const action = isJsonType(delivery.header('content-type') ?? '') ? textAt(body(), '/action') : undefined;
      return { type: action === undefined ? event : `${event}.${action}`, id: bodyHash };
    }
    case 'martlet': {
      const sent = readStructured(body(), '', foreignEventOf);
      return { type: sent.type, id: JSON.stringify([sent.source, sent.id]), inner: sent };
    }
    case 'hmac': {
      const signedId = scheme.idHeader === undefined ? undefined : delivery.header(scheme.idHeader)?.trim();
      return {
        type: type === undefined ? UNNAMED : required(valueAt(type, facts), nameOf(type)),
        id: id === undefined ? (signedId ?? bodyHash) : required(valueAt(id, facts), nameOf(id)),
      };
    }
  }
}

const valueAt = (at: Place, { delivery, body }: Facts): string | undefined =>
  'header' in at ? delivery.header(at.header)?.trim() : textAt(body(), at.pointer);

const nameOf = (at: Place): string => ('header' in at ? at.header : at.pointer);

function required(value: string | undefined, name: string): string {
  if (value !== undefined && value !== '') return value;
  throw new PlatformError('event_invalid', `Cannot take the webhook: it has no text at ${name}.`);
}

function lazyJson(body: Uint8Array): () => unknown {
  let read: { readonly value: unknown } | undefined;
  return () => (read ??= { value: readJson(body, 'body') }).value;
}

/** The text or number that a JSON pointer (RFC 6901) leads to. */
function textAt(value: unknown, pointer: string): string | undefined {
  let found = value;
  for (const part of pointer.split('/').slice(1)) {
    const key = part.replaceAll('~1', '/').replaceAll('~0', '~');
    if (typeof found !== 'object' || found === null || !Object.hasOwn(found, key)) return undefined;
    found = (found as Readonly<Record<string, unknown>>)[key];
  }
  if (typeof found === 'number') return String(found);
  // A number that no double holds is kept as it was written.
  if (typeof found === 'object' && found !== null && Object.hasOwn(found, 'rawJSON')) return JSON.stringify(found);
  return typeof found === 'string' ? found : undefined;
}

/** Senders name their events as they like: what cannot stand in a name becomes `_`. */
function asSegments(type: string): string {
  return type
    .slice(0, TYPE_LENGTH_MAX)
    .split('.')
    .slice(0, 12)
    .map((segment) => segment.replaceAll(/[^A-Za-z0-9_:/@+-]/g, '_') || '_')
    .join('.');
}
