/** Which project a request is about, who asks, and whether the route is open to them. */
import { PlatformError, type ErrorCode } from '@martlet/protocol';
import { bodyLimit } from 'hono/body-limit';
import { createMiddleware } from 'hono/factory';
import { holdsScope, missingScopes } from '../../domain/principal-scopes.ts';
import type { Principal } from '../../domain/principal.ts';
import { KEY_HEADERS, type Credentials } from '../../services/principals.ts';
import type { ApiContext, ApiEnv, ApiOptions } from './api-context.ts';

const PROJECT_HEADERS = ['x-appwrite-project', 'x-martlet-project'];
const BEARER = /^Bearer +(\S+)$/i;

/** Finds principal and project before any route looks at its parameters. */
export function identifyCaller({ principals, projects, defaultProject }: Pick<ApiOptions, 'principals' | 'projects' | 'defaultProject'>) {
  return createMiddleware<ApiEnv>(async (c, next) => {
    const principal = await principals.identify(readCredentials(c));
    c.set('principal', principal);
    c.set('projectId', projectOf(c, principal) ?? defaultProject);
    if ((await projects.get(c.var.projectId)) === null) {
      throw new PlatformError(
        'project_not_found',
        'Project with the requested ID could not be found. Please check the value of the X-Appwrite-Project header to ensure the correct project ID is being used.',
      );
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

/**
 * Opens a route to those who hold one of the scopes, and says so in its description. It stands before validation, so
 * that strangers learn nothing of parameters, and before the body is read, so that they cannot fill the memory.
 */
export function openTo(scopes: string | readonly [string, ...string[]], body: BodyBound = JSON_BODY) {
  const accepted = typeof scopes === 'string' ? [scopes] : scopes;
  const bounded = bodyLimit({
    maxSize: body.bytes,
    onError: () => {
      throw new PlatformError(body.beyond, `Cannot take the request body: it is over ${body.bytes} bytes.`);
    },
  });
  const middleware = createMiddleware<ApiEnv>(async (c, next) => {
    if (!holdsScope(c.var.principal, accepted)) {
      throw new PlatformError('general_unauthorized_scope', missingScopes(c.var.principal, accepted, new URL(c.req.url).hostname));
    }
    c.req.raw = ownRequest(c.req.raw);
    return bounded(c, next);
  });
  return { middleware, security: accepted.map((scope) => ({ apiKey: [scope] })) };
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

export function readCredentials(c: ApiContext): Credentials {
  const apiKey = KEY_HEADERS.map((name) => c.req.header(name)).find((value) => value !== undefined && value !== '');
  return { apiKey, bearer: BEARER.exec(c.req.header('authorization') ?? '')?.[1] };
}

/** The project that is named, else the caller's own. @throws {PlatformError} for a caller of another project */
function projectOf(c: ApiContext, principal: Principal): string | undefined {
  const own = principal.kind === 'anonymous' ? undefined : principal.projectId;
  const named =
    PROJECT_HEADERS.map((name) => c.req.header(name)).find((value) => value !== undefined && value !== '') ?? c.req.query('project');
  if (own !== undefined && named !== undefined && named !== '' && named !== own) {
    throw new PlatformError(
      'general_access_forbidden',
      `Cannot use this API key for the project "${named.slice(0, 40)}": it belongs to another one.`,
    );
  }
  return named === undefined || named === '' ? own : named;
}
