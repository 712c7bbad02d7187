/** An OpenID Connect issuer on this machine, with keys that a test may rotate. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, exportSPKI, generateKeyPair, SignJWT, type JWK, type JWTPayload } from 'jose';

export interface TokenOptions {
  readonly issuer?: string;
  readonly audience?: string;
  /** Seconds from now. */
  readonly expiresIn?: number;
  readonly notBeforeIn?: number;
  readonly kid?: string;
}

export type Issuer = Awaited<ReturnType<typeof startIssuer>>;

export const AUDIENCE = 'the-app';

export async function startIssuer(algorithm: 'RS256' | 'ES256' | 'EdDSA' = 'RS256') {
  const asked: string[] = [];
  const state: {
    kid: string;
    status: number;
    keys: JWK[];
    pair: Awaited<ReturnType<typeof generateKeyPair>>;
    discoveredIssuer: string | undefined;
  } = {
    kid: 'k1',
    status: 200,
    keys: [],
    pair: await generateKeyPair(algorithm, { extractable: true }),
    discoveredIssuer: undefined,
  };
  const publish = async () => {
    state.keys.push({ ...(await exportJWK(state.pair.publicKey)), kid: state.kid, alg: algorithm, use: 'sig' });
  };
  await publish();
  const server = createServer((request, response) => {
    asked.push(request.url ?? '');
    const body =
      request.url === '/.well-known/openid-configuration'
        ? { issuer: state.discoveredIssuer ?? url, jwks_uri: `${url}/keys` }
        : request.url === '/keys'
          ? { keys: state.keys }
          : undefined;
    response.writeHead(body === undefined ? 404 : state.status, { 'content-type': 'application/json' }).end(JSON.stringify(body ?? {}));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const url = `http://${host}`;

  return {
    url,
    host,
    /** Paths that were asked for. */
    asked,
    state,
    async rotate(kid: string) {
      state.kid = kid;
      state.pair = await generateKeyPair(algorithm, { extractable: true });
      await publish();
    },
    publicKeyText: () => exportSPKI(state.pair.publicKey),
    token(claims: JWTPayload, { issuer = url, audience = AUDIENCE, expiresIn = 300, notBeforeIn, kid = state.kid }: TokenOptions = {}) {
      const now = Math.floor(Date.now() / 1000);
      const draft = new SignJWT(claims)
        .setProtectedHeader({ alg: algorithm, kid })
        .setIssuer(issuer)
        .setAudience(audience)
        .setIssuedAt(now)
        .setExpirationTime(now + expiresIn);
      return (notBeforeIn === undefined ? draft : draft.setNotBefore(now + notBeforeIn)).sign(state.pair.privateKey);
    },
    close: () => new Promise((resolve) => server.close(resolve)),
  };
}
