/**
 * Logins of terminals, in the manner of RFC 8628: a terminal starts one and shows a short code, a person with a key
 * allows or denies it on a page, the terminal asks until it is given a key of its own. Everything lies in the store, so
 * that any node answers; every change names the text that it replaces, so that of several at once one happens.
 */
import { hash, timingSafeEqual } from 'node:crypto';
import { PlatformError } from '@martlet/protocol';
import {
  deviceCodeAt,
  LOGIN_PLACES,
  placeOfDeviceCode,
  placeOfUserCode,
  readUserCode,
  showUserCode,
  userCodeFrom,
} from '../../domain/identity/login-codes.ts';
import type { Principal } from '../../domain/principal.ts';
import type { Clock } from '../../ports/system/clock.ts';
import type { Ids } from '../../ports/system/ids.ts';
import type { Log } from '../../ports/system/log.ts';
import type { KeyRow, Store } from '../../ports/store.ts';
import type { Keys } from '../keys.ts';
import type { RateLimiter } from './rate-limiter.ts';

export interface NewDeviceLogin {
  readonly projectId: string;
  /** Name of the terminal's machine, as it says. */
  readonly machine: string;
  /** What the key shall be able to do; null: all that the key of the person can. */
  readonly scopes: readonly string[] | null;
  readonly address: string;
}

export interface StartedDeviceLogin {
  readonly deviceCode: string;
  readonly userCode: string;
}

/** What a person is asked to decide on. */
export interface DeviceLoginQuestion extends NewDeviceLogin {
  readonly userCode: string;
  readonly createdAt: number;
}

export type DeviceLoginDecision = 'allow' | 'deny';

/** `gone`: nobody waits with this code. The others say why the decision did not count. */
export type DeviceLoginVerdict = 'allowed' | 'denied' | 'gone' | 'no-key' | 'no-scope' | 'other-project' | 'nothing-in-common';

export interface DeviceLogins {
  /** @throws {PlatformError} `general_rate_limit_exceeded` when too many are open */
  start(input: NewDeviceLogin): Promise<StartedDeviceLogin>;
  /** The open login with this code, as a person typed it. */
  find(userCode: string): Promise<DeviceLoginQuestion | undefined>;
  /** `principal`: who the key that was typed belongs to. */
  decide(userCode: string, principal: Principal, decision: DeviceLoginDecision): Promise<DeviceLoginVerdict>;
  /**
   * The key for the terminal that waits; made now, so that it lies nowhere before, and given once.
   * @throws {PlatformError} `login_pending`, `login_slow_down`, `login_denied`, `login_expired`
   */
  collect(deviceCode: string): Promise<{ readonly row: KeyRow; readonly secret: string }>;
  stop(): void;
}

export const LOGIN_SECONDS = 600;
export const LOGIN_INTERVAL_SECONDS = 2;
/** What a terminal may be early by: the way of its requests is not always as long. */
const EARLY_MS = 500;
const SECRET_BYTES = 32;
const KEY_DAYS = 90;
const DAY_MS = 86_400_000;
/** Places that are tried before a terminal is told that there is no room. */
const TRIES = 12;
/** Wrong keys that may be shown for one code. */
const WRONG_KEYS_MAX = 10;
const SWEEP_EVERY_MS = 10 * 60_000;

interface LoginRecord extends NewDeviceLogin {
  readonly deviceHash: string;
  readonly userHash: string;
  readonly createdAt: number;
  readonly expiresAt: number;
  readonly wrongKeys: number;
  readonly state: 'open' | 'denied' | { readonly approver: string; readonly scopes: readonly string[]; readonly keyUntil: number };
}

/** A record and the text it was read from, by which it is replaced. */
interface Found {
  readonly name: string;
  readonly text: string;
  readonly record: LoginRecord;
}

