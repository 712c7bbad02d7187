/** Load with a bit of everything that the platform promises something about. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Kind } from '../oracle/journal.ts';
import type { Random } from './random.ts';
import { EVENT_SOURCE, type World } from './world.ts';

export interface Load {
  /** No more requests; resolves when those on the way are answered. */
  stop(): Promise<void>;
}

interface LoadOptions {
  readonly random: Random;
  readonly clients?: number;
  /** Milliseconds between two requests of a client. */
  readonly everyMs?: number;
  /** How long the functions run at most. */
  readonly msMax?: number;
  readonly kinds?: readonly Kind[];
}

const MIX: readonly Kind[] = ['work', 'work', 'work', 'fails', 'hangs', 'keyed', 'keyed', 'delayed', 'idempotent', 'event', 'event'];
/** Longer than an answer takes on a machine that is busy: a time that has passed is refused. */
const DELAY_MS = 4000;
const KEYS = 6;
const KEYED_MS_MAX = 150;
let tokens = 0;

export function startLoad(world: World, { random, clients = 3, everyMs = 120, msMax = 500, kinds = MIX }: LoadOptions): Load {
  let stopped = false;
  const done = Promise.all(
    Array.from({ length: clients }, async () => {
      while (!stopped) {
        const kind = kinds[random.below(kinds.length)] ?? 'work';
        await wish(world, { kind, ms: 20 + random.below(msMax), key: `k${random.below(KEYS)}` });
        await pause(random.below(2 * everyMs));
      }
    }),
  );
  return {
    async stop() {
      stopped = true;
      await done;
    },
  };
}

interface Wish {
  readonly kind: Kind;
  readonly ms: number;
  readonly key: string;
}

/** One request, or for what may be sent twice two of them, also after a connection that broke. */
async function wish(world: World, { kind, ms, key }: Wish): Promise<void> {
  tokens += 1;
  const token = `t${process.pid}-${tokens}`;
  if (kind === 'event') return sendEvent(world, token);
  const fn = kind === 'fails' || kind === 'hangs' || kind === 'keyed' ? kind : 'work';
  const body = {
    async: true,
    // Those with one key run one after the other: they must be short, or the load alone is too much.
    path: `/?token=${token}&ms=${kind === 'keyed' ? Math.min(ms, KEYED_MS_MAX) : ms}${kind === 'keyed' ? `&key=${key}` : ''}`,
    ...(kind === 'keyed' && { concurrencyKey: key }),
    ...(kind === 'delayed' && { scheduledAt: new Date(Date.now() + DELAY_MS + ms).toISOString() }),
  };
  const path = `/v1/functions/${world.functions[fn]}/executions`;
  const headers = kind === 'idempotent' ? { 'idempotency-key': token } : {};
  world.journal.asked(token, kind);
  const send = () => answered(world, token, world.ask('POST', path, { body, headers }));
  if (kind !== 'idempotent') await send();
  else if ((await Promise.all([send(), send()])).includes(false)) {
    await pause(300);
    await send();
  }
}

async function sendEvent(world: World, token: string): Promise<void> {
  const body = { specversion: '1.0', id: token, source: EVENT_SOURCE, type: 'order.made', data: { token } };
  const headers = { 'content-type': 'application/cloudevents+json' };
  world.journal.asked(token, 'event');
  const send = () => answered(world, token, world.ask('POST', '/v1/events', { body, headers }));
  if (!(await send())) {
    await pause(300);
    await send();
  }
}

/** @returns whether there was an answer */
async function answered(world: World, token: string, request: Promise<Response>): Promise<boolean> {
  let response: Response;
  let body: { readonly $id?: string };
  try {
    response = await request;
    body = (await response.json()) as { readonly $id?: string };
  } catch {
    // The connection broke: nobody knows whether it was accepted, and the journal says so by having no answer.
    return false;
  }
  world.journal.answered(token, { status: response.status, id: body.$id ?? '', retryAfter: response.headers.get('retry-after') });
  return true;
}
