/**
 * The only way out of a sandbox: a proxy on a unix socket. A worker shows a token; the policy behind the token decides.
 * The proxy resolves a name first, checks the *address*, then dials that address, so that a name cannot be re-bound.
 */
import type { EgressPolicy } from '@martlet/protocol';

export interface EgressGrant {
  readonly policy: EgressPolicy;
  /** For the log and for metrics. */
  readonly projectId: string;
  readonly functionId: string;
}

export interface Egress {
  /** Path of the unix socket on the host, to be bound into sandboxes. */
  readonly socketPath: string;
  /** Lets the bearer of a fresh token out under a policy, until `revoke`. Returns the token. */
  grant(grant: EgressGrant): string;
  /** Forgets the token and cuts every connection that was opened with it. */
  revoke(token: string): void;
  /**
   * Names and ports that mean the platform itself although their address is private: they are dialled at `address`.
   * Replaces the former list.
   */
  setPlatform(hosts: readonly { host: string; port: number }[], address: { host: string; port: number }): void;
  close(): Promise<void>;
}
