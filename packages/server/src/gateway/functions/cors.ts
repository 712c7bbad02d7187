/** Cross-origin calls of functions: the platform answers for the origins it was told of, functions for all others. */
import type { IncomingMessage } from 'node:http';

export interface Cors {
  /** Headers to add to an answer; empty for callers that need none. */
  headersFor(request: IncomingMessage): readonly string[];
  /** Headers of the answer to a preflight of an allowed origin, else undefined: then the function answers it. */
  preflight(request: IncomingMessage): readonly string[] | undefined;
}

const METHODS = 'GET, POST, PUT, PATCH, DELETE, HEAD, OPTIONS';
/** What a page may see of an answer beside what its function exposes. */
const EXPOSED = 'x-martlet-execution-id, x-appwrite-execution-id, retry-after';
const MAX_AGE_SECONDS = '600';
const NONE: readonly string[] = [];

/** `origins`: exact origins; `*` allows all, without credentials. */
export function createCors(origins: readonly string[]): Cors {
  const allowed = new Set(origins);
  const headers = (request: IncomingMessage): readonly string[] => {
    const { origin } = request.headers;
    if (origin === undefined) return NONE;
    const exposed = ['access-control-expose-headers', EXPOSED];
    if (allowed.has(origin))
      return ['access-control-allow-origin', origin, 'access-control-allow-credentials', 'true', ...exposed, 'vary', 'Origin'];
    return allowed.has('*') ? ['access-control-allow-origin', '*', ...exposed] : NONE;
  };
  return {
    headersFor: headers,
    preflight(request) {
      if (request.method !== 'OPTIONS' || request.headers['access-control-request-method'] === undefined) return undefined;
      const base = headers(request);
      if (base.length === 0) return undefined;
      const asked = request.headers['access-control-request-headers'];
      return [
        ...base,
        'access-control-allow-methods',
        METHODS,
        'access-control-max-age',
        MAX_AGE_SECONDS,
        ...(asked === undefined ? [] : ['access-control-allow-headers', asked]),
      ];
    },
  };
}
