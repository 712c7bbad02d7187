/** A small client of the control API. Every failure comes out as a CliError that says what, why and what next. */
import type { ErrorResource } from '@martlet/protocol';
import { CliError, remedyOf } from '../cli-error.ts';
import type { Connection } from './connection.ts';
import { explainNetworkError } from './network-error.ts';
import { readServerSentEvents, type ServerSentEvent } from './server-sent-events.ts';

const REQUEST_TIMEOUT_MS = 60_000;
const UPLOAD_TIMEOUT_MS = 600_000;

export type QueryValue = string | number | boolean | readonly string[] | undefined;
export type Query = Readonly<Record<string, QueryValue>>;

export interface PostRequest {
  readonly body: object;
  /** Over those that come with the body. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Default: with the key. */
  readonly credentials?: Credentials;
}

type Credentials = 'with-key' | 'without-key';

export interface ApiClient {
  readonly connection: Connection;
  get<Resource>(path: string, query?: Query): Promise<Resource>;
  /** `body` is sent as JSON, or as a form. An answer without a body gives undefined. */
  send<Resource>(method: 'POST' | 'PUT' | 'PATCH' | 'DELETE', path: string, body?: object): Promise<Resource>;
  /** A POST with headers of its own, or in the name of another caller. */
  post<Resource>(path: string, request: PostRequest): Promise<Resource>;
  /** Ends when the server ends the stream or the signal aborts. */
  events(path: string, query: Query, signal: AbortSignal): AsyncGenerator<ServerSentEvent>;
  /** A request to any address of the server; the answer as it is. The key goes along only where it is asked for. */
  fetch(path: string, init: RequestInit, credentials: Credentials): Promise<Response>;
}

export function createApiClient(connection: Connection): ApiClient {
  const request: ApiClient['fetch'] = async (path, init, credentials) => {
    const headers = new Headers(init.headers);
    headers.set('x-martlet-project', connection.project);
    if (credentials === 'with-key' && connection.key !== undefined) headers.set('x-martlet-key', connection.key);
    try {
      return await fetch(`${connection.url}${path}`, { ...init, headers, redirect: 'manual' });
    } catch (error) {
      throw explainNetworkError(connection.url, error);
    }
  };
  const exchange = async <Resource>(path: string, init: RequestInit, credentials: Credentials = 'with-key'): Promise<Resource> => {
    const response = await request(`/v1${path}`, init, credentials);
    const text = await readText(connection.url, response);
    if (!response.ok) throw toApiError(response, text, connection);
    return (text === '' ? undefined : parseJson(connection.url, text)) as Resource;
  };

  return {
    connection,
    get: (path, query = {}) => exchange(path + queryText(query), { method: 'GET', signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS) }),
    send: (method, path, body) => exchange(path, { method, ...bodyInit(body) }),
    post: (path, { body, headers, credentials }) => {
      const init = bodyInit(body);
      return exchange(path, { method: 'POST', ...init, headers: { ...init.headers, ...headers } }, credentials);
    },
    events: async function* (path, query, signal) {
      const response = await request(`/v1${path}${queryText(query)}`, { headers: { accept: 'text/event-stream' }, signal }, 'with-key');
      if (!response.ok) throw toApiError(response, await readText(connection.url, response), connection);
      if (response.body === null) return;
      try {
        yield* readServerSentEvents(response.body);
      } catch (error) {
        if (signal.aborted) return;
        throw explainNetworkError(connection.url, error);
      }
    },
    fetch: request,
  };
}

function bodyInit(body: object | undefined): RequestInit & { readonly headers?: Record<string, string> } {
  if (body === undefined) return { signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS) };
  if (body instanceof FormData) return { body, signal: AbortSignal.timeout(UPLOAD_TIMEOUT_MS) };
  return { body: JSON.stringify(body), headers: { 'content-type': 'application/json' }, signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS) };
}

/** Lists become `name[0]=a&name[1]=b`, as the clients of the contract send them. */
export function queryText(query: Query): string {
  const pairs = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value === undefined) continue;
    if (typeof value === 'object') value.forEach((one, index) => pairs.append(`${name}[${index}]`, one));
    else pairs.append(name, String(value));
  }
  return pairs.size === 0 ? '' : `?${pairs}`;
}

async function readText(url: string, response: Response): Promise<string> {
  try {
    return await response.text();
  } catch (error) {
    throw explainNetworkError(url, error);
  }
}

function parseJson(url: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new CliError(`Cannot read the answer of ${url}: it is not JSON. Is this a Martlet server?`, {
      next: 'Check --url or MARTLET_URL.',
      cause: error,
    });
  }
}

function toApiError(response: Response, text: string, connection: Connection): CliError {
  const envelope = readEnvelope(text);
  if (envelope === undefined) {
    return new CliError(`Cannot use ${connection.url}: it answered ${response.status} in a form that is not Martlet's.`, {
      next: 'Check --url or MARTLET_URL.',
    });
  }
  const options = { code: envelope.type, ...nextFor(response.status, envelope, connection) };
  return new CliError(envelope.message, options);
}

function nextFor(status: number, envelope: ErrorResource, connection: Connection): { next?: string } {
  if (status === 401 && connection.key === undefined) {
    return {
      next: 'No API key was given. Use martlet login, --key or MARTLET_API_KEY, or run the command in a folder where martlet dev runs.',
    };
  }
  const next = remedyOf(envelope.type);
  return next === undefined ? {} : { next };
}

function readEnvelope(text: string): ErrorResource | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && 'message' in value && 'type' in value) return value as ErrorResource;
  } catch {
    // Not JSON: the caller says so.
  }
  return undefined;
}
