import { isPlatformError } from '@martlet/protocol';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { concreteName, eventNames, parseCustomEvent, type PlatformEvent, webhookEvent } from './event-name.ts';
import { isPlatformPattern, platformServices } from './platform-events.ts';

const platform = (path: string, action: string, attribute?: string): PlatformEvent => {
  const parts = path.split('.');
  const resources = parts.flatMap((type, at) => (at % 2 === 0 ? [{ type, id: parts[at + 1] ?? '' }] : []));
  return { kind: 'platform', resources, action, ...(attribute === undefined ? {} : { attribute }) };
};

describe('names of a platform event', () => {
  test('are those of the contract, the concrete one first', () => {
    expect(eventNames(platform('users.u1.sessions.s1', 'create'))).toEqual([
      'users.u1.sessions.s1.create',
      'users.u1.sessions.*.create',
      'users.*.sessions.s1.create',
      'users.*.sessions.*.create',
      'users.u1.sessions.s1',
      'users.u1.sessions.*',
      'users.*.sessions.s1',
      'users.*.sessions.*',
      'users.u1',
      'users.*',
    ]);
  });

  test('have the attribute, and do without', () => {
    const event = platform('users.u1', 'update', 'email');
    expect(concreteName(event)).toBe('users.u1.update.email');
    expect(eventNames(event)).toEqual([
      'users.u1.update.email',
      'users.*.update.email',
      'users.u1.update',
      'users.*.update',
      'users.u1',
      'users.*',
    ]);
    expect(eventNames(platform('teams.t1.memberships.m1', 'update', 'status'))).toContain('teams.*.memberships.*.update.status');
  });

  test('of a third level have eight combinations each', () => {
    const names = eventNames(platform('vectorsdb.d.collections.c.documents.x', 'upsert'));
    expect(names).toHaveLength(8 + 8 + 4 + 2);
    expect(names).toContain('vectorsdb.*.collections.c.documents.*.upsert');
    expect(names.at(-1)).toBe('vectorsdb.*');
  });

  test('reach listeners of the other vocabularies of databases', () => {
    const row = eventNames(platform('tablesdb.d.tables.t.rows.r', 'create'));
    expect(row[0]).toBe('tablesdb.d.tables.t.rows.r.create');
    for (const name of ['databases.*.collections.*.documents.*.create', 'databases.d.tables.t.rows.r.create', 'databases.*'])
      expect(row).toContain(name);
    expect(eventNames(platform('databases.d.collections.c.attributes.a', 'update'))).toContain('tablesdb.d.tables.c.columns.a.update');
    expect(eventNames(platform('databases.d.tables.t.indexes.i', 'delete'))).toContain('databases.d.collections.t.indexes.i.delete');
    expect(eventNames(platform('documentsdb.d', 'create')).every((name) => name.startsWith('documentsdb.'))).toBe(true);
  });

  test('can all be listened to, and are told once', () => {
    const id = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9_-]{0,20}$/);
    const events = fc.constantFrom<[string[], string, string?]>(
      [['users'], 'create'],
      [['users'], 'update', 'prefs'],
      [['users', 'tokens'], 'create'],
      [['functions', 'executions'], 'update'],
      [['buckets', 'files'], 'delete'],
      [['teams', 'memberships'], 'update', 'status'],
      [['databases', 'collections', 'documents'], 'upsert'],
      [['tablesdb', 'tables', 'columns'], 'create'],
    );
    fc.assert(
      fc.property(events, fc.tuple(id, id, id), ([types, action, attribute], ids) => {
        const event = platform(types.map((type, at) => `${type}.${ids[at]}`).join('.'), action, attribute);
        const names = eventNames(event);
        expect(names[0]).toBe(concreteName(event));
        expect(new Set(names).size).toBe(names.length);
        expect(names.filter((name) => !isPlatformPattern(name))).toEqual([]);
      }),
    );
  });
});

describe('the list of the contract', () => {
  test.each([
    'buckets.*.files.*.create',
    'databases.*.collections.*.documents.*.upsert',
    'documentsdb.*.collections.*.indexes.*.update',
    'functions.*.executions.*.delete',
    'messages.*.update',
    'reports.*.insights.*.create',
    'schedules.*.create',
    'tablesdb.*.tables.*.columns.*.delete',
    'teams.*.update.prefs',
    'topics.*.subscribers.*.delete',
    'users.*.update.impersonator',
    'users.*.recovery.*.update',
    'users.*.targets.*.update',
    'users.*',
    'users.u1.sessions.*',
  ])('has %s', (pattern) => expect(isPlatformPattern(pattern)).toBe(true));

  test.each([
    '',
    'users',
    'users.',
    'users..create',
    'users.*.fly',
    'users.*.create.email',
    'users.*.update.email.more',
    'users.*.sessions.*.update',
    'users.*.sessions',
    'messages.*.delete',
    'schedules.*.update',
    'tablesdb.*.collections.*.create',
    'constructor.*.create',
    'users.*.constructor',
    'users.u 1.create',
  ])('has not %j', (pattern) => expect(isPlatformPattern(pattern)).toBe(false));
});

describe('names from outside', () => {
  test.each(['order.created', 'com.example.order.created', 'a.b', 'io.github/x.push:main', 'Users.u1.create'])('%s', (name) =>
    expect(parseCustomEvent(name)).toEqual({ kind: 'custom', name }),
  );

  test.each([
    ['', 'it has 1 part'],
    ['order', 'it has 1 part; write 2 to 16 with dots between'],
    ['order..created', 'its part "" is not allowed'],
    ['.order', 'its part "" is not allowed'],
    ['order.*', 'its part "*" is not allowed'],
    ['order.cr eated', 'its part "cr eated" is not allowed'],
    ['order.créé', 'is not allowed'],
    ['order.a\nb', 'is not allowed'],
    [Array.from({ length: 17 }, () => 'a').join('.'), 'it has 17 parts'],
    [`a.${'b'.repeat(300)}`, 'it has 302 characters; at most 255'],
    ['webhooks.stripe.paid', 'names that begin with webhooks. are for events of the platform'],
    ['martlet.started', 'names that begin with martlet.'],
  ])('refuses %j', (name, reason) => expect(problemOf(() => parseCustomEvent(name))).toContain(reason));

  test('never pass for an event of the platform', () => {
    for (const service of platformServices)
      expect(problemOf(() => parseCustomEvent(`${service}.u1.create`))).toContain('put a word of your own first');
  });

  test('of a webhook carry its source', () => {
    expect(webhookEvent('stripe', 'invoice.paid').name).toBe('webhooks.stripe.invoice.paid');
    expect(problemOf(() => webhookEvent('stripe', 'in voice'))).toContain('its part "in voice" is not allowed');
  });
});

function problemOf(act: () => unknown): string | undefined {
  try {
    act();
    return undefined;
  } catch (error) {
    if (!isPlatformError(error)) throw error;
    expect(error.code).toBe('event_name_invalid');
    return error.message;
  }
}
