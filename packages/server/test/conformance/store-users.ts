/** Users, sessions, teams and settings: part of the contract of the store. */
import { expect, it } from 'vitest';
import type { Store } from '../../src/ports/store.ts';
import { hostileTexts } from '../support/hostile-texts.ts';
import { aMembership, aQuery, aSession, aTeam, aUser, aWrite } from '../support/rows.ts';

export function testUsers(store: () => Store): void {
  it('keeps a user with every fact, and finds it by id, e-mail and subject in its project only', async () => {
    const user = aUser({
      id: 'all',
      projectId: 'facts',
      email: 'ann@example.com',
      emailVerified: true,
      passwordHash: '$argon2id$…',
      passwordUpdatedAt: 5,
      blocked: true,
      labels: ['vip', 'ü'],
      prefs: { theme: 'dark', deep: { list: [1, null, true] } },
      issuer: 'https://id.example.com',
      subject: 'auth0|1',
      accessedAt: 7,
    });
    await store().users.insert(user);
    await expect(store().users.get('facts', 'all')).resolves.toEqual(user);
    await expect(store().users.getByEmail('facts', 'ann@example.com')).resolves.toEqual(user);
    await expect(store().users.getBySubject('facts', 'https://id.example.com', 'auth0|1')).resolves.toEqual(user);
    await expect(store().users.get('other', 'all')).resolves.toBeNull();
    await expect(store().users.getByEmail('other', 'ann@example.com')).resolves.toBeNull();
    await expect(store().users.getBySubject('facts', 'https://id.example.com', 'auth0|2')).resolves.toBeNull();
  });

  it('refuses a second user with the same id, e-mail or subject in a project; many may have none', async () => {
    const taken = { code: 'user_already_exists' };
    await store().users.insert(aUser({ id: 'one', projectId: 'taken', email: 'a@b.c', issuer: 'i', subject: 's' }));
    await expect(store().users.insert(aUser({ id: 'one', projectId: 'taken' }))).rejects.toMatchObject(taken);
    await expect(store().users.insert(aUser({ id: 'two', projectId: 'taken', email: 'a@b.c' }))).rejects.toMatchObject(taken);
    await expect(store().users.insert(aUser({ id: 'two', projectId: 'taken', issuer: 'i', subject: 's' }))).rejects.toMatchObject(taken);
    await store().users.insert(aUser({ id: 'two', projectId: 'taken' }));
    await store().users.insert(aUser({ id: 'three', projectId: 'taken' }));
    await store().users.insert(aUser({ id: 'one', projectId: 'elsewhere', email: 'a@b.c', issuer: 'i', subject: 's' }));
    await expect(store().users.update('taken', 'two', { email: 'a@b.c' })).rejects.toMatchObject(taken);
    await expect(store().users.get('taken', 'two')).resolves.toMatchObject({ email: null });
  });

  it('lets exactly one of many concurrent inserts have an e-mail', async () => {
    const inserts = Array.from({ length: 20 }, (_, index) =>
      store().users.insert(aUser({ id: `u${index}`, projectId: 'race', email: 'x@y.z' })),
    );
    const results = await Promise.allSettled(inserts);
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });

  it('changes just what a change names, and searches words of what is new', async () => {
    const user = aUser({ id: 'changing', projectId: 'change', email: 'old@x.y' });
    await store().users.insert(user);
    const change = { name: 'Größe', email: 'new@x.y', labels: ['a'], blocked: true, updatedAt: 9 };
    await expect(store().users.update('change', 'changing', change)).resolves.toEqual({ ...user, ...change });
    await expect(store().users.update('change', 'changing', {})).resolves.toEqual({ ...user, ...change });
    await expect(store().users.update('change', 'missing', { name: 'x' })).resolves.toBeNull();
    const found = async (search: string) => (await store().users.list('change', aQuery(), search)).rows.map(({ id }) => id);
    await expect(found('GRÖßE new@')).resolves.toEqual(['changing']);
    await expect(found('old@')).resolves.toEqual([]);
  });

  it('lists by what the contract can ask for', async () => {
    await store().users.insert(aUser({ id: 'b', projectId: 'lists', email: 'b@x.y', name: 'B', blocked: true, accessedAt: 5 }));
    await store().users.insert(aUser({ id: 'a', projectId: 'lists', name: 'A', emailVerified: true }));
    const ids = async (query: Parameters<typeof aQuery>[0]) => (await store().users.list('lists', aQuery(query))).rows.map(({ id }) => id);
    await expect(ids({})).resolves.toEqual(['b', 'a']);
    await expect(ids({ filters: [{ kind: 'equal', attribute: 'status', values: [true] }] })).resolves.toEqual(['a']);
    await expect(ids({ filters: [{ kind: 'equal', attribute: 'email', values: ['b@x.y'] }] })).resolves.toEqual(['b']);
    await expect(ids({ filters: [{ kind: 'isNull', attribute: 'email' }] })).resolves.toEqual(['a']);
    await expect(ids({ order: [{ attribute: 'name', direction: 'asc' }] })).resolves.toEqual(['a', 'b']);
    await expect(ids({ order: [{ attribute: 'accessedAt', direction: 'asc' }] })).resolves.toEqual(['a', 'b']);
    await expect(ids({ cursor: { id: 'b', side: 'after' } })).resolves.toEqual(['a']);
  });

  it('takes sessions and memberships away with their user, and the user off executions', async () => {
    for (const projectId of ['gone', 'stays']) {
      await store().users.insert(aUser({ projectId }));
      await store().teams.insert(aTeam({ projectId }));
      await store().sessions.insert(aSession({ id: `s-${projectId}`, projectId }));
      await store().memberships.insert(aMembership({ id: `m-${projectId}`, projectId }));
      await store().executions.write([aWrite({ id: `e-${projectId}`, projectId, userId: 'user-1' })]);
    }
    await expect(store().users.delete('gone', 'user-1')).resolves.toBe(true);
    await expect(store().users.delete('gone', 'user-1')).resolves.toBe(false);
    await expect(store().sessions.getByHash('hash of s-gone')).resolves.toBeNull();
    await expect(store().memberships.listOf('gone', 'user-1')).resolves.toEqual([]);
    await expect(store().executions.find('gone', 'e-gone')).resolves.toMatchObject({ userId: null });
    await expect(store().executions.list('gone', null, aQuery(), 'user-1')).resolves.toMatchObject({ rows: [] });
    await expect(store().sessions.getByHash('hash of s-stays')).resolves.not.toBeNull();
    await expect(store().memberships.listOf('stays', 'user-1')).resolves.toHaveLength(1);
    await expect(store().executions.find('stays', 'e-stays')).resolves.toMatchObject({ userId: 'user-1' });
  });

  it('keeps sessions by hash, lists those of a user oldest first, and deletes only its own', async () => {
    await store().users.insert(aUser({ projectId: 'sessions' }));
    await store().users.insert(aUser({ projectId: 'sessions', id: 'user-2' }));
    const first = aSession({ id: 's1', projectId: 'sessions' });
    const second = aSession({ id: 's2', projectId: 'sessions' });
    for (const session of [first, second]) await store().sessions.insert(session);
    await expect(store().sessions.insert(aSession({ id: 's3', projectId: 'sessions', hash: first.hash }))).rejects.toThrow();
    await expect(store().sessions.insert(aSession({ id: 's4', projectId: 'sessions', userId: 'nobody' }))).rejects.toMatchObject({
      code: 'user_not_found',
    });
    await expect(store().sessions.getByHash(first.hash)).resolves.toEqual(first);
    await expect(store().sessions.get('sessions', 's1')).resolves.toEqual(first);
    await expect(store().sessions.get('other', 's1')).resolves.toBeNull();
    await expect(store().sessions.listOf('sessions', 'user-1')).resolves.toEqual([first, second]);
    await expect(store().sessions.delete('sessions', 'user-2', 's1')).resolves.toBe(false);
    await expect(store().sessions.delete('sessions', 'user-1', 's1')).resolves.toBe(true);
    await expect(store().sessions.deleteAll('sessions', 'user-1')).resolves.toBe(1);
    await expect(store().sessions.listOf('sessions', 'user-1')).resolves.toEqual([]);
  });

  it('deletes expired sessions in bounded pieces, the oldest first', async () => {
    await store().users.insert(aUser({ projectId: 'expiry' }));
    for (const [index, expiresAt] of [30, 10, 20, 1000].entries())
      await store().sessions.insert(aSession({ id: `x${index}`, projectId: 'expiry', expiresAt }));
    await expect(store().sessions.deleteExpired(100, 2)).resolves.toBe(2);
    expect((await store().sessions.listOf('expiry', 'user-1')).map(({ id }) => id)).toEqual(['x0', 'x3']);
    await expect(store().sessions.deleteExpired(100, 2)).resolves.toBe(1);
    await expect(store().sessions.deleteExpired(100, 2)).resolves.toBe(0);
  });

  it('keeps teams with their members', async () => {
    await store().users.insert(aUser({ projectId: 'teams' }));
    await store().teams.insert(aTeam({ projectId: 'teams' }));
    await expect(store().teams.insert(aTeam({ projectId: 'teams' }))).rejects.toMatchObject({ code: 'team_already_exists' });
    const member = aMembership({ id: 'mt', projectId: 'teams', roles: ['owner', 'a'] });
    await store().memberships.insert(member);
    await expect(store().memberships.insert({ ...member, id: 'again' })).rejects.toMatchObject({ code: 'membership_already_exists' });
    await expect(store().memberships.insert(aMembership({ id: 'm2', projectId: 'teams', userId: 'nobody' }))).rejects.toMatchObject({
      code: 'team_not_found',
    });
    await expect(store().memberships.get('teams', 'team-1', 'mt')).resolves.toEqual(member);
    await expect(store().memberships.get('teams', 'team-2', 'mt')).resolves.toBeNull();
    await expect(store().memberships.list('teams', 'team-1', aQuery())).resolves.toEqual({ rows: [member], total: 1 });
    await expect(store().teams.list('teams', aQuery())).resolves.toEqual({ rows: [aTeam({ projectId: 'teams' })], total: 1 });
    await expect(store().memberships.delete('teams', 'team-2', 'mt')).resolves.toBe(false);
    await expect(store().teams.delete('teams', 'team-1')).resolves.toBe(true);
    await expect(store().teams.get('teams', 'team-1')).resolves.toBeNull();
    await expect(store().memberships.listOf('teams', 'user-1')).resolves.toEqual([]);
  });

  it('keeps settings by project and name; the first one to ensure a setting wins', async () => {
    const { settings } = store();
    await expect(settings.get('p', 'name')).resolves.toBeNull();
    const ensured = await Promise.all(['a', 'b', 'c'].map((value) => settings.ensure('p', 'name', value)));
    expect(new Set(ensured).size).toBe(1);
    await settings.put('p', 'name', 'new');
    await settings.put('q', 'name', 'other');
    await expect(settings.get('p', 'name')).resolves.toBe('new');
    await expect(settings.ensure('p', 'name', 'late')).resolves.toBe('new');
    await expect(settings.delete('p', 'name')).resolves.toBe(true);
    await expect(settings.delete('p', 'name')).resolves.toBe(false);
    await expect(settings.get('q', 'name')).resolves.toBe('other');
  });

  it('replaces a setting only while it is what the caller has seen, and for one of many callers', async () => {
    const { settings } = store();
    await expect(settings.replace('p', 'swap', { from: 'a', to: 'b' })).resolves.toBe(false);
    await settings.put('p', 'swap', 'a');
    await settings.put('q', 'swap', 'a');
    const swapped = await Promise.all(['b', 'c', null, 'd'].map((to) => settings.replace('p', 'swap', { from: 'a', to })));
    expect(swapped.filter(Boolean)).toHaveLength(1);
    await settings.put('p', 'swap', 'e');
    await expect(settings.replace('p', 'swap', { from: 'a', to: 'f' })).resolves.toBe(false);
    await expect(settings.replace('p', 'swap', { from: 'e', to: null })).resolves.toBe(true);
    await expect(settings.get('p', 'swap')).resolves.toBeNull();
    await expect(settings.get('q', 'swap')).resolves.toBe('a');
  });

  it('keeps hostile texts as they are', async () => {
    // PostgreSQL stores no NUL, and the gateway lets none in.
    for (const [index, text] of hostileTexts.filter((each) => !each.includes('\0') && each.length < 1000).entries()) {
      const user = aUser({
        id: `h${index}`,
        projectId: 'hostile',
        name: text,
        email: `${index}${text}`,
        labels: [text],
        prefs: { [`k${text}`]: text },
      });
      await store().users.insert(user);
      await expect(store().users.getByEmail('hostile', user.email ?? '')).resolves.toEqual(user);
    }
  });
}
