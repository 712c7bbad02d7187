/** The user's own side of signing up, in and out, as the Appwrite clients have it. */
import type { CallerIdentity, FreshToken } from './identity.ts';
import { named, segment } from './functions/function-executions.ts';
import type { SessionStorage } from './options.ts';
import type { Session, User } from './resources.ts';
import type { ApiOptions, Http } from './transport/http.ts';

export interface CreateUser {
  /** Default: a fresh id. */
  readonly userId?: string | undefined;
  readonly email: string;
  readonly password: string;
  readonly name?: string | undefined;
}

export interface EmailPassword {
  readonly email: string;
  readonly password: string;
}

/** Whoever signs in here is who the client is from then on, for functions too. */
export interface Account {
  /** Signs up. It does not sign in. */
  create(user: CreateUser): Promise<User>;
  create(userId: string, email: string, password: string, name?: string): Promise<User>;
  createAnonymousSession(): Promise<Session>;
  createEmailPasswordSession(credentials: EmailPassword): Promise<Session>;
  createEmailPasswordSession(email: string, password: string): Promise<Session>;
  get(): Promise<User>;
  /** A token that shows this user elsewhere, for `duration` seconds (default 900). The client renews its own by itself. */
  createJWT(options?: { readonly duration?: number | undefined }): Promise<{ jwt: string }>;
  createJWT(duration?: number): Promise<{ jwt: string }>;
  /** Signs out; `current` is the session of this client. */
  deleteSession(which?: { readonly sessionId: string }): Promise<void>;
  deleteSession(sessionId: string): Promise<void>;
}

export interface AccountOptions {
  readonly http: Http;
  readonly identity: CallerIdentity;
  readonly storage: SessionStorage | undefined;
}

const JWT_SECONDS = 900;

export function createAccount({ http, identity, storage }: AccountOptions): Account {
  const { project } = http.server;
  const storageKey = `martlet_session_${project ?? 'default'}`;
  let secret = storage?.getItem(storageKey) ?? undefined;
  if (secret !== undefined) identity.setSession(mint);

  /** A session is shown by its secret; where a page may not see that, by the cookie that the browser keeps. */
  function call<Resource>(method: string, path: string, body?: object): Promise<Resource> {
    return http.api<Resource>(method, `/account${path}`, optionsOf(body));
  }

  function optionsOf(body?: object): ApiOptions {
    const session = secret === undefined || secret === '' ? undefined : { 'x-appwrite-session': secret };
    return { body, credentials: 'include', ...(session === undefined ? {} : { headers: session }) };
  }

  async function mint(): Promise<FreshToken> {
    const { jwt } = await call<{ jwt: string }>('POST', '/jwts', { duration: JWT_SECONDS });
    return { token: jwt, seconds: JWT_SECONDS };
  }

  async function signIn(path: string, body: object): Promise<Session> {
    forget();
    const { response, deadline } = await http.openApi('POST', `/account/sessions/${path}`, optionsOf(body));
    try {
      const session = (await response.json()) as Session;
      secret = secretOf(session, response.headers);
      storage?.setItem(storageKey, secret);
      identity.setSession(mint);
      return session;
    } catch (error) {
      throw deadline.explain(error, 'read the session');
    } finally {
      deadline.end();
    }
  }

  function forget(): void {
    secret = undefined;
    storage?.removeItem(storageKey);
    identity.setSession(undefined);
  }

  return {
    async create(...args: unknown[]) {
      const user = named<CreateUser>(args, ['userId', 'email', 'password', 'name']);
      return call<User>('POST', '', { userId: 'unique()', ...user });
    },
    createAnonymousSession: async () => signIn('anonymous', {}),
    createEmailPasswordSession: async (...args: unknown[]) => signIn('email', named<EmailPassword>(args, ['email', 'password'])),
    get: async () => call<User>('GET', ''),
    async createJWT(...args: unknown[]) {
      return call<{ jwt: string }>('POST', '/jwts', named<{ duration: number }>(args, ['duration']));
    },
    async deleteSession(...args: unknown[]) {
      const { sessionId = 'current' } = named<{ sessionId: string }>(args, ['sessionId']);
      await call('DELETE', `/sessions/${segment('sessionId', sessionId)}`);
      if (sessionId === 'current') forget();
    },
  };
}

/** From where the server lets this runtime see it; empty where only the browser's cookie has it. */
function secretOf({ secret }: Session, headers: Headers): string {
  if (typeof secret === 'string' && secret !== '') return secret;
  const fallback = headers.get('x-fallback-cookies');
  if (fallback !== null) {
    const [first] = Object.values(JSON.parse(fallback) as Record<string, string>);
    if (first !== undefined) return first;
  }
  // Pages never see cookies that are set for them; elsewhere nobody else keeps them.
  const cookie = headers.getSetCookie?.().map((text) => /^a_session_[^=;]+=([^;]+)/.exec(text)?.[1]);
  return cookie?.find((value) => value !== undefined) ?? '';
}
