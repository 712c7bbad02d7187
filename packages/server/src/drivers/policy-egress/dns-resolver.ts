/**
 * Resolves names by asking the name servers of the machine. Not getaddrinfo: it runs in the thread pool that file
 * access shares, where a few slow names of one function would make everyone wait. Names of /etc/hosts are therefore
 * not known here; the addresses they stand for are private ones, as a rule, and closed anyway.
 */
import { Resolver } from 'node:dns/promises';

/** All addresses of a name, in the order in which to try them. Rejects with an error that has a `code`. */
export type Resolve = (host: string) => Promise<readonly { readonly address: string; readonly family: number }[]>;

const QUERY_TIMEOUT_MS = 3000;
const TRIES = 2;
const SYSTEM_CODES: Readonly<Record<string, string>> = { ENODATA: 'ENOTFOUND', ENOTFOUND: 'ENOTFOUND', EBADNAME: 'ENOTFOUND' };

export function createDnsResolver(): Resolve {
  const resolver = new Resolver({ timeout: QUERY_TIMEOUT_MS, tries: TRIES });
  return async (host) => {
    const [four, six] = await Promise.allSettled([resolver.resolve4(host), resolver.resolve6(host)]);
    const addresses = [...found(four, 4), ...found(six, 6)];
    if (addresses.length > 0 || four.status === 'fulfilled') return addresses;
    throw asLookupError(four.reason);
  };
}

function found(result: PromiseSettledResult<string[]>, family: number): { address: string; family: number }[] {
  return result.status === 'fulfilled' ? result.value.map((address) => ({ address, family })) : [];
}

/** Programs know the codes of getaddrinfo: a name that does not exist, or a server that does not answer. */
function asLookupError(reason: unknown): Error {
  const code = reason instanceof Error && 'code' in reason ? String(reason.code) : '';
  return Object.assign(new Error(`the name servers answered ${code || 'with an error'}`, { cause: reason }), {
    code: SYSTEM_CODES[code] ?? 'EAI_AGAIN',
  });
}
