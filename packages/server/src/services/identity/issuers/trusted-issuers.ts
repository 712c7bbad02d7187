/** The issuer that a project trusts: set, read and remembered. */
import { PlatformError } from '@martlet/protocol';
import { LRUCache } from 'lru-cache';
import { issuerProblem, type TrustedIssuer } from '../../../domain/identity/trusted-issuer.ts';
import type { Clock } from '../../../ports/system/clock.ts';
import type { Store } from '../../../ports/store.ts';
import type { WebReader } from '../../../ports/web-reader.ts';
import type { Changes } from '../../changes.ts';
import type { IssuerKeys } from './issuer-keys.ts';

const SETTING = 'trusted-issuer';
const PROJECTS_MAX = 1000;
/** Bounds how long another process goes on with the former issuer. */
const KNOWN_FOR_MS = 60_000;

export interface TrustedIssuers {
  /** Of a project, or null; answers at once when it is known. */
  find(projectId: string): TrustedIssuer | null | Promise<TrustedIssuer | null>;
  /** @throws {PlatformError} `oidc_not_found` */
  get(projectId: string): Promise<TrustedIssuer>;
  /** Takes it only when its keys can be read. @throws {PlatformError} `general_argument_invalid` */
  put(projectId: string, issuer: TrustedIssuer): Promise<TrustedIssuer>;
  /** @throws {PlatformError} `oidc_not_found` */
  delete(projectId: string): Promise<void>;
}

export interface TrustedIssuersOptions {
  readonly store: Pick<Store, 'settings'>;
  readonly clock: Clock;
  readonly changes: Changes;
  readonly keys: IssuerKeys;
  readonly web: Pick<WebReader, 'isPrivateHost'>;
}

export function createTrustedIssuers({ store, clock, changes, keys, web }: TrustedIssuersOptions): TrustedIssuers {
  const known = new LRUCache<string, { issuer: TrustedIssuer | null; readAt: number }>({ max: PROJECTS_MAX });
  let generation = 0;
  changes.subscribe(({ kind, projectId }) => {
    if (kind !== 'issuer') return;
    generation += 1;
    known.delete(projectId);
  });

  async function read(projectId: string): Promise<TrustedIssuer | null> {
    const asked = generation;
    const stored = await store.settings.get(projectId, SETTING);
    const issuer = stored === null ? null : (JSON.parse(stored) as TrustedIssuer);
    if (asked === generation) known.set(projectId, { issuer, readAt: clock.now() });
    return issuer;
  }

  return {
    find(projectId) {
      const found = known.get(projectId);
      return found !== undefined && clock.now() - found.readAt < KNOWN_FOR_MS ? found.issuer : read(projectId);
    },

    async get(projectId) {
      const issuer = await read(projectId);
      if (issuer === null) throw new PlatformError('oidc_not_found');
      return issuer;
    },

    async put(projectId, issuer) {
      const problem = issuerProblem(issuer, (host) => web.isPrivateHost(host));
      if (problem !== undefined)
        throw new PlatformError('general_argument_invalid', `Invalid \`${problem.param}\` param: ${problem.reason}`);
      await keys.read(issuer).catch((cause: unknown) => {
        const reason = cause instanceof Error ? cause.message : String(cause);
        throw new PlatformError('general_argument_invalid', { message: `Invalid \`issuer\` param: ${reason}`, cause });
      });
      await store.settings.put(projectId, SETTING, JSON.stringify(issuer));
      changes.announce({ kind: 'issuer', projectId });
      return issuer;
    },

    async delete(projectId) {
      if (!(await store.settings.delete(projectId, SETTING))) throw new PlatformError('oidc_not_found');
      changes.announce({ kind: 'issuer', projectId });
    },
  };
}
