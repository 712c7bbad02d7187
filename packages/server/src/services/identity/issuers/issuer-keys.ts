/**
 * The public keys of issuers: fetched when first needed, kept, and fetched again when a token names a key that is not
 * among them, but not more often than twice a minute: strangers choose what their tokens name.
 */
import { PlatformError } from '@martlet/protocol';
import { createLocalJWKSet, errors, type JWTVerifyGetKey, type JSONWebKeySet } from 'jose';
import { LRUCache } from 'lru-cache';
import { z } from 'zod';
import { discoveryUrl, type TrustedIssuer } from '../../../domain/identity/trusted-issuer.ts';
import type { Clock } from '../../../ports/system/clock.ts';
import type { WebReader } from '../../../ports/web-reader.ts';

const ISSUERS_MAX = 200;
const FRESH_FOR_MS = 10 * 60_000;
/** Keys that cannot be read anew are still good for so long: the issuer may be down for an hour. */
const USABLE_FOR_MS = 24 * 3_600_000;
const AGAIN_AFTER_MS = 30_000;
const KEYS_MAX = 100;

const discovery = z.object({ issuer: z.string(), jwks_uri: z.url({ protocol: /^https?$/ }) });
const keySet = z.object({ keys: z.array(z.looseObject({ kty: z.string() })).max(KEYS_MAX) });

export interface IssuerKeys {
  /** Finds the key for a token, as `jwtVerify` asks for it. It throws `oidc_unavailable` where there are no keys. */
  finderOf(issuer: TrustedIssuer): JWTVerifyGetKey;
  /** Reads them anew. @throws {Error} with the reason */
  read(issuer: TrustedIssuer): Promise<void>;
}

interface KnownKeys {
  find: JWTVerifyGetKey | undefined;
  readAt: number;
  triedAt: number;
  failure: string;
  reading: Promise<void> | undefined;
}

export function createIssuerKeys({ web, clock }: { web: WebReader; clock: Clock }): IssuerKeys {
  const known = new LRUCache<string, KnownKeys>({ max: ISSUERS_MAX });

  function entryOf(issuer: TrustedIssuer): KnownKeys {
    const id = JSON.stringify([issuer.issuer, issuer.jwksUrl]);
    const found = known.get(id);
    if (found !== undefined) return found;
    const entry: KnownKeys = { find: undefined, readAt: 0, triedAt: 0, failure: '', reading: undefined };
    known.set(id, entry);
    return entry;
  }

  async function fetchInto(entry: KnownKeys, issuer: TrustedIssuer): Promise<void> {
    entry.triedAt = clock.now();
    try {
      const address = issuer.jwksUrl === '' ? await discover(web, issuer.issuer) : issuer.jwksUrl;
      const parsed = keySet.safeParse(await web.readJson(address));
      if (!parsed.success) throw new Error(`Cannot use the keys at ${address}: they are not a JSON Web Key Set`);
      entry.find = createLocalJWKSet(parsed.data as JSONWebKeySet);
      entry.readAt = clock.now();
      entry.failure = '';
    } catch (error) {
      entry.failure = error instanceof Error ? error.message : String(error);
      throw error;
    }
  }

  /** Whoever comes while they are being read waits for the same reading. */
  function readAnew(entry: KnownKeys, issuer: TrustedIssuer): Promise<void> {
    entry.reading ??= fetchInto(entry, issuer).finally(() => {
      entry.reading = undefined;
    });
    return entry.reading;
  }

  async function usable(entry: KnownKeys, issuer: TrustedIssuer): Promise<JWTVerifyGetKey> {
    const age = clock.now() - entry.readAt;
    if (entry.find === undefined || age > FRESH_FOR_MS) {
      const mayTry = entry.reading !== undefined || clock.now() - entry.triedAt >= AGAIN_AFTER_MS;
      // What went wrong is kept in the entry, and told where there are no older keys to go on with.
      if (mayTry) await readAnew(entry, issuer).catch(() => undefined);
    }
    if (entry.find === undefined || clock.now() - entry.readAt > USABLE_FOR_MS)
      throw new PlatformError('oidc_unavailable', {
        message: `Cannot verify tokens of ${issuer.issuer}: ${entry.failure}.`,
        retryAfterSeconds: 30,
      });
    return entry.find;
  }

  return {
    finderOf: (issuer) => async (header, token) => {
      const entry = entryOf(issuer);
      const find = await usable(entry, issuer);
      try {
        return await find(header, token);
      } catch (error) {
        if (!(error instanceof errors.JWKSNoMatchingKey) || clock.now() - entry.triedAt < AGAIN_AFTER_MS) throw error;
      }
      await readAnew(entry, issuer).catch(() => undefined);
      return (entry.find ?? find)(header, token);
    },
    read: (issuer) => readAnew(entryOf(issuer), issuer),
  };
}

async function discover(web: WebReader, issuer: string): Promise<string> {
  const address = discoveryUrl(issuer);
  const parsed = discovery.safeParse(await web.readJson(address));
  if (!parsed.success) throw new Error(`Cannot use ${address}: it is not a discovery document with issuer and jwks_uri`);
  // RFC 8414, section 3.3: otherwise one issuer could pass for another.
  if (parsed.data.issuer !== issuer) throw new Error(`Cannot use ${address}: it is the document of another issuer`);
  return parsed.data.jwks_uri;
}
