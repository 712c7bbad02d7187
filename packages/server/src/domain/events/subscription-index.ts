/**
 * Finds who listens to an event without asking everybody: names of the platform's events are looked up, names from outside
 * are followed part by part. Thousands of subscriptions cost an event what those cost that match it.
 */
import { eventNames, type FiredEvent } from './event-name.ts';
import { eventPatternProblem, isOfPlatform } from './event-pattern.ts';

export interface Subscription {
  /** Patterns; one of them is enough, and several of them count once. */
  readonly events: readonly string[];
}

export interface Match<S> {
  readonly subscription: S;
  /** The first of its patterns that the event matches. */
  readonly pattern: string;
}

export interface SubscriptionIndex<S> {
  /** Each subscription once, in the order in which they were given. */
  readonly matching: (event: FiredEvent) => Match<S>[];
  /** Patterns that are not valid, and so hear nothing; they take nothing from the others. */
  readonly refused: readonly RefusedPattern<S>[];
}

export interface RefusedPattern<S> extends Match<S> {
  readonly problem: string;
}

interface Entry {
  /** Position of the subscription, and of the pattern within it. */
  readonly at: number;
  readonly patternAt: number;
}

interface Branch {
  readonly next: Map<string, Branch>;
  /** Patterns that end here, and patterns whose `**` stands here. */
  readonly ends: Entry[];
  readonly rests: Entry[];
}

export function createSubscriptionIndex<S extends Subscription>(subscriptions: Iterable<S>): SubscriptionIndex<S> {
  const all = [...subscriptions];
  const byName = new Map<string, Entry[]>();
  const root = newBranch();
  const refused: RefusedPattern<S>[] = [];
  for (const [at, subscription] of all.entries()) {
    for (const [patternAt, pattern] of subscription.events.entries()) {
      const problem = eventPatternProblem(pattern);
      if (problem !== undefined) refused.push({ subscription, pattern, problem });
      else if (isOfPlatform(pattern)) addName(byName, pattern, { at, patternAt });
      else grow(root, pattern.split('.'), { at, patternAt });
    }
  }
  return {
    refused,
    matching: (event) => {
      const entries =
        event.kind === 'custom' ? follow([root], event.name.split('.')) : eventNames(event).flatMap((name) => byName.get(name) ?? []);
      return firstPatterns(entries).flatMap(({ at, patternAt }) => {
        const subscription = all[at];
        const pattern = subscription?.events[patternAt];
        return subscription === undefined || pattern === undefined ? [] : [{ subscription, pattern }];
      });
    },
  };
}

function addName(byName: Map<string, Entry[]>, name: string, entry: Entry): void {
  const entries = byName.get(name);
  if (entries === undefined) byName.set(name, [entry]);
  else entries.push(entry);
}

const newBranch = (): Branch => ({ next: new Map(), ends: [], rests: [] });

function grow(root: Branch, segments: readonly string[], entry: Entry): void {
  let branch = root;
  for (const segment of segments) {
    if (segment === '**') return void branch.rests.push(entry);
    const next = branch.next.get(segment) ?? newBranch();
    branch.next.set(segment, next);
    branch = next;
  }
  branch.ends.push(entry);
}

/** All branches that a name leads to, level by level. */
function follow(roots: readonly Branch[], segments: readonly string[]): Entry[] {
  const found: Entry[] = [];
  let branches = roots;
  for (const segment of segments) {
    found.push(...branches.flatMap(({ rests }) => rests));
    branches = branches.flatMap(({ next }) => [next.get(segment) ?? [], next.get('*') ?? []].flat());
  }
  return [...found, ...branches.flatMap(({ ends }) => ends)];
}

function firstPatterns(entries: readonly Entry[]): Entry[] {
  const first = new Map<number, Entry>();
  for (const entry of entries) if (entry.patternAt < (first.get(entry.at)?.patternAt ?? Infinity)) first.set(entry.at, entry);
  return [...first.values()].toSorted((a, b) => a.at - b.at);
}
