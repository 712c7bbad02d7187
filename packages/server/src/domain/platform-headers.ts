/**
 * Headers that only the platform may set. Whatever a caller sends under such a name never reaches a function: in any
 * case, with underscores for hyphens, once or many times.
 */
const PREFIXES = ['x-appwrite-', 'x-martlet-', 'base44-', 'x-open-runtimes-'];
const NAMES = new Set([
  'x-data-env',
  'x-forwarded-for',
  'x-forwarded-authorization',
  'cf-connecting-ip',
  'proxy-authorization',
  'x-fallback-cookies',
]);
/** Of one connection only (RFC 9110, section 7.6.1); a function sees a request, not a connection. */
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'transfer-encoding',
  'te',
  'trailer',
  'upgrade',
  'proxy-connection',
  'proxy-authenticate',
]);

export function isPlatformHeader(name: string): boolean {
  const normal = normalize(name);
  return NAMES.has(normal) || PREFIXES.some((prefix) => normal.startsWith(prefix));
}

export function isHopByHop(lowerCaseName: string): boolean {
  return HOP_BY_HOP.has(lowerCaseName);
}

function normalize(name: string): string {
  const lower = name.toLowerCase();
  return lower.includes('_') ? lower.replaceAll('_', '-') : lower;
}
