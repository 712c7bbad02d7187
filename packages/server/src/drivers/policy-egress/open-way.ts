/**
 * The decision of the proxy: from a target and the policy behind a token to a connected socket, or to a refusal. A name
 * is resolved once, its addresses are checked, and only those that passed are dialled, as literals: what the name
 * means a moment later has no effect.
 */
import type { Socket } from 'node:net';
import { addressDenial, type AddressRange } from '../../domain/egress-address.ts';
import { type EgressRule, type EgressTarget, formatTarget } from '../../domain/egress-policy.ts';
import { type Dial, dialFirst } from './dial-first.ts';
import type { Resolve } from './dns-resolver.ts';
import type { Refusal } from './refusal.ts';
import type { Endpoint } from './thread-messages.ts';

export interface WayOptions {
  readonly resolve: Resolve;
  readonly dial: Dial;
  /** Ranges that are closed although they are public: this server's own addresses and what the operator named. */
  readonly denied: () => readonly AddressRange[];
  /** Targets, as `formatTarget` writes them, that the operator has opened although they are private. */
  readonly opened: ReadonlySet<string>;
  readonly connectTimeoutMs: number;
}

export interface WayRequest {
  readonly target: EgressTarget;
  readonly rule: EgressRule;
  /** Where the target is the platform itself: the address to dial in its place. */
  readonly platform: Endpoint | undefined;
  readonly signal: AbortSignal;
}

/** More addresses than this are not tried: a name with a thousand of them would make one request a port scan. */
const ADDRESSES_MAX = 6;

/** Rejects only with the reason of `request.signal`. */
export async function openWay(options: WayOptions, request: WayRequest): Promise<Socket | Refusal> {
  const timeout = AbortSignal.timeout(options.connectTimeoutMs);
  const signal = AbortSignal.any([request.signal, timeout]);
  try {
    const endpoints = request.platform === undefined ? await permittedEndpoints(options, request, signal) : [request.platform];
    return 'status' in endpoints ? endpoints : await dialFirst(endpoints, options.dial, signal);
  } catch (error) {
    if (request.signal.aborted) throw error;
    const where = formatTarget(request.target);
    if (timeout.aborted)
      return { status: 504, code: 'ETIMEDOUT', reason: `Cannot reach ${where}: no connection within ${options.connectTimeoutMs} ms` };
    return { status: 502, code: codeOf(error), reason: `Cannot reach ${where}: ${error instanceof Error ? error.message : String(error)}` };
  }
}

/**
 * A name with public and private addresses is reached at the public ones. To refuse it as a whole would close nothing
 * more, since a private address is never dialled, and would break names with split views.
 */
async function permittedEndpoints(
  options: WayOptions,
  { target, rule }: WayRequest,
  signal: AbortSignal,
): Promise<readonly Endpoint[] | Refusal> {
  const cannot = `Cannot reach ${formatTarget(target)}`;
  const denial = rule(target);
  if (denial !== undefined) return { status: 403, reason: `${cannot}: ${denial}` };
  const addresses = target.isAddress ? [target.host] : await resolveAddresses(options.resolve, target.host, signal);
  if (addresses.length === 0) return { status: 502, code: 'ENOTFOUND', reason: `${cannot}: the name has no address` };
  const denied = options.denied();
  const isOpened = options.opened.has(formatTarget(target));
  const checked = addresses.map((address) => ({ address, denial: isOpened ? undefined : addressDenial(address, denied) }));
  const permitted = checked.filter((candidate) => candidate.denial === undefined);
  if (permitted.length > 0) return permitted.slice(0, ADDRESSES_MAX).map(({ address }) => ({ host: address, port: target.port }));
  const [first] = checked;
  return { status: 403, reason: `${cannot}: ${first?.address} is ${first?.denial}, and functions may reach public addresses only` };
}

async function resolveAddresses(resolve: Resolve, host: string, signal: AbortSignal): Promise<string[]> {
  const aborted = Promise.withResolvers<never>();
  const abort = () => aborted.reject(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  try {
    const found = await Promise.race([resolve(host), aborted.promise]);
    return found.map(({ address }) => address);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'EPROTO';
}
