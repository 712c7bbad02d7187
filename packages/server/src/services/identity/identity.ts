/** Puts the services of identity together. */
import type { Limits } from '@martlet/protocol';
import type { Clock } from '../../ports/system/clock.ts';
import type { Ids } from '../../ports/system/ids.ts';
import type { Log } from '../../ports/system/log.ts';
import type { Store } from '../../ports/store.ts';
import type { Vault } from '../../ports/vault.ts';
import type { WebReader } from '../../ports/web-reader.ts';
import type { Changes } from '../changes.ts';
import type { PlatformNews } from '../events/platform-news.ts';
import { createDeviceLogins, type DeviceLogins, type DeviceLoginsOptions } from './device-logins.ts';
import { createIssuerKeys } from './issuers/issuer-keys.ts';
import { createIssuerUsers } from './issuers/issuer-users.ts';
import { createKnownUsers } from './known-users.ts';
import { createPasswords, type PasswordCost } from './passwords.ts';
import { createRateLimiter, type RateLimiter } from './rate-limiter.ts';
import { createSessions, type Sessions } from './sessions.ts';
import { createTeams, type Teams } from './teams.ts';
import { createTrustedIssuers, type TrustedIssuers } from './issuers/trusted-issuers.ts';
import { createUserPrincipals, type UserPrincipals } from './user-principals.ts';
import { createUsers, type Users } from './users.ts';
import { createUserTokens } from './user-tokens.ts';

export interface Identity {
  readonly users: Users;
  readonly sessions: Sessions;
  readonly teams: Teams;
  readonly issuers: TrustedIssuers;
  readonly userPrincipals: UserPrincipals;
  readonly rates: RateLimiter;
  readonly deviceLogins: DeviceLogins;
  stop(): void;
}

export interface IdentityOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
  readonly vault: Vault;
  readonly web: WebReader;
  readonly changes: Changes;
  readonly news: PlatformNews;
  readonly keys: DeviceLoginsOptions['keys'];
  readonly defaultProject: string;
  readonly limits: Limits;
  readonly passwordCost?: PasswordCost;
}

export function createIdentity(options: IdentityOptions): Identity {
  const { store, clock, ids, log, vault, web, changes, news, limits, passwordCost } = options;
  const passwords = createPasswords({ ids, ...(passwordCost && { cost: passwordCost }) });
  const tokens = createUserTokens({ store, vault, clock, ids });
  const keys = createIssuerKeys({ web, clock });
  const issuers = createTrustedIssuers({ store, clock, changes, keys, web });
  const issuerUsers = createIssuerUsers({ store, issuers, keys, clock, changes, news });
  const known = createKnownUsers({ store, clock, log, changes });
  const sessions = createSessions({ store, clock, ids, log, changes, passwords, tokens, news, limits });
  const rates = createRateLimiter(clock);
  const deviceLogins = createDeviceLogins({ store, keys: options.keys, rates, clock, ids, log, home: options.defaultProject });
  return {
    users: createUsers({ store, clock, ids, changes, passwords, news }),
    sessions,
    teams: createTeams({ store, clock, ids, changes, news }),
    issuers,
    userPrincipals: createUserPrincipals({ store, clock, users: known, tokens, issuerUsers }),
    rates,
    deviceLogins,
    stop() {
      sessions.stop();
      deviceLogins.stop();
    },
  };
}
