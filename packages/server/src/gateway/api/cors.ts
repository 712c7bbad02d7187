/** Browser origins: who may call from a page, and the headers that tell the browser so. */
import { PlatformError } from '@martlet/protocol';
import { createMiddleware } from 'hono/factory';
import type { ApiEnv } from './api-context.ts';
import { isKnownOrigin } from '../session/session-credentials.ts';
import { readKey } from './authorize.ts';

const METHODS = 'GET, POST, PUT, PATCH, DELETE';
const REQUEST_HEADERS = [
  'Accept',
  'Authorization',
  'Origin',
  'Cookie',
  'Set-Cookie',
  'Content-Type',
  'Content-Range',
  ...[
    'Project',
    'Key',
    'Dev-Key',
    'Locale',
    'Mode',
    'JWT',
    'Organization',
    'Response-Format',
    'Timeout',
    'ID',
    'Timestamp',
    'Session',
    'Platform',
    'Impersonate-User-Id',
    'Impersonate-User-Email',
    'Impersonate-User-Phone',
  ].map((name) => `X-Appwrite-${name}`),
  'X-Martlet-Project',
  'X-Martlet-Key',
  'X-Martlet-Session',
  'X-Martlet-JWT',
  'X-SDK-Version',
  'X-SDK-Name',
  'X-SDK-Language',
  'X-SDK-Platform',
  'X-SDK-GraphQL',
  'X-SDK-Profile',
  'Range',
  'Cache-Control',
  'Expires',
  'Pragma',
  'X-Fallback-Cookies',
  'X-Requested-With',
  'X-Forwarded-For',
  'X-Forwarded-User-Agent',
].join(', ');
const EXPOSED =
  'X-Appwrite-Session, X-Fallback-Cookies, X-Martlet-Request-Id, Retry-After, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset';

/** Refuses pages of unknown origins; a caller with a key has proved itself and is let through. */
export function answerOrigins(allowed: readonly string[]) {
  return createMiddleware<ApiEnv>(async (c, next) => {
    const origin = c.req.header('origin') ?? '';
    if (origin === '') return next();
    const known = allowed.includes('*') || isKnownOrigin(origin, c.req.header('host') ?? '', allowed);
    if (known) {
      c.header('Access-Control-Allow-Origin', origin);
      c.header('Access-Control-Allow-Credentials', 'true');
      c.header('Access-Control-Allow-Methods', METHODS);
      c.header('Access-Control-Allow-Headers', REQUEST_HEADERS);
      c.header('Access-Control-Expose-Headers', EXPOSED);
      c.header('Vary', 'Origin', { append: true });
    }
    if (c.req.method === 'OPTIONS') return c.body(null, 204);
    if (!known && readKey(c) === undefined) {
      throw new PlatformError(
        'general_unknown_origin',
        `Invalid Origin. Register your new client (${hostOf(origin)}) as a new Web platform on your project console dashboard`,
      );
    }
    return next();
  });
}

const hostOf = (origin: string): string => (URL.canParse(origin) ? new URL(origin).host : origin.slice(0, 100));
