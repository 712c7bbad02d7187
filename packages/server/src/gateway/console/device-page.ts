/**
 * The page on which a person allows or denies the login of a terminal: `/console/device`. It needs no script and keeps
 * nothing: the key is typed for each decision, and no cookie counts, so that a foreign page has nothing to ride on. That
 * a decision comes from this very page is asked all the same.
 */
import { isPlatformError } from '@martlet/protocol';
import { Hono, type Context } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { secureHeaders } from 'hono/secure-headers';
import { anonymous, type Principal } from '../../domain/principal.ts';
import type { Clock } from '../../ports/system/clock.ts';
import type { Log } from '../../ports/system/log.ts';
import type { DeviceLoginQuestion, DeviceLoginVerdict } from '../../services/identity/device-logins.ts';
import type { Identity } from '../../services/identity/identity.ts';
import { addressBucket } from '../../services/identity/rate-limiter.ts';
import type { Principals } from '../../services/principals.ts';
import { deviceStyle } from './device-style.ts';
import { renderCodeForm, renderEnd, renderQuestion } from './device-views.ts';

export const DEVICE_PAGE = '/console/device';
const STYLE = `${DEVICE_PAGE}/style.css`;
const BODY_MAX = 8192;
/** Codes that one address may try: a person needs two, and there are 25 billion of them. */
const TRIES = { requests: 60, perMs: 10 * 60_000 };

export interface DevicePageOptions {
  readonly identity: Pick<Identity, 'deviceLogins' | 'rates'>;
  readonly principals: Pick<Principals, 'identify'>;
  readonly clock: Clock;
  readonly log: Log;
}

interface Env {
  Bindings: { readonly clientIp: string };
}

export interface DevicePage {
  readonly paths: readonly string[];
  fetch(request: Request, facts: Env['Bindings']): Promise<Response>;
}

export function createDevicePage({ identity, principals, clock, log }: DevicePageOptions): DevicePage {
  const { deviceLogins, rates } = identity;
  const app = new Hono<Env>();
  app.use(async (c, next) => {
    c.header('Cache-Control', 'no-store');
    await next();
  });
  app.use(
    secureHeaders({
      contentSecurityPolicy: {
        defaultSrc: ["'none'"],
        styleSrc: ["'self'"],
        formAction: ["'self'"],
        baseUri: ["'none'"],
        frameAncestors: ["'none'"],
      },
      xFrameOptions: 'DENY',
      // With `no-referrer` browsers would hide the origin of the form from the check below.
      referrerPolicy: 'same-origin',
      // Whether a host is for TLS only, its operator says.
      strictTransportSecurity: false,
    }),
  );

  /** The login that waits with this code, or the page that says why there is none to show. */
  async function findQuestion(c: Context<Env>, code: string): Promise<DeviceLoginQuestion | Response> {
    const { allowed, retryMs } = rates.take(`device code ${addressBucket(c.env.clientIp)}`, TRIES);
    if (!allowed) {
      c.header('Retry-After', String(Math.ceil(retryMs / 1000)));
      return c.html(renderCodeForm({ code, problem: 'Too many codes were tried from here. Wait a few minutes, then try again.' }), 429);
    }
    const question = await deviceLogins.find(code);
    return question ?? c.html(renderCodeForm({ code, problem: NOBODY_WAITS }), 404);
  }

  app.get(STYLE, (c) => c.body(deviceStyle, 200, { 'Content-Type': 'text/css; charset=utf-8', 'Cache-Control': 'public, max-age=3600' }));

  app.get(DEVICE_PAGE, async (c) => {
    const code = c.req.query('code') ?? '';
    if (code === '') return c.html(renderCodeForm({ code }));
    const question = await findQuestion(c, code);
    return question instanceof Response ? question : c.html(renderQuestion({ question, now: clock.now() }));
  });

  const bounded = bodyLimit({
    maxSize: BODY_MAX,
    onError: (c) => c.html(renderCodeForm({ code: '', problem: 'That was more than this form takes.' }), 413),
  });
  app.post(DEVICE_PAGE, bounded, async (c) => {
    if (!isOwnForm(c))
      return c.html(
        renderCodeForm({ code: '', problem: 'That did not come from this page, so nothing was done. Type the code here.' }),
        403,
      );
    const { code, key, decision } = readForm(await c.req.text());
    const question = await findQuestion(c, code);
    if (question instanceof Response) return question;
    if (decision !== 'allow' && decision !== 'deny')
      return c.html(renderQuestion({ question, now: clock.now(), problem: 'Choose Allow or Deny.' }), 400);
    const verdict = await deviceLogins.decide(code, await holderOf(principals, key), decision);
    if (verdict === 'allowed' || verdict === 'denied') return c.html(renderEnd(verdict, question));
    if (verdict === 'gone') return c.html(renderCodeForm({ code, problem: NOBODY_WAITS }), 404);
    return c.html(renderQuestion({ question, now: clock.now(), problem: PROBLEMS[verdict] }), 403);
  });

  app.notFound((c) => c.html(renderCodeForm({ code: '', problem: 'Type the code that the terminal shows.' }), 404));
  app.onError((error, c) => {
    log.error({ err: error, path: c.req.path }, 'Cannot answer the page for the login of a terminal');
    return c.html(
      renderCodeForm({ code: '', problem: 'The server could not answer. Try again in a moment; its log has the reason.' }),
      500,
    );
  });
  return { paths: [DEVICE_PAGE, STYLE], fetch: async (request, facts) => app.fetch(request, facts) };
}

const NOBODY_WAITS = 'No terminal waits with this code. Compare it with what the terminal shows; a code is good for ten minutes, and once.';
const PROBLEMS: Readonly<Record<Exclude<DeviceLoginVerdict, 'allowed' | 'denied' | 'gone'>, string>> = {
  'no-key': 'The server does not know this key, or it has expired.',
  'no-scope': 'This key may not make other keys: it lacks the scope keys.write.',
  'other-project': 'This key belongs to another project than the one that the terminal asks for.',
  'nothing-in-common': 'This key has none of the scopes that the terminal asks for.',
};

/** A key that has expired is as good as none. @throws whatever else can go wrong */
async function holderOf(principals: Pick<Principals, 'identify'>, apiKey: string): Promise<Principal> {
  try {
    return await principals.identify({ apiKey });
  } catch (error) {
    if (isPlatformError(error) && error.code === 'project_key_expired') return anonymous;
    throw error;
  }
}

/**
 * Browsers say truly which page a form was on. `Sec-Fetch-Site` is there over TLS and on this machine, and holds also
 * where a proxy changes the name of the host; without it the origin of the page must be this very host.
 */
function isOwnForm(c: Context<Env>): boolean {
  const site = c.req.header('sec-fetch-site');
  if (site !== undefined) return site === 'same-origin';
  const origin = c.req.header('origin') ?? '';
  return URL.canParse(origin) && new URL(origin).host === c.req.header('host');
}

function readForm(text: string): { code: string; key: string; decision: string } {
  const form = new URLSearchParams(text);
  const field = (name: string): string => (form.get(name) ?? '').trim();
  return { code: field('code'), key: field('key'), decision: field('decision') };
}
