/**
 * The secret of a session, and the form in which the contract hands it round: base64 of `{"id": user, "secret": secret}`,
 * in a cookie, in X-Appwrite-Session, in X-Fallback-Cookies. As a bearer token the bare secret is taken too.
 */
export const SESSION_PREFIX = 'ms_';

const ENCODED_MAX = 512;
const SECRET = /^ms_[A-Za-z0-9_-]{43}$/;
const BASE64 = /^[A-Za-z0-9+/_-]{20,}={0,2}$/;

export function encodeSession(userId: string, secret: string): string {
  return btoa(JSON.stringify({ id: userId, secret }));
}

/** The bare secret in any of the forms; undefined where the text is no session. */
export function readSession(text: string): string | undefined {
  if (text.startsWith(SESSION_PREFIX)) return SECRET.test(text) ? text : undefined;
  if (text.length > ENCODED_MAX || !BASE64.test(text)) return undefined;
  try {
    const value: unknown = JSON.parse(atob(text.replaceAll('-', '+').replaceAll('_', '/')));
    if (typeof value !== 'object' || value === null || !('secret' in value)) return undefined;
    return typeof value.secret === 'string' && SECRET.test(value.secret) ? value.secret : undefined;
  } catch {
    // Not base64, or not JSON: then it is not ours.
    return undefined;
  }
}

export function sessionCookieName(projectId: string): string {
  return `a_session_${projectId}`;
}
