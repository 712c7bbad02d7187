/**
 * What `martlet dev` tells of schedules, events and the queue beside the executions themselves: events and whom they
 * started, ticks that did not run, and what follows a failed attempt.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Platform } from '@martlet/server';

type Services = Platform['services'];
type EventRow = Awaited<ReturnType<Services['events']['list']>>['rows'][number];
type Decision = Awaited<ReturnType<Services['schedules']['decisions']>>[number];

export interface TriggerReporter {
  /** An event was told to those who listen. */
  event(event: Pick<EventRow, 'type' | 'source' | 'started'>, decisions: readonly Decision[]): void;
  /** Ticks of a schedule of this function did not run. */
  tick(functionId: string, decision: Decision): void;
  /** Another attempt follows, or none does. */
  follows(functionId: string, decision: Pick<Decision, 'code' | 'text'>): void;
}

export interface DevTriggersOptions {
  readonly platform: Pick<Platform, 'project' | 'services'>;
  readonly reporter: TriggerReporter;
  readonly signal: AbortSignal;
}

const LOOK_MS = 1000;
const SOON_MS = 30;
const FUNCTIONS_SHOWN = 5000;
const SCHEDULES_WATCHED = 1000;
const NEWEST = {
  filters: [],
  order: [{ attribute: '$sequence', direction: 'desc' }],
  limit: 50,
  offset: 0,
  withTotal: false,
} as const;
/** Decisions about an attempt that has failed; others are told by the execution itself. */
const ENDINGS = new Set(['retry', 'exhausted', 'poison', 'not_retried']);
/** An attempt is on record soon after it has ended, and later where the disk is slow. */
const SETTLED_WITHIN_MS = 2000;

/** Tells of what is decided from `since` on, until the signal aborts. */
export async function followTriggers(
  { platform: { project, services }, reporter, signal }: DevTriggersOptions,
  since: number,
): Promise<void> {
  const tellEvents = eventsTeller(services, project, { reporter, since });
  const tellTicks = ticksTeller(services, project, { reporter, since });
  let wake: () => void = () => undefined;
  services.events.onStored(() => wake());
  while (!signal.aborted) {
    const [someWait] = await Promise.all([tellEvents(), tellTicks()]);
    const woken = new Promise<void>((resolve) => {
      wake = resolve;
    });
    await (someWait ? pause(SOON_MS, signal) : Promise.race([pause(LOOK_MS, signal), woken]));
  }
}

/** What starts a function beside calls: its schedule, and the events that it listens to. */
export async function triggersOf({ project, services }: Pick<Platform, 'project' | 'services'>): Promise<ReadonlyMap<string, string>> {
  const { rows } = await services.functions.list(project, { ...NEWEST, limit: FUNCTIONS_SHOWN });
  return new Map(
    rows.flatMap(({ row }) => {
      const schedule = row.schedule === '' ? [] : [`${row.schedule} (${row.timezone})`];
      const all = [...schedule, ...row.events];
      return all.length === 0 ? [] : [[row.path, all.join(', ')] as const];
    }),
  );
}

/** What follows an attempt of the queue that failed, once that is decided. */
export async function tellWhatFollows(
  { platform: { project, services }, reporter, signal }: DevTriggersOptions,
  { executionId, functionId, endedAt }: { readonly executionId: string; readonly functionId: string; readonly endedAt: number },
): Promise<void> {
  for (const deadline = Date.now() + SETTLED_WITHIN_MS; Date.now() < deadline && !signal.aborted; await pause(SOON_MS, signal)) {
    const { lines } = await services.executions.why({ projectId: project, functionId: null, id: executionId }, ownerOf(project));
    const decision = lines.find(({ at, code }) => at >= endedAt && ENDINGS.has(code));
    if (decision !== undefined) return reporter.follows(functionId, decision);
  }
}

/** Whoever runs `martlet dev` may see all of its project. */
const ownerOf = (projectId: string) => ({ kind: 'key', projectId, keyId: '', scopes: new Set<string>() }) as const;

interface Telling {
  readonly reporter: TriggerReporter;
  readonly since: number;
}

/** @returns whether events wait to be dispatched, so that another look is worth it soon */
function eventsTeller(services: Services, project: string, { reporter, since }: Telling): () => Promise<boolean> {
  let told = new Set<string>();
  const keyOf = ({ source, id }: EventRow): string => `${source} ${id}`;
  return async () => {
    const { rows } = await services.events.list(project, NEWEST);
    const news = rows.filter((row) => row.createdAt >= since);
    const decided = news.filter((row) => row.dispatchedAt !== null);
    const before = told;
    told = new Set(decided.map(keyOf));
    for (const row of decided.toReversed()) {
      // Of changes of the platform's own resources there are many, and most are nobody's business.
      if (before.has(keyOf(row)) || (row.origin === 'platform' && row.started === 0)) continue;
      reporter.event(row, (await services.events.get(project, row.source, row.id)).decisions);
    }
    return decided.length < news.length;
  };
}

function ticksTeller(services: Services, project: string, { reporter, since }: Telling): () => Promise<void> {
  const told = new Map<string, { count: number; at: number }>();
  return async () => {
    const { rows } = await services.schedules.list(project, null, { ...NEWEST, limit: SCHEDULES_WATCHED });
    for (const row of rows) {
      const before = told.get(row.id) ?? { count: 0, at: since - 1 };
      const count = row.missed + row.skipped;
      if (count === before.count) continue;
      const decisions = (await services.schedules.decisions(project, row.id)).filter(({ at, code }) => at > before.at && code !== 'ran');
      told.set(row.id, { count, at: decisions.at(-1)?.at ?? before.at });
      for (const decision of decisions) reporter.tick(row.functionId, decision);
    }
  };
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  // Rejects when it aborts, which the loops look at by themselves.
  await sleep(ms, undefined, { signal, ref: false }).catch(() => undefined);
}
