/** Who may go out: tokens, the rule behind each, and the connections that were opened with it. */
import { hash } from 'node:crypto';
import { compileEgressPolicy, type EgressRule, type EgressTarget, parseEgressTarget, formatTarget } from '../../domain/egress-policy.ts';
import type { EgressGrant } from '../../ports/egress.ts';
import type { Endpoint } from './thread-messages.ts';

export interface LiveGrant {
  readonly grant: EgressGrant;
  readonly rule: EgressRule;
  /** One per connection, open or being opened: aborting it cuts the connection. */
  readonly connections: Set<AbortController>;
}

export interface Grants {
  add(token: string, grant: EgressGrant): void;
  /** Cuts what was opened with the token. */
  remove(token: string): void;
  find(token: string): LiveGrant | undefined;
  setPlatform(hosts: readonly Endpoint[], address: Endpoint): void;
  /** The address to dial when the target is the platform. */
  platformAddress(target: EgressTarget): Endpoint | undefined;
  /** Whether the host is the platform's, whatever the port. */
  isPlatformHost(host: string): boolean;
  clear(): void;
}

export function createGrants(): Grants {
  const grants = new Map<string, LiveGrant>();
  let platform = new Map<string, Endpoint>();
  let platformHosts = new Set<string>();

  function remove(key: string): void {
    for (const connection of grants.get(key)?.connections ?? []) connection.abort();
    grants.delete(key);
  }
  return {
    add(token, grant) {
      grants.set(keyOf(token), { grant, rule: compileEgressPolicy(grant.policy), connections: new Set() });
    },
    remove: (token) => remove(keyOf(token)),
    find: (token) => grants.get(keyOf(token)),
    setPlatform(hosts, address) {
      const targets = hosts.map((host) => parseEgressTarget(formatTarget(host))).filter((target) => target !== undefined);
      platform = new Map(targets.map((target) => [formatTarget(target), address]));
      platformHosts = new Set(targets.map((target) => target.host));
    },
    platformAddress: (target) => platform.get(formatTarget(target)),
    isPlatformHost: (host) => platformHosts.has(host),
    clear() {
      for (const key of grants.keys()) remove(key);
    },
  };
}

/** Looked up by hash, so that the time of a look-up tells nothing about the tokens there are. */
function keyOf(token: string): string {
  return hash('sha256', token, 'base64');
}
