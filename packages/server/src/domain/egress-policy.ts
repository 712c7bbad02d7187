/**
 * Where the policy of a function lets it connect to, by name and port. This is the first of two questions: the second,
 * whether the address behind the name is public, is asked of every address in `egress-address.ts`.
 */
import type { EgressPolicy } from '@martlet/protocol';

export interface EgressTarget {
  /** Lower case ASCII without a trailing dot, or an address literal without brackets. */
  readonly host: string;
  /** 1–65535. */
  readonly port: number;
  /** Whether `host` is an address and not a name. */
  readonly isAddress: boolean;
}

/** Why a target is denied, as words that follow "Cannot reach x:"; undefined where it is allowed. */
export type EgressRule = (target: EgressTarget) => string | undefined;

interface Pattern {
  readonly host: string;
  readonly subdomainsOnly: boolean;
  readonly ports: readonly number[];
}

const DEFAULT_PORTS = [80, 443];
/** Mail from a functions platform is spam until proven otherwise; submission with a password (465, 587) stays open. */
const SMTP = 25;
const NAME_LENGTH_MAX = 253;

/** Reads a policy once, so that asking is cheap. A pattern that is not valid allows nothing. */
export function compileEgressPolicy(policy: EgressPolicy): EgressRule {
  if (policy === 'none') return () => 'the egress policy of the function is "none"';
  if (policy === 'public') return portDenial;
  const patterns = policy.allow.flatMap((text) => parsePattern(text) ?? []);
  return (target) => {
    if (patterns.some((pattern) => matches(pattern, target))) return portDenial(target);
    return `the egress policy of the function does not allow ${formatTarget(target)}`;
  };
}

/** Reads `host:port` of a CONNECT request; undefined for what is not one. */
export function parseEgressTarget(authority: string): EgressTarget | undefined {
  const parts = splitPort(authority);
  if (parts?.port === undefined) return undefined;
  const host = normaliseHost(parts.host);
  return host === undefined ? undefined : { ...host, port: parts.port };
}

/** `host:port`, with brackets around an IPv6 address. */
export function formatTarget(target: Pick<EgressTarget, 'host' | 'port'>): string {
  return target.host.includes(':') ? `[${target.host}]:${target.port}` : `${target.host}:${target.port}`;
}

function portDenial(target: EgressTarget): string | undefined {
  return target.port === SMTP ? 'port 25 is closed for functions' : undefined;
}

function matches(pattern: Pattern, target: EgressTarget): boolean {
  if (!pattern.ports.includes(target.port)) return false;
  if (!pattern.subdomainsOnly) return target.host === pattern.host;
  return !target.isAddress && target.host.endsWith(`.${pattern.host}`);
}

function parsePattern(text: string): Pattern | undefined {
  const parts = splitPort(text);
  if (parts === undefined) return undefined;
  const subdomainsOnly = parts.host.startsWith('*.');
  const host = normaliseHost(subdomainsOnly ? parts.host.slice(2) : parts.host);
  if (host === undefined || host.host.includes('*') || (subdomainsOnly && host.isAddress)) return undefined;
  return { host: host.host, subdomainsOnly, ports: parts.port === undefined ? DEFAULT_PORTS : [parts.port] };
}

function splitPort(text: string): { readonly host: string; readonly port: number | undefined } | undefined {
  const found = /^(\[[^\]]*\]|[^:]*)(?::(\d{1,5}))?$/.exec(text);
  if (found === null) return undefined;
  const [, host = '', digits] = found;
  if (digits === undefined) return { host, port: undefined };
  const port = Number(digits);
  return port >= 1 && port <= 65_535 ? { host, port } : undefined;
}

/**
 * One spelling for every host. The URL parser turns octal, hex, short and full-width spellings of an address into the
 * address they mean, so that no later check sees a name where the system's resolver would see an address.
 */
function normaliseHost(text: string): Pick<EgressTarget, 'host' | 'isAddress'> | undefined {
  // These would end the host inside a URL, or be dropped from it without a word.
  // oxlint-disable-next-line no-control-regex
  if (text === '' || /[\u0000-\u0020\u007f/\\?#@]/.test(text)) return undefined;
  const url = URL.parse(`http://${text}/`);
  if (url === null) return undefined;
  if (url.hostname.startsWith('[')) return { host: url.hostname.slice(1, -1), isAddress: true };
  const host = url.hostname.replace(/\.$/, '');
  if (host === '' || host.length > NAME_LENGTH_MAX) return undefined;
  // A host whose last part is a number is an IPv4 address for the URL parser, or else it does not parse.
  return { host, isAddress: /(^|\.)\d+$/.test(host) };
}