export interface DeviceLoginsOptions {
  readonly store: Pick<Store, 'settings' | 'keys'>;
  readonly keys: Pick<Keys, 'create'>;
  readonly rates: Pick<RateLimiter, 'take'>;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
  /** Project among whose settings logins of all projects lie: a code says nothing of its project. */
  readonly home: string;
}

export function createDeviceLogins({ store, keys, rates, clock, ids, log, home }: DeviceLoginsOptions): DeviceLogins {
  const { settings } = store;
  const timer = setInterval(() => void sweep(), SWEEP_EVERY_MS);
  timer.unref();

  async function sweep(): Promise<void> {
    try {
      for (let place = 0; place < LOGIN_PLACES; place += 1) {
        const found = await read(place);
        if (found !== undefined && isOver(found.record)) await settings.replace(home, found.name, { from: found.text, to: null });
      }
    } catch (error) {
      log.warn({ err: error }, 'Cannot delete logins of terminals that have expired');
    }
  }

  const isOver = ({ expiresAt }: LoginRecord): boolean => expiresAt <= clock.now();

  async function read(place: number): Promise<Found | undefined> {
    const name = nameOf(place);
    const text = await settings.get(home, name);
    return text === null ? undefined : { name, text, record: JSON.parse(text) as LoginRecord };
  }

  /** Puts it there unless a login that is still open has the place. */
  async function take(place: number, record: LoginRecord): Promise<boolean> {
    const text = JSON.stringify(record);
    const found = await read(place);
    if (found === undefined) return (await settings.ensure(home, nameOf(place), text)) === text;
    return isOver(found.record) && settings.replace(home, found.name, { from: found.text, to: text });
  }

  function makeUserCode(): string {
    for (;;) {
      const code = userCodeFrom(Buffer.from(ids.secret(SECRET_BYTES), 'base64url'));
      if (code !== undefined) return code;
    }
  }

  async function findByUserCode(typed: string): Promise<Found | undefined> {
    const code = readUserCode(typed);
    if (code === undefined) return undefined;
    const found = await read(placeOfUserCode(code));
    const open = found !== undefined && found.record.state === 'open' && !isOver(found.record);
    return open && sameDigest(found.record.userHash, digest(code)) ? found : undefined;
  }

  async function findByDeviceCode(code: string): Promise<Found | undefined> {
    const place = placeOfDeviceCode(code);
    const found = place === undefined ? undefined : await read(place);
    if (found === undefined || isOver(found.record)) return undefined;
    return sameDigest(found.record.deviceHash, digest(code)) ? found : undefined;
  }

  const change = ({ name, text, record }: Found, to: Partial<LoginRecord>): Promise<boolean> =>
    settings.replace(home, name, { from: text, to: JSON.stringify({ ...record, ...to }) });

  /** Whoever knows a code may not try keys with it forever. Another change at the same time may count instead. */
  async function countWrongKey(found: Found): Promise<void> {
    const wrongKeys = found.record.wrongKeys + 1;
    await change(found, { wrongKeys, ...(wrongKeys >= WRONG_KEYS_MAX && { state: 'denied' }) });
  }

  /** No later than the key of the person who allows it: nobody gives more than they have. */
  async function allowance(principal: Principal & { kind: 'key' }, { scopes }: LoginRecord): Promise<LoginRecord['state'] | undefined> {
    const row = await store.keys.get(principal.projectId, principal.keyId);
    const granted = row?.scopes.filter((scope) => scopes === null || scopes.includes(scope)) ?? [];
    if (row === null || granted.length === 0) return undefined;
    return { approver: row.id, scopes: granted, keyUntil: Math.min(row.expiresAt ?? Infinity, clock.now() + KEY_DAYS * DAY_MS) };
  }

  return {
    async start(input) {
      const now = clock.now();
      for (let tries = 0; tries < TRIES; tries += 1) {
        const code = makeUserCode();
        const place = placeOfUserCode(code);
        const deviceCode = deviceCodeAt(place, ids.secret(SECRET_BYTES));
        const record: LoginRecord = {
          ...input,
          deviceHash: digest(deviceCode),
          userHash: digest(code),
          createdAt: now,
          expiresAt: now + LOGIN_SECONDS * 1000,
          wrongKeys: 0,
          state: 'open',
        };
        if (await take(place, record)) return { deviceCode, userCode: showUserCode(code) };
      }
      throw new PlatformError('general_rate_limit_exceeded', {
        message: `Cannot start a login: about ${LOGIN_PLACES} terminals wait for theirs already. Try again in a minute, or log in with a key.`,
        retryAfterSeconds: 60,
      });
    },

    async find(userCode) {
      const found = await findByUserCode(userCode);
      if (found === undefined) return undefined;
      const { projectId, machine, scopes, address, createdAt } = found.record;
      return { projectId, machine, scopes, address, createdAt, userCode: showUserCode(readUserCode(userCode) ?? '') };
    },

    async decide(userCode, principal, decision) {
      const found = await findByUserCode(userCode);
      if (found === undefined) return 'gone';
      if (principal.kind !== 'key') {
        await countWrongKey(found);
        return 'no-key';
      }
      if (principal.projectId !== found.record.projectId) return 'other-project';
      if (!principal.scopes.has('keys.write')) return 'no-scope';
      const state = decision === 'deny' ? 'denied' : await allowance(principal, found.record);
      if (state === undefined) return 'nothing-in-common';
      // Somebody else decided meanwhile, and that holds.
      if (!(await change(found, { state }))) return 'gone';
      const { machine, projectId } = found.record;
      log.info({ projectId, machine, keyId: principal.keyId, decision }, 'The login of a terminal was decided on');
      return decision === 'deny' ? 'denied' : 'allowed';
    },

    async collect(deviceCode) {
      const found = await findByDeviceCode(deviceCode);
      if (found === undefined) throw expired();
      const { state, projectId, machine } = found.record;
      if (state === 'denied') throw new PlatformError('login_denied', 'Cannot log in: the login was denied.');
      if (state === 'open') throw waiting(rates.take(`login ${digest(deviceCode)}`, POLLS).allowed);
      // The key that allowed it may be gone since, and with it what it allowed.
      const approver = await store.keys.get(projectId, state.approver);
      if (!(await settings.replace(home, found.name, { from: found.text, to: null }))) throw expired();
      if (approver === null || state.keyUntil <= clock.now())
        throw new PlatformError('login_denied', 'Cannot log in: the key that allowed it is gone.');
      const made = await keys.create(projectId, { name: `martlet login on ${machine}`, scopes: state.scopes, expiresAt: state.keyUntil });
      log.info({ projectId, machine, keyId: made.row.id, allowedBy: state.approver }, 'A terminal was given the key of its login');
      return made;
    },

    stop: () => clearInterval(timer),
  };
}

const POLLS = { requests: 1, perMs: LOGIN_INTERVAL_SECONDS * 1000 - EARLY_MS };

const nameOf = (place: number): string => `device-login-${place}`;
const digest = (code: string): string => hash('sha256', code);
const sameDigest = (left: string, right: string): boolean => timingSafeEqual(Buffer.from(left, 'hex'), Buffer.from(right, 'hex'));

/** The same for a code that was never made, one that was used, and one that is too old. */
const expired = (): PlatformError =>
  new PlatformError('login_expired', 'Cannot log in: the login has expired, was completed, or never was.');

function waiting(inTime: boolean): PlatformError {
  if (inTime)
    return new PlatformError('login_pending', {
      message: 'Cannot log in yet: nobody has allowed the login on the page.',
      retryAfterSeconds: LOGIN_INTERVAL_SECONDS,
    });
  return new PlatformError('login_slow_down', {
    message: `Cannot answer that often: ask every ${LOGIN_INTERVAL_SECONDS} seconds, and five seconds less often after this answer.`,
    retryAfterSeconds: LOGIN_INTERVAL_SECONDS + 5,
  });
}
