/** Finds the session that a request carries, and keeps sessions away from functions. */
import { readSession, sessionCookieName } from '../../domain/identity/session-secret.ts';

export interface SessionHeaders {
  /** Values of the Cookie header, joined by semicolons. */
  readonly cookie?: string | undefined;
  /** Value of X-Appwrite-Session or X-Martlet-Session. */
  readonly session?: string | undefined;
  /** Value of X-Fallback-Cookies: what a page keeps where the browser takes no cookies from us. */
  readonly fallback?: string | undefined;
  readonly origin?: string | undefined;
  readonly host?: string | undefined;
  readonly fetchSite?: string | undefined;
}

const FALLBACK_MAX = 4096;
const LOCAL = new Set(['localhost', '127.0.0.1', '[::1]']);
const SESSION_COOKIE = 'a_session_';

/** In the order of the contract: cookie, cookie of old browsers, header, fallback. */
export function sessionOf(headers: SessionHeaders, projectId: string, origins: readonly string[]): string | undefined {
  const name = sessionCookieName(projectId);
  const { cookie = '' } = headers;
  if (cookie.includes(SESSION_COOKIE) && mayUseCookies(headers, origins)) {
    const found = cookieOf(cookie, name) ?? cookieOf(cookie, `${name}_legacy`);
    if (found !== undefined) return found;
  }
  if (headers.session !== undefined && headers.session !== '') return headers.session;
  return headers.fallback === undefined ? undefined : fallbackOf(headers.fallback, name);
}

/**
 * A browser sends cookies whoever made the page that asks. So they count only for pages that may act for the user:
 * those of this server, of this machine, and of the origins that were named; `*` names none.
 */
function mayUseCookies({ origin, host, fetchSite }: SessionHeaders, origins: readonly string[]): boolean {
  if (origin !== undefined) return isKnownOrigin(origin, host ?? '', origins);
  return fetchSite !== 'cross-site';
}

/** Whether pages of this origin are the server's own, of this machine, or of an origin that was named. */
export function isKnownOrigin(origin: string, host: string, origins: readonly string[]): boolean {
  if (origins.includes(origin)) return origin !== '*';
  const url = URL.canParse(origin) ? new URL(origin) : undefined;
  return url !== undefined && (LOCAL.has(url.hostname) || url.host === host);
}

/** The Cookie header without sessions: a function gets a short token of its caller, never what signs the caller in. */
export function withoutSessions(cookie: string): string {
  if (!cookie.includes(SESSION_COOKIE)) return cookie;
  return cookie
    .split(';')
    .map((pair) => pair.trim())
    .filter((pair) => !pair.startsWith(SESSION_COOKIE) && !holdsSession(pair))
    .join('; ');
}

function holdsSession(pair: string): boolean {
  return readSession(decoded(pair.slice(pair.indexOf('=') + 1))) !== undefined;
}

function cookieOf(cookie: string, name: string): string | undefined {
  for (const pair of cookie.split(';')) {
    const at = pair.indexOf('=');
    if (at !== -1 && pair.slice(0, at).trim() === name)
      return decoded(
        pair
          .slice(at + 1)
          .trim()
          .replace(/^"|"$/g, ''),
      );
  }
  return undefined;
}

function fallbackOf(text: string, name: string): string | undefined {
  if (text.length > FALLBACK_MAX) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    const found = typeof value === 'object' && value !== null && Object.hasOwn(value, name) ? Reflect.get(value, name) : undefined;
    return typeof found === 'string' ? found : undefined;
  } catch {
    // Not what a page of ours has kept: then there is no session in it.
    return undefined;
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
