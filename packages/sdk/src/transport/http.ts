/** Requests to one server under one identity. */
import { ApiError } from '../errors.ts';
import type { Identity } from '../identity.ts';
import { startDeadline, type Deadline, type DeadlineOptions } from './deadline.ts';
import { queryText } from './function-path.ts';
import { codeOf, messageOf, readBody } from './read-body.ts';

export interface Server {
  /** Without a trailing slash; empty: the origin of the page. */
  readonly url: string;
  readonly project: string | undefined;
  readonly fetch: typeof fetch;
}

export interface ApiOptions extends DeadlineOptions {
  readonly query?: Readonly<Record<string, unknown>> | undefined;
  /** A form is sent as it is, any other object as JSON. */
  readonly body?: object | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly credentials?: RequestCredentials | undefined;
}

/** An answer whose body is still to be read, under the deadline of its request. */
export interface OpenAnswer {
  readonly response: Response;
  readonly deadline: Deadline;
}

/** A call of the control API below `/v1`; gives the value of its answer. @throws {ApiError} when the server refuses */
export type CallApi = <Resource = unknown>(method: string, path: string, options?: ApiOptions) => Promise<Resource>;

export interface Http {
  readonly server: Server;
  /** Sends with the credentials of the identity below the caller's own headers. */
  send(path: string, init: RequestInit): Promise<Response>;
  readonly api: CallApi;
  /** The same, for bodies that are not read whole; who opens it ends its deadline. */
  openApi(method: string, path: string, options?: ApiOptions): Promise<OpenAnswer>;
}

export const API = '/v1';

export function createHttp(server: Server, identity: Identity): Http {
  const http: Http = {
    server,

    async send(path, init) {
      const headers = new Headers(init.headers);
      const token = headers.has('authorization') ? undefined : await identity.token();
      // As a bearer token even a key is dropped by the runtime when an answer redirects to another origin.
      if (token !== undefined) headers.set('authorization', `Bearer ${token}`);
      return server.fetch(server.url + path, { ...init, headers });
    },

    async api<Resource>(method: string, path: string, options: ApiOptions = {}) {
      const { response, deadline } = await http.openApi(method, path, options);
      try {
        return (await readBody(response)) as Resource;
      } catch (error) {
        throw deadline.explain(error, `read the answer to ${method} ${API}${path}`);
      } finally {
        deadline.end();
      }
    },

    async openApi(method, path, options = {}) {
      const init = initOf(method, options, server.project);
      const what = `call ${method} ${API}${path}`;
      const deadline = startDeadline(options);
      try {
        const response = await http.send(API + path + queryText(options.query ?? {}), { ...init, signal: deadline.signal });
        if (!response.ok) throw await refusal(response, what);
        return { response, deadline };
      } catch (error) {
        deadline.end();
        throw deadline.explain(error, what);
      }
    },
  };
  return http;
}

function initOf(method: string, { body, headers, credentials }: ApiOptions, project: string | undefined): RequestInit {
  const isForm = body instanceof FormData;
  return {
    method,
    headers: {
      accept: 'application/json',
      ...(project === undefined ? {} : { 'x-martlet-project': project }),
      ...(body === undefined || isForm ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: isForm ? body : JSON.stringify(body) }),
    ...(credentials === undefined ? {} : { credentials }),
  };
}

async function refusal(response: Response, what: string): Promise<ApiError> {
  const data = await readBody(response);
  const { status, headers } = response;
  const code = codeOf(data) ?? `http_${status}`;
  return new ApiError(`Cannot ${what}: ${messageOf(data) ?? `the server answered ${status}`}`, { code, status, headers, data });
}
