/**
 * The address that a rate limit counts. Behind a trusted proxy it is the last one of X-Forwarded-For: that one the proxy
 * has written, those before it a caller may have made up.
 */
export function clientAddress(remote: string, forwardedFor: string | null | undefined, trustProxy: boolean): string {
  const last = trustProxy ? forwardedFor?.split(',').at(-1)?.trim() : undefined;
  return last === undefined || last === '' ? remote : last;
}
