/** Which project a request is about, who asks, and whether the route is open to them. */
import { PlatformError, type ErrorCode } from '@martlet/protocol';
import { bodyLimit } from 'hono/body-limit';
import { createMiddleware } from 'hono/factory';
import { holdersOf, holdsScope, missingScopes } from '../../domain/principal-scopes.ts';
import type { Principal } from '../../domain/principal.ts';
import { becauseOf } from '../../services/events/cause.ts';
import { assertAllowed, rateHeaders, type CallerRate } from '../../services/identity/caller-rate.ts';
import { KEY_HEADERS, type Credentials } from '../../services/principals.ts';
import { sessionOf } from '../session/session-credentials.ts';
import type { ApiContext, ApiEnv, ApiOptions } from './api-context.ts';

const PROJECT_HEADERS = ['x-appwrite-project', 'x-martlet-project'];
const SESSION_HEADERS = ['x-appwrite-session', 'x-martlet-session'];
const TOKEN_HEADERS = ['x-appwrite-jwt', 'x-martlet-jwt'];
const BEARER = /^Bearer +(\S+)$/i;

/** Finds principal and project before any route looks at its parameters. */
export function identifyCaller(options: Pick<ApiOptions, 'principals' | 'projects' | 'defaultProject' | 'origins'>) {
  const { principals, projects, defaultProject } = options;
  return createMiddleware<ApiEnv>(async (c, next) => {
    const principal = await principals.identify(readCredentials(c, options));
    c.set('principal', principal);
    c.set('projectId', projectOf(c, principal) ?? defaultProject);
    // Who belongs to a project proves that it is there.
    const isOwn = 'projectId' in principal && principal.projectId === c.var.projectId;
    if (!isOwn && (await projects.get(c.var.projectId)) === null) {
      throw new PlatformError(
        'project_not_found',
        'Project with the requested ID could not be found. Please check the value of the X-Appwrite-Project header to ensure the correct project ID is being used.',
      );
    }
    await becauseOf(principal, next);
  });
}

/** Refuses a caller that asks too often, and tells every caller how much of its allowance is left. */
export function boundCaller(rate: CallerRate | undefined, { clock }: Pick<ApiOptions, 'clock'>) {
  return createMiddleware<ApiEnv>(async (c, next) => {
    if (rate !== undefined) {
      const verdict = rate.take(c.var.principal, c.env.clientIp);
      const headers = rateHeaders(verdict, clock.now());
      for (let at = 0; at + 1 < headers.length; at += 2) c.header(headers[at] ?? '', headers[at + 1]);
      assertAllowed(verdict);
    }
    await next();
  });
}

/** How large a body may be, and the error beyond it. */
export interface BodyBound {
  readonly bytes: number;
  readonly beyond: ErrorCode;
}
const JSON_BODY: BodyBound = { bytes: 1_048_576, beyond: 'request_too_large' };

/** Stands before whatever reads a body. */
export function boundBody({ bytes, beyond }: BodyBound) {
  const bounded = bodyLimit({
    maxSize: bytes,
    onError: () => {
      throw new PlatformError(beyond, `Cannot take the request body: it is over ${bytes} bytes.`);
    },
  });
  return createMiddleware<ApiEnv>(async (c, next) => {
    c.req.raw = ownRequest(c.req.raw);
    return bounded(c, next);
  });
}

/**
 * Opens a route to those who hold one of the scopes, and says so in its description. It stands before validation, so
 * that strangers learn nothing of parameters, and before the body is read, so that they cannot fill the memory.
 */
export function openTo(scopes: string | readonly [string, ...string[]], body: BodyBound = JSON_BODY) {
  const accepted = typeof scopes === 'string' ? [scopes] : scopes;
  const bounded = boundBody(body);
  const middleware = createMiddleware<ApiEnv>(async (c, next) => {
    if (!holdsScope(c.var.principal, accepted)) {
      throw new PlatformError('general_unauthorized_scope', missingScopes(c.var.principal, accepted, new URL(c.req.url).hostname));
    }
    return bounded(c, next);
  });
  return { middleware, security: describeHolders(accepted) };
}

/** Opens a route to everybody who is not refused for what they show of themselves. */
export const openToAll = (body: BodyBound = JSON_BODY) => ({ middleware: boundBody(body), security: [] });

function describeHolders(accepted: readonly string[]): Record<string, string[]>[] {
  const { guests, users, keys } = holdersOf(accepted);
  return [
    ...keys.map((scope) => ({ apiKey: [scope] })),
    ...(users ? [{ session: [] }, { userToken: [] }] : []),
    // In OpenAPI an empty requirement says that nothing is asked for.
    ...(guests ? [{}] : []),
  ];
}

/**
 * A body whose length is not told is read and put into a new Request by the limit. From the stand-in that the HTTP
 * adapter hands over no Request can be made, so that one of the web's own takes its place.
 */
function ownRequest(request: Request): Request {
  const { method, url, headers, body, signal } = request;
  if (body === null || headers.has('content-length')) return request;
  const init: RequestInit & { duplex: 'half' } = { method, headers: [...headers], body, duplex: 'half', signal };
  return new Request(url, init);
}

function readCredentials(c: ApiContext, { defaultProject, origins }: Pick<ApiOptions, 'defaultProject' | 'origins'>): Credentials {
  const project = namedProject(c);
  const session = sessionOf(
    {
      cookie: c.req.header('cookie'),
      session: firstHeader(c, SESSION_HEADERS),
      fallback: c.req.header('x-fallback-cookies'),
      origin: c.req.header('origin'),
      host: c.req.header('host'),
      fetchSite: c.req.header('sec-fetch-site'),
    },
    project ?? defaultProject,
    origins,
  );
  const bearer = BEARER.exec(c.req.header('authorization') ?? '')?.[1];
  return { apiKey: readKey(c), bearer, session, token: firstHeader(c, TOKEN_HEADERS), project };
}

export const readKey = (c: ApiContext): string | undefined => firstHeader(c, KEY_HEADERS);

function namedProject(c: ApiContext): string | undefined {
  const named = firstHeader(c, PROJECT_HEADERS) ?? c.req.query('project');
  return named === '' ? undefined : named;
}

function firstHeader(c: ApiContext, names: readonly string[]): string | undefined {
  return names.map((name) => c.req.header(name)).find((value) => value !== undefined && value !== '');
}

/** The project that is named, else the caller's own. @throws {PlatformError} for a caller of another project */
function projectOf(c: ApiContext, principal: Principal): string | undefined {
  const own = principal.kind === 'anonymous' ? undefined : principal.projectId;
  const named = namedProject(c);
  if (own !== undefined && named !== undefined && named !== own) {
    throw new PlatformError(
      'general_access_forbidden',
      `Cannot use these credentials for the project "${named.slice(0, 40)}": they belong to another one.`,
    );
  }
  return named ?? own;
}
