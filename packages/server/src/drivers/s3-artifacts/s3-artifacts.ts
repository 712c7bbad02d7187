/** Artifacts in a bucket of S3, or of one of the many stores that speak its protocol; a key is the name of an object. */
import { createHash } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { AwsClient } from 'aws4fetch';
import { PlatformError } from '@martlet/protocol';
import type { Artifacts } from '../../ports/artifacts.ts';

export interface S3Place {
  /** `https://host[:port]`, without a path. */
  readonly endpoint: string;
  readonly bucket: string;
  /** What the name of every object starts with: empty, or segments that end with a slash. */
  readonly prefix: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
}

export interface S3Artifacts extends Artifacts {
  /** Looks whether the bucket is there and may be read. @throws {PlatformError} `store_unavailable` */
  open(): Promise<void>;
}

const SEGMENT = /^[a-z0-9_-][a-z0-9._-]*$/;
const KEY_LENGTH_MAX = 400;
const ANSWER_MS = 60_000;
/** Every request may be repeated: an object is stored whole or not at all, and the same bytes again change nothing. */
const TRIES = 4;
const FIRST_PAUSE_MS = 100;
const DELETED_AT_ONCE = 16;

export function createS3Artifacts(place: S3Place): S3Artifacts {
  const { accessKeyId, secretAccessKey, sessionToken, region } = place;
  // It signs, and nothing else: it would repeat requests without a bound of time.
  const client = new AwsClient({
    accessKeyId,
    secretAccessKey,
    ...(sessionToken !== undefined && { sessionToken }),
    region,
    service: 's3',
    retries: 0,
  });
  const bucket = `${place.endpoint}/${place.bucket}`;
  const urlOf = (key: string): string => `${bucket}/${place.prefix}${checkedKey(key)}`;
  const ask = (method: string, url: string, body?: Uint8Array): Promise<Response> => request(client, { method, url, body });

  async function listKeys(prefix: string, max?: number): Promise<string[]> {
    const keys: string[] = [];
    let token: string | undefined;
    do {
      const query = new URLSearchParams({ 'list-type': '2', 'encoding-type': 'url', prefix: place.prefix + prefix });
      if (max !== undefined) query.set('max-keys', String(max));
      if (token !== undefined) query.set('continuation-token', token);
      const answer = await ask('GET', `${bucket}?${query}`);
      const text = await answer.text();
      if (answer.status !== 200) throw refused('list the objects', answer.status, text);
      keys.push(...elementsOf(text, 'Key').map((name) => decodeURIComponent(name).slice(place.prefix.length)));
      [token] = elementsOf(text, 'IsTruncated')[0] === 'true' ? elementsOf(text, 'NextContinuationToken') : [];
    } while (token !== undefined && max === undefined);
    return keys;
  }

  async function remove(key: string): Promise<void> {
    const answer = await ask('DELETE', urlOf(key));
    const text = await answer.text();
    if (answer.status !== 204 && answer.status !== 200 && answer.status !== 404) throw refused('delete an object', answer.status, text);
  }

  return {
    open: async () => void (await listKeys('', 1)),
    async put(key, bytes) {
      const answer = await ask('PUT', urlOf(key), bytes);
      const text = await answer.text();
      if (answer.status !== 200) throw refused('store an object', answer.status, text);
    },
    async get(key) {
      const answer = await ask('GET', urlOf(key));
      if (answer.status === 404) return absent(answer, await answer.text());
      if (answer.status !== 200) throw refused('read an object', answer.status, await answer.text());
      return Buffer.from(await answer.arrayBuffer());
    },
    async has(key) {
      const answer = await ask('HEAD', urlOf(key));
      if (answer.status !== 200 && answer.status !== 404) throw refused('look for an object', answer.status, '');
      return answer.status === 200;
    },
    async keys() {
      return (await listKeys('')).filter(isKey);
    },
    async deletePrefix(prefix) {
      const keys = (await listKeys(checkedPrefix(prefix))).filter(isKey);
      for (let from = 0; from < keys.length; from += DELETED_AT_ONCE)
        await Promise.all(keys.slice(from, from + DELETED_AT_ONCE).map(remove));
    },
  };
}

interface S3Request {
  readonly method: string;
  readonly url: string;
  readonly body: Uint8Array | undefined;
}

/** Repeats what the network or a store that is busy has refused. */
async function request(client: AwsClient, { method, url, body }: S3Request): Promise<Response> {
  // The signature covers the hash, so that bytes that change on the way are refused.
  const headers = {
    'x-amz-content-sha256': createHash('sha256')
      .update(body ?? '')
      .digest('hex'),
  };
  for (let tries = 1; ; tries += 1) {
    try {
      const signed = await client.sign(url, { method, headers, ...(body !== undefined && { body: new Uint8Array(body) }) });
      const answer = await fetch(signed, { redirect: 'manual', signal: AbortSignal.timeout(ANSWER_MS) });
      if (tries === TRIES || (answer.status < 500 && answer.status !== 429)) return answer;
      await answer.body?.cancel();
    } catch (cause) {
      if (tries === TRIES)
        throw new PlatformError('store_unavailable', { message: `The store of artifacts does not answer: ${reasonOf(cause)}.`, cause });
    }
    await wait(FIRST_PAUSE_MS * 2 ** tries);
  }
}

/** A bucket that is missing is not an object that is missing. */
function absent(answer: Response, text: string): undefined {
  if (text.includes('NoSuchBucket')) throw refused('read an object', answer.status, text);
  return undefined;
}

/** The text of flat elements; what we ask for holds no characters that XML would write otherwise. */
function elementsOf(xml: string, name: string): string[] {
  return [...xml.matchAll(new RegExp(`<${name}>([^<]*)</${name}>`, 'g'))].map(([, text = '']) => text);
}

function isKey(key: string): boolean {
  return key.length <= KEY_LENGTH_MAX && key.split('/').every((segment) => SEGMENT.test(segment));
}

function checkedKey(key: string): string {
  if (!isKey(key)) throw invalidKey(key);
  return key;
}

/** A prefix may end within a segment, or after a slash. */
function checkedPrefix(prefix: string): string {
  if (prefix === '' || !isKey(prefix.replace(/\/$/, ''))) throw invalidKey(prefix);
  return prefix;
}

function invalidKey(key: string): PlatformError {
  return new PlatformError(
    'general_server_error',
    `Cannot use "${key.slice(0, 80)}" as the key of an artifact: it must be segments of [a-z0-9._-] that do not start with a dot, separated by single slashes.`,
  );
}

function refused(what: string, status: number, text: string): PlatformError {
  const said = [...elementsOf(text, 'Code'), ...elementsOf(text, 'Message')].join(': ');
  return new PlatformError(
    'store_unavailable',
    `The store of artifacts did not ${what}: status ${status}${said === '' ? '' : `, ${said}`}.`,
  );
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message} (${error.cause.message})` : error.message;
}
