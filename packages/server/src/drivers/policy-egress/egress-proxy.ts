/**
 * The proxy itself: an HTTP server on a unix socket that knows CONNECT only. Who connects is a function, so everything
 * here is hostile: heads are read by Node's own parser, with a limit on their size, their time and their number.
 */
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { Socket } from 'node:net';
import { type EgressTarget, formatTarget, parseEgressTarget } from '../../domain/egress-policy.ts';
import type { Grants, LiveGrant } from './grants.ts';
import { openWay, type WayOptions } from './open-way.ts';
import { asHeaderValue, type Refusal, writeRefusal } from './refusal.ts';
import { splice } from './splice.ts';
import type { Count, EgressLimits } from './thread-messages.ts';

export interface EgressProxyOptions {
  readonly grants: Grants;
  readonly limits: EgressLimits;
  readonly way: WayOptions;
  readonly count: Count;
  /** Called before a token is looked up: applies the grants and revocations that were posted up to now. */
  readonly catchUp: () => void;
  readonly refused: (refusal: Refusal, grant: LiveGrant | undefined) => void;
}

interface Admitted {
  readonly target: EgressTarget;
  readonly grant: LiveGrant;
}
interface NotAdmitted {
  readonly refusal: Refusal;
  readonly grant?: LiveGrant;
}

const HEAD_BYTES_MAX = 8192;
/** Connections whose head is not complete. Beyond it the oldest is cut: honest clients send the head at once. */
const WAITING_MAX = 512;
const ESTABLISHED = 'HTTP/1.1 200 Connection Established\r\n\r\n';

/** The server does not listen yet. Closing it leaves open what is connected; clearing the grants cuts that. */
export function createEgressProxy(options: EgressProxyOptions): Server {
  const { headTimeoutMs } = options.limits;
  const server = createServer({
    maxHeaderSize: HEAD_BYTES_MAX,
    headersTimeout: headTimeoutMs,
    requestTimeout: headTimeoutMs,
    connectionsCheckingInterval: Math.min(1000, headTimeoutMs),
  });
  boundWaiting(server);
  server.on('clientError', (error, client) =>
    refuse(options, client, { refusal: { status: 400, reason: `Cannot read the request: ${error.message}` } }),
  );
  server.on('request', (_request, response) => {
    const refusal: Refusal = { status: 400, reason: 'Cannot read the request: this proxy knows CONNECT only' };
    note(options, { refusal });
    response.writeHead(refusal.status, { 'x-martlet-reason': asHeaderValue(refusal.reason), connection: 'close' }).end();
  });
  let connections = 0;
  server.on('connect', (request: IncomingMessage, client, head: Buffer) => {
    if (!(client instanceof Socket)) return void client.destroy();
    client.on('error', () => client.destroy());
    if (head.length > 0) client.unshift(head);
    const admission = admit(options, request, connections);
    if ('refusal' in admission) return refuse(options, client, admission);
    connections += 1;
    client.once('close', () => (connections -= 1));
    void connect(options, client, admission);
  });
  return server;
}

function boundWaiting(server: Server): void {
  const waiting = new Set<unknown>();
  server.on('connect', (_request, client) => waiting.delete(client));
  server.on('connection', (client) => {
    client.once('close', () => waiting.delete(client));
    waiting.add(client);
    const [oldest] = waiting;
    if (waiting.size > WAITING_MAX && oldest instanceof Socket) oldest.destroy();
  });
}

function admit({ grants, limits, catchUp }: EgressProxyOptions, request: IncomingMessage, connections: number): Admitted | NotAdmitted {
  const target = parseEgressTarget(request.url ?? '');
  if (target === undefined) return { refusal: { status: 400, reason: 'Cannot read the request: the target is not host:port' } };
  const where = formatTarget(target);
  catchUp();
  const grant = grants.find(bearerOf(request) ?? '');
  if (grant === undefined) return { refusal: { status: 407, reason: `Cannot reach ${where}: the token is not known, or no longer` } };
  if (grant.connections.size >= limits.maxConnectionsPerGrant) {
    return {
      grant,
      refusal: {
        status: 429,
        reason: `Cannot reach ${where}: the function has ${limits.maxConnectionsPerGrant} connections open, which is the limit`,
      },
    };
  }
  if (connections >= limits.maxConnections) {
    return {
      grant,
      refusal: {
        status: 429,
        reason: `Cannot reach ${where}: all functions together have ${limits.maxConnections} connections open, which is the limit`,
      },
    };
  }
  if (grants.isPlatformHost(target.host) && grants.platformAddress(target) === undefined) {
    return { grant, refusal: { status: 403, reason: `Cannot reach ${where}: only the platform's own port is open on this host` } };
  }
  return { target, grant };
}

/** Undefined also where there are several: they cannot all be meant. */
function bearerOf(request: IncomingMessage): string | undefined {
  const values = request.headersDistinct['proxy-authorization'] ?? [];
  return values.length === 1 ? /^Bearer ([\w-]+)$/i.exec(values[0] ?? '')?.[1] : undefined;
}

async function connect(options: EgressProxyOptions, client: Socket, { target, grant }: Admitted): Promise<void> {
  const { count, grants, limits, way } = options;
  const controller = new AbortController();
  const { signal } = controller;
  grant.connections.add(controller);
  client.once('close', () => {
    grant.connections.delete(controller);
    controller.abort();
  });
  try {
    const opened = await openWay(way, { target, rule: grant.rule, platform: grants.platformAddress(target), signal });
    if (!(opened instanceof Socket)) return refuse(options, client, { refusal: opened, grant });
    // A revocation may have come between the connect and this line.
    if (signal.aborted) opened.destroy();
    signal.throwIfAborted();
    count('opened', 1);
    count('active', 1);
    client.write(ESTABLISHED);
    const cut = splice(client, opened, { idleTimeoutMs: limits.idleTimeoutMs, count, closed: () => count('active', -1) });
    signal.addEventListener('abort', cut, { once: true });
  } catch (error) {
    client.destroy();
    if (!signal.aborted) throw error;
  }
}

function refuse(options: EgressProxyOptions, client: Parameters<typeof writeRefusal>[0], { refusal, grant }: NotAdmitted): void {
  // After a reset nobody reads an answer, and it was no refusal.
  if (!client.writable) return void client.destroy();
  note(options, grant === undefined ? { refusal } : { refusal, grant });
  writeRefusal(client, refusal);
}

function note({ count, refused }: EgressProxyOptions, { refusal, grant }: NotAdmitted): void {
  count('refused', 1);
  refused(refusal, grant);
}
