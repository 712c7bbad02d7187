/**
 * `dns.lookup` in a sandbox: there is nobody to ask. The message says what to do instead, where the system's own would
 * be `EAI_AGAIN`, which reads like an outage.
 */
// oxlint-disable no-underscore-dangle -- this is Node's name
import type dns from 'node:dns';
import { isIP } from 'node:net';

type Lookup = typeof dns.lookup;
type LookupPromise = typeof dns.promises.lookup;

/** Addresses and `localhost` need nobody's answer and go to Node's own lookup. */
export function failingLookup(own: Lookup): Lookup {
  const lookup = (host: string, ...rest: unknown[]): void => {
    const callback = rest.findLast((value) => typeof value === 'function');
    if (needsNobody(host) || callback === undefined) Reflect.apply(own, undefined, [host, ...rest]);
    else process.nextTick(callback, lookupError(host));
  };
  // The promisified form is a property that `util.promisify` looks for.
  return Object.assign(lookup, { __promisify__: own.__promisify__ }) as Lookup;
}

export function failingLookupPromise(own: LookupPromise): LookupPromise {
  const lookup = (host: string, ...rest: unknown[]): unknown =>
    needsNobody(host) ? Reflect.apply(own, undefined, [host, ...rest]) : Promise.reject(lookupError(host));
  return lookup as LookupPromise;
}

function needsNobody(host: unknown): boolean {
  return typeof host !== 'string' || host === '' || host === 'localhost' || isIP(host) !== 0;
}

function lookupError(hostname: string): Error {
  const error = new Error(
    `Cannot look up ${hostname}: names are resolved outside of the sandbox. Connect to the name itself, without resolving it first`,
  );
  return Object.assign(error, { code: 'ENOTFOUND', syscall: 'getaddrinfo', hostname });
}
