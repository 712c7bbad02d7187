/** Reads what the platform says about itself when the faults are over, over its API. */
import { setTimeout as pause } from 'node:timers/promises';
import { isTerminal, UNREAD } from '../oracle/check.ts';
import type { EventSeen, Observations, RecordSeen, ScheduleSeen } from '../oracle/observations.ts';
import { EVENT_SOURCE, SCHEDULE, type World } from './world.ts';

const PAGE = 2000;
/** The longest budget of a function of the proof, three times over, and the half minute that everything has beyond it. */
const PATIENCE_MS = 60_000;
/** How long what is late, a frozen node or a forgotten process, is waited for before records are read again. */
const LATE_MS = 2500;
const LOGS_READ_MAX = 150;

/** Waits for quiet, and looks. Every server is up and no load runs. */
export async function observe(
  world: World,
  facts: Pick<Observations, 'calm' | 'frozen'> & Partial<Pick<Observations, 'clock'>>,
): Promise<Observations> {
  const quietAt = Date.now();
  const patientUntil = quietAt + PATIENCE_MS;
  const schedule = await pauseSchedule(world);
  while (Date.now() < patientUntil && (await openCount(world)) > 0) await pause(250);
  const events = await readEvents(world);
  const records = await withLogs(world, await readRecords(world));
  await pause(LATE_MS);
  const recordsLater = await withLogs(world, await readRecords(world));
  return {
    clock: [],
    ...facts,
    asked: [...world.journal.entries.values()],
    runs: [...world.effects.runs.values()],
    records,
    recordsLater,
    events,
    schedule: { ...schedule, ...(await readSchedule(world)) },
    functions: world.functions,
    quietAt,
    patientUntil,
  };
}

/** Asks until it is answered with success: a server that was just started may not have its database yet. */
async function insist<Body>(world: World, path: string, change?: object): Promise<Body> {
  const method = change === undefined ? 'GET' : 'PATCH';
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    try {
      const answer = await world.ask(method, path, { body: change });
      if (answer.ok) return (await answer.json()) as Body;
      if (Date.now() > deadline) throw new Error(`${method} ${path} answers ${answer.status}: ${await answer.text()}`);
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
    await pause(200);
  }
}

interface ScheduleBody {
  readonly $createdAt: string;
  readonly lastTick: string;
  readonly counters: ScheduleSeen['counters'];
}

async function pauseSchedule(world: World): Promise<ScheduleSeen> {
  const { $createdAt } = await insist<ScheduleBody>(world, `/v1/schedules/${SCHEDULE}`);
  // It gets the time to catch up before nobody asks for its ticks any more.
  await pause(2500);
  await insist(world, `/v1/schedules/${SCHEDULE}`, { enabled: false });
  return { createdAt: Date.parse($createdAt), pausedAt: Date.now(), lastTick: 0, counters: { ran: 0, missed: 0, skipped: 0 } };
}

async function readSchedule(world: World): Promise<Pick<ScheduleSeen, 'lastTick' | 'counters'>> {
  const { lastTick, counters } = await insist<ScheduleBody>(world, `/v1/schedules/${SCHEDULE}`);
  return { lastTick: Date.parse(lastTick), counters };
}

const queries = (...all: object[]): string => all.map((query) => `queries[]=${encodeURIComponent(JSON.stringify(query))}`).join('&');

async function openCount(world: World): Promise<number> {
  const query = queries(
    { method: 'equal', attribute: 'status', values: ['waiting', 'processing', 'scheduled'] },
    { method: 'limit', values: [1] },
  );
  return (await insist<{ total: number }>(world, `/v1/executions?${query}`)).total;
}

async function pages<Row extends { readonly $id: string }>(world: World, noun: 'executions' | 'events'): Promise<Row[]> {
  const rows: Row[] = [];
  for (;;) {
    const query = queries({ method: 'limit', values: [PAGE] }, { method: 'offset', values: [rows.length] });
    const page = await insist<Record<string, Row[]>>(world, `/v1/${noun}?${query}&total=false`);
    const found = page[noun] ?? [];
    rows.push(...found);
    if (found.length < PAGE) return rows;
  }
}

interface ExecutionBody {
  readonly $id: string;
  readonly $createdAt: string;
  readonly $updatedAt: string;
  readonly functionId: string;
  readonly trigger: string;
  readonly status: string;
  readonly errorCode: string;
  readonly requestPath: string;
  readonly attempt: number;
  readonly logs: string;
  readonly errors: string;
}

async function readRecords(world: World): Promise<RecordSeen[]> {
  return (await pages<ExecutionBody>(world, 'executions')).map((body) => ({
    id: body.$id,
    functionId: body.functionId,
    trigger: body.trigger,
    status: body.status,
    errorCode: body.errorCode,
    token: new URL(body.requestPath, 'http://x').searchParams.get('token') ?? '',
    attempt: body.attempt,
    createdAt: Date.parse(body.$createdAt),
    updatedAt: Date.parse(body.$updatedAt),
    logs: UNREAD,
  }));
}

/** Of the newest ones, which is where faults were last, and of all that had more than one attempt. */
async function withLogs(world: World, records: readonly RecordSeen[]): Promise<RecordSeen[]> {
  const chosen = new Set([
    ...records.filter(isTerminal).slice(0, LOGS_READ_MAX / 2),
    ...records.filter((record) => isTerminal(record) && record.attempt > 1).slice(0, LOGS_READ_MAX / 2),
  ]);
  const read: RecordSeen[] = [];
  for (const record of records) {
    if (!chosen.has(record)) {
      read.push(record);
      continue;
    }
    const { logs, errors } = await insist<ExecutionBody>(world, `/v1/executions/${record.id}`);
    read.push({ ...record, logs: `${logs}\n${errors}` });
  }
  return read;
}

async function readEvents(world: World): Promise<EventSeen[]> {
  const bodies = await pages<{ $id: string; source: string; dispatchedAt: string | null; started: number }>(world, 'events');
  // The platform has events of its own.
  return bodies
    .filter(({ source }) => source === EVENT_SOURCE)
    .map(({ $id, dispatchedAt, started }) => ({ id: $id, dispatched: (dispatchedAt ?? '') !== '', started }));
}
