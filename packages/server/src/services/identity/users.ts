/** Users of a project, as its operators and their own accounts manage them. */
import { PlatformError, isCustomId } from '@martlet/protocol';
import type { Clock } from '../../ports/system/clock.ts';
import type { Ids } from '../../ports/system/ids.ts';
import type { ListQuery, Page, Store } from '../../ports/store.ts';
import type { UserChange, UserRow } from '../../ports/store/user-store.ts';
import type { Changes } from '../changes.ts';
import type { PlatformNews } from '../events/platform-news.ts';
import { ISSUER_ID_PREFIX } from './issuers/issuer-users.ts';
import type { Passwords } from './passwords.ts';

export interface NewUser {
  /** `unique()`: a fresh one. */
  readonly id: string;
  readonly email?: string | undefined;
  readonly password?: string | undefined;
  readonly name?: string | undefined;
}

/** What is left out stays as it is. */
export interface UserEdit {
  readonly name?: string;
  readonly email?: string;
  readonly password?: string;
  readonly emailVerified?: boolean;
  readonly blocked?: boolean;
  readonly labels?: readonly string[];
  readonly prefs?: Readonly<Record<string, unknown>>;
}

export interface Users {
  /** @throws {PlatformError} `user_already_exists`, `general_argument_invalid` */
  create(projectId: string, input: NewUser): Promise<UserRow>;
  /** @throws {PlatformError} `user_not_found` */
  get(projectId: string, id: string): Promise<UserRow>;
  list(projectId: string, query: ListQuery, search?: string): Promise<Page<UserRow>>;
  /** A new password or a block ends every session of the user. @throws {PlatformError} `user_not_found`, `user_already_exists` */
  update(projectId: string, id: string, edit: UserEdit): Promise<UserRow>;
  /** @throws {PlatformError} `user_not_found` */
  delete(projectId: string, id: string): Promise<void>;
}

const EMAIL_MAX = 320;
const EMAIL = /^[^\s@<>()[\]\\,;:"]+@[^\s@<>()[\]\\,;:"]+\.[^\s@<>()[\]\\,;:".]+$/;
const CUSTOM_ID =
  "Invalid `userId` param: Parameter must contain at most 36 chars. Valid chars are a-z, A-Z, 0-9, period, hyphen, and underscore. Can't start with a special char";

/** As it is stored and looked for, or undefined where the text is no address. */
export function normalEmail(text: string): string | undefined {
  const email = text.trim().normalize('NFC').toLowerCase();
  return email.length <= EMAIL_MAX && EMAIL.test(email) ? email : undefined;
}

export interface UsersOptions {
  readonly store: Pick<Store, 'users' | 'sessions'>;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly changes: Changes;
  readonly passwords: Passwords;
  readonly news: PlatformNews;
}

export function createUsers({ store, clock, ids, changes, passwords, news }: UsersOptions): Users {
  return {
    async create(projectId, { id, email, password, name = '' }) {
      if (id !== 'unique()' && !isCustomId(id)) throw new PlatformError('general_argument_invalid', CUSTOM_ID);
      if (id.startsWith(ISSUER_ID_PREFIX))
        throw new PlatformError(
          'general_argument_invalid',
          `Invalid \`userId\` param: ids that begin with "${ISSUER_ID_PREFIX}" are for users of the trusted issuer`,
        );
      const now = clock.now();
      const row: UserRow = {
        id: id === 'unique()' ? ids.next() : id,
        createdAt: now,
        updatedAt: now,
        projectId,
        email: email === undefined ? null : checkedEmail(email),
        emailVerified: false,
        name,
        passwordHash: password === undefined ? null : await passwords.hash(password),
        passwordUpdatedAt: password === undefined ? null : now,
        blocked: false,
        labels: [],
        prefs: {},
        issuer: null,
        subject: null,
        accessedAt: null,
      };
      await news.tell([news.user(row, 'create')], ({ users }) => users.insert(row));
      return row;
    },

    async get(projectId, id) {
      const row = await store.users.get(projectId, id);
      if (row === null) throw userNotFound(id);
      return row;
    },

    list: (projectId, query, search) => store.users.list(projectId, query, search),

    async update(projectId, id, edit) {
      const before = await store.users.get(projectId, id);
      if (before === null) throw userNotFound(id);
      const now = clock.now();
      const { password, email, ...plain } = edit;
      const change: UserChange = {
        ...plain,
        ...(email !== undefined && { email: checkedEmail(email), emailVerified: edit.emailVerified ?? false }),
        ...(password !== undefined && { passwordHash: await passwords.hash(password), passwordUpdatedAt: now }),
        updatedAt: now,
      };
      const after = { ...before, ...change };
      const told = changedAttributes(edit).map((attribute) => news.user(after, 'update', attribute));
      const row = await news.tell(told, ({ users }) => users.update(projectId, id, change));
      if (row === null) throw userNotFound(id);
      if (password !== undefined || edit.blocked === true) await endSessions({ store, news }, { projectId, userId: id });
      changes.announce({ kind: 'user', projectId, userId: id });
      return row;
    },

    async delete(projectId, id) {
      const row = await store.users.get(projectId, id);
      const deleted = row !== null && (await news.tell([news.user(row, 'delete')], ({ users }) => users.delete(projectId, id)));
      if (!deleted) throw userNotFound(id);
      changes.announce({ kind: 'user', projectId, userId: id });
    },
  };
}

/** What events call the parts of an edit. */
const EVENT_ATTRIBUTES: Readonly<Record<keyof UserEdit, string>> = {
  name: 'name',
  email: 'email',
  password: 'password',
  emailVerified: 'verification',
  blocked: 'status',
  labels: 'labels',
  prefs: 'prefs',
};

function changedAttributes(edit: UserEdit): string[] {
  return Object.entries(EVENT_ATTRIBUTES).flatMap(([part, attribute]) => (edit[part as keyof UserEdit] === undefined ? [] : [attribute]));
}

/** Ends every session of a user, and tells of each that was known. */
export async function endSessions(
  { store, news }: { readonly store: Pick<Store, 'sessions'>; readonly news: PlatformNews },
  { projectId, userId }: { readonly projectId: string; readonly userId: string },
): Promise<void> {
  const known = await store.sessions.listOf(projectId, userId);
  const told = known.map((row) => news.session(row, 'delete'));
  await news.tell(told, ({ sessions }) => sessions.deleteAll(projectId, userId));
}

function checkedEmail(text: string): string {
  const email = normalEmail(text);
  if (email === undefined)
    throw new PlatformError('general_argument_invalid', 'Invalid `email` param: Value must be a valid email address');
  return email;
}

export const userNotFound = (id: string): PlatformError =>
  new PlatformError('user_not_found', `User with the requested ID could not be found: "${id.slice(0, 40)}".`);
