import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { eventsProblem } from '../contract/event-patterns.ts';
import { eventNames, type FiredEvent, parseCustomEvent, webhookEvent } from './event-name.ts';
import { eventPatternProblem, checkEventPattern } from './event-pattern.ts';
import { createSubscriptionIndex } from './subscription-index.ts';

const userCreated: FiredEvent = { kind: 'platform', resources: [{ type: 'users', id: 'u1' }], action: 'create' };
const hears = (patterns: string[], event: FiredEvent) => createSubscriptionIndex([{ events: patterns }]).matching(event).length === 1;

describe('patterns', () => {
  test.each([
    ['order.created', true],
    ['order.*', true],
    ['*.created', true],
    ['*.*', true],
    ['order.**', true],
    ['**', true],
    ['order', false],
    ['order.created.*', false],
    ['order.created.**', false],
    ['order.*.created', false],
    ['Order.created', false],
    ['order.create', false],
  ])('%s hears order.created: %s', (pattern, expected) => {
    if (pattern === 'order') expect(eventPatternProblem(pattern)).toContain('it has 1 part');
    else expect(hears([pattern], parseCustomEvent('order.created'))).toBe(expected);
  });

  test('of events from outside never hear the platform, and the other way round', () => {
    expect(hears(['**', '*.*.*', '*.u1.create'], userCreated)).toBe(false);
    expect(hears(['users.*.create', 'users.*'], parseCustomEvent('people.u1.create'))).toBe(false);
  });

  test('of webhooks are patterns as well', () => {
    expect(hears(['webhooks.stripe.**'], webhookEvent('stripe', 'invoice.paid'))).toBe(true);
    expect(hears(['webhooks.github.**'], webhookEvent('stripe', 'invoice.paid'))).toBe(false);
  });

  test.each([
    ['users.*.fly', "events that begin with users. are the platform's"],
    ['order.*x', 'its part "*x" is not allowed'],
    ['order.**.x', 'its part "**" is not allowed'],
    ['order.', 'its part "" is not allowed'],
    ['', 'it has 1 part'],
    [`a.${'b'.repeat(300)}`, 'at most 255'],
  ])('refuses %j', (pattern, reason) => {
    expect(eventPatternProblem(pattern)).toContain(reason);
    expect(() => checkEventPattern(pattern)).toThrow(reason);
  });

  test('a function may listen to all but functions', () => {
    expect(eventsProblem(['users.*.create', 'order.created', 'webhooks.stripe.**'])).toBeUndefined();
    expect(eventsProblem(['functions.*.create'])).toContain('not allowed');
    expect(eventsProblem(['users.*.fly'])).toBe('Event is not valid.');
    expect(eventsProblem(['nonsense'])).toBe('Event is not valid.');
    expect(eventPatternProblem('functions.*.executions.*.update')).toBeUndefined();
  });
});

describe('the index', () => {
  test('tells each subscription once, in order, with its first pattern that fits', () => {
    const index = createSubscriptionIndex([
      { id: 'a', events: ['teams.*', 'users.*', 'users.*.create'] },
      { id: 'b', events: ['order.created'] },
      { id: 'c', events: ['users.u1.create'] },
      { id: 'd', events: ['users.u2.create', 'order.**', '*.created'] },
      { id: 'e', events: [] },
    ]);
    const tell = (event: FiredEvent) => index.matching(event).map(({ subscription, pattern }) => `${subscription.id} ${pattern}`);
    expect(tell(userCreated)).toEqual(['a users.*', 'c users.u1.create']);
    expect(tell(parseCustomEvent('order.created'))).toEqual(['b order.created', 'd order.**']);
    expect(tell(parseCustomEvent('order.shipped.late'))).toEqual(['d order.**']);
  });

  test('keeps a pattern that is not valid from hearing anything, and all others hearing', () => {
    const broken = { events: ['users.*.fly', 'users.*'] };
    const index = createSubscriptionIndex([broken, { events: ['users.*.create'] }]);
    expect(index.refused).toEqual([{ subscription: broken, pattern: 'users.*.fly', problem: expect.stringContaining('no such event') }]);
    expect(index.matching(userCreated).map(({ pattern }) => pattern)).toEqual(['users.*', 'users.*.create']);
  });

  test('agrees with asking every subscription', () => {
    const word = fc.constantFrom('a', 'b', 'c');
    const name = fc.array(word, { minLength: 2, maxLength: 4 }).map((words) => words.join('.'));
    const custom = fc
      .tuple(fc.array(fc.oneof(word, fc.constant('*')), { minLength: 2, maxLength: 4 }), fc.boolean())
      .map(([words, open]) => [...words, ...(open ? ['**'] : [])].join('.'));
    const id = fc.constantFrom('u1', 'u2', '*');
    const platform = fc
      .tuple(id, id, fc.constantFrom('', '.create', '.delete'), fc.boolean())
      .map(([user, session, action, deep]) => (deep ? `users.${user}.sessions.${session}${action}` : `users.${user}${action}`));
    const event: fc.Arbitrary<FiredEvent> = fc.oneof(
      name.map(parseCustomEvent),
      fc.record({
        kind: fc.constant('platform' as const),
        resources: fc.constantFrom(
          [{ type: 'users', id: 'u1' }],
          [
            { type: 'users', id: 'u2' },
            { type: 'sessions', id: 'u1' },
          ],
        ),
        action: fc.constantFrom('create', 'delete'),
      }),
    );
    const subscriptions = fc.array(fc.record({ events: fc.array(fc.oneof(custom, platform), { maxLength: 4 }) }), { maxLength: 12 });
    fc.assert(
      fc.property(subscriptions, event, (all, fired) => {
        const found = createSubscriptionIndex(all).matching(fired);
        expect(found.map(({ subscription }) => subscription)).toEqual(
          all.filter(({ events }) => events.some((pattern) => fits(pattern, fired))),
        );
        for (const { subscription, pattern } of found) expect(subscription.events.find((text) => fits(text, fired))).toBe(pattern);
      }),
      { numRuns: 500 },
    );
  });

  test('asks few of many: 20,000 subscriptions cost an event little more than 20', () => {
    const some = (count: number) =>
      createSubscriptionIndex(
        Array.from({ length: count }, (_, at) => ({ events: [`users.u${at}.create`, `shop${at}.order.created`, `shop${at}.*.paid`] })),
      );
    const event = parseCustomEvent('shop7.order.created');
    const time = (index: ReturnType<typeof some>) => {
      const started = performance.now();
      for (let round = 0; round < 2000; round += 1) {
        expect(index.matching(event).length + index.matching(userCreated).length).toBe(2);
      }
      return performance.now() - started;
    };
    const [few, many] = [some(20), some(20_000)];
    time(few);
    expect(Math.min(time(many), time(many), time(many))).toBeLessThan(8 * Math.max(time(few), time(few), time(few)));
  });
});

/** Told apart from the index: a regular expression for names from outside, the whole list for the platform's. */
function fits(pattern: string, event: FiredEvent): boolean {
  if (event.kind === 'platform') return eventNames(event).includes(pattern);
  if (pattern.startsWith('users.')) return false;
  const expression = pattern
    .split('.')
    .map((part) => (part === '**' ? '.+' : part === '*' ? '[^.]+' : part))
    .join('[.]');
  return new RegExp(`^${expression}$`).test(event.name);
}
