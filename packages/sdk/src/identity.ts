/** Who a client is towards the server. Credentials live in closures here and are in no field that could be printed. */

export interface Identity {
  /** Bearer token of the next request; undefined: nobody in particular. */
  token(): Promise<string | undefined> | string | undefined;
}

/** A user, else a key, else nobody. Who signs in, or is given a token, is no longer the key. */
export interface CallerIdentity extends Identity {
  setToken(token: string | undefined): void;
  /** The source of JWTs while a user is signed in; undefined signs out. */
  setSession(mint: (() => Promise<FreshToken>) | undefined): void;
}

export interface FreshToken {
  readonly token: string;
  /** For how long the server said it is good. */
  readonly seconds: number;
}

/** A JWT is replaced when this much of its time is over; the clocks of both sides need not agree. */
const USED_FOR = 0.8;

export function createCallerIdentity(apiKey: string | undefined, firstToken: string | undefined): CallerIdentity {
  let given = firstToken;
  let mint: (() => Promise<FreshToken>) | undefined;
  let minted: Promise<string> | undefined;
  let staleAt = 0;

  const fresh = (source: () => Promise<FreshToken>): Promise<string> => {
    if (minted !== undefined && performance.now() < staleAt) return minted;
    // Requests that start meanwhile wait for the same token.
    staleAt = Number.POSITIVE_INFINITY;
    const asked = performance.now();
    const token = source().then(
      (got) => {
        if (minted === token) staleAt = asked + got.seconds * 1000 * USED_FOR;
        return got.token;
      },
      (error: unknown) => {
        if (minted === token) minted = undefined;
        throw error;
      },
    );
    minted = token;
    return token;
  };

  return {
    token: () => given ?? (mint === undefined ? apiKey : fresh(mint)),
    setToken(token) {
      given = token;
    },
    setSession(source) {
      mint = source;
      minted = undefined;
    },
  };
}
