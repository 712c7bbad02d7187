/** Answers that sign a browser in or out. */
import type { SessionResource } from '@martlet/protocol';
import { encodeSession, sessionCookieName } from '../../../domain/identity/session-secret.ts';
import type { MadeSession } from '../../../services/identity/sessions.ts';
import { isKnownOrigin } from '../../session/session-credentials.ts';
import type { ApiContext } from '../api-context.ts';
import { viewSession } from './identity-views.ts';

/** Sets the cookies, and where they may not come back the header that pages keep instead. */
export function answerSession(c: ApiContext, { row, secret }: MadeSession): SessionResource {
  const encoded = encodeSession(row.userId, secret);
  const name = sessionCookieName(row.projectId);
  const expires = new Date(row.expiresAt).toUTCString();
  const secure = isTls(c);
  // Across sites a cookie comes back over TLS only; without it the browser shall keep it for this site.
  const crossSite = secure ? '; SameSite=None; Secure' : '; SameSite=Lax';
  c.header('Set-Cookie', `${name}_legacy=${encoded}; path=/; expires=${expires}; HttpOnly${secure ? '; Secure' : ''}`, { append: true });
  c.header('Set-Cookie', `${name}=${encoded}; path=/; expires=${expires}; HttpOnly${crossSite}`, { append: true });
  if (mayLackCookies(c)) c.header('X-Fallback-Cookies', JSON.stringify({ [name]: encoded }));
  c.header('Cache-Control', 'no-store');
  return viewSession(row, { current: true, secret: c.var.principal.kind === 'key' ? encoded : '' });
}

export function forgetSession(c: ApiContext, projectId: string): void {
  const name = sessionCookieName(projectId);
  for (const cookie of [`${name}_legacy`, name])
    c.header(
      'Set-Cookie',
      `${cookie}=; path=/; expires=${new Date(0).toUTCString()}; HttpOnly${isTls(c) ? '; SameSite=None; Secure' : '; SameSite=Lax'}`,
      {
        append: true,
      },
    );
  if (mayLackCookies(c)) c.header('X-Fallback-Cookies', '{}');
}

export function isTls(c: ApiContext): boolean {
  return c.req.header('x-forwarded-proto')?.split(',')[0]?.trim() === 'https' || new URL(c.req.url).protocol === 'https:';
}

/** A page of another site; a program that is no browser reads Set-Cookie. */
function mayLackCookies(c: ApiContext): boolean {
  const origin = c.req.header('origin');
  const host = c.req.header('host') ?? '';
  return origin !== undefined && !(isKnownOrigin(origin, host, []) && URL.canParse(origin) && new URL(origin).host === host);
}
