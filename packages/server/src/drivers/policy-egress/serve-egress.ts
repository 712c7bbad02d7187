/**
 * What runs in the egress thread: listens, and follows the orders of the server. It is apart from the thread's entry
 * file so that it can also run in the calling thread.
 */
import { lstatSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { receiveMessageOnPort } from 'node:worker_threads';
import { PlatformError } from '@martlet/protocol';
import { parseAddressRanges } from '../../domain/egress-address.ts';
import { formatTarget, parseEgressTarget } from '../../domain/egress-policy.ts';
import type { Dial } from './dial-first.ts';
import { createDnsResolver, type Resolve } from './dns-resolver.ts';
import { createEgressProxy } from './egress-proxy.ts';
import { createGrants, type LiveGrant } from './grants.ts';
import { createOwnAddresses } from './own-addresses.ts';
import type { Refusal } from './refusal.ts';
import { counterOf, type ThreadData, type ThreadNotice, type ThreadOrder } from './thread-messages.ts';

export interface ServeSeams {
  readonly resolve?: Resolve | undefined;
  readonly dial?: Dial | undefined;
}

/** At most one notice per grant in this time: a function in a loop must not fill the log of the server. */
const NOTICE_EVERY_MS = 1000;

export function serveEgress({ port, socketPath, limits, extraDenied, opened, counters }: ThreadData, seams: ServeSeams = {}): void {
  const grants = createGrants();
  const own = createOwnAddresses();
  const extra = parseAddressRanges(extraDenied);
  const tell = (notice: ThreadNotice) => port.postMessage(notice);
  const server = createEgressProxy({
    grants,
    limits,
    count: counterOf(counters),
    way: {
      resolve: seams.resolve ?? createDnsResolver(),
      dial: seams.dial ?? dialLiteral,
      denied: () => [...own(), ...extra],
      opened: new Set(opened.map(openedTarget)),
      connectTimeoutMs: limits.connectTimeoutMs,
    },
    catchUp,
    refused: createRefusalNotices(tell),
  });

  function follow(order: ThreadOrder): void {
    if (order.kind === 'grant') grants.add(order.token, order.grant);
    else if (order.kind === 'revoke') grants.remove(order.token);
    else if (order.kind === 'platform') grants.setPlatform(order.hosts, order.address);
    else {
      server.close();
      server.closeAllConnections();
      grants.clear();
      port.close();
    }
  }
  /**
   * A grant is posted before its token is handed to a worker, so it lies in the port when the worker connects; but the
   * event loop may look at the socket first. Emptying the port by hand makes the order certain, for revocations too.
   */
  function catchUp(): void {
    for (let next = receiveMessageOnPort(port); next !== undefined; next = receiveMessageOnPort(port)) follow(next.message);
  }

  port.on('message', follow);
  server.on('error', (error) => tell({ kind: 'failed', reason: error.message }));
  removeStaleSocket(socketPath);
  // Workers run under other user ids; what lets them out is the token, not the file.
  server.listen({ path: socketPath, readableAll: true, writableAll: true }, () => tell({ kind: 'listening' }));
}

/** As a request for it is written. @throws {PlatformError} `config_invalid` */
export function openedTarget(text: string): string {
  const target = parseEgressTarget(text);
  if (target !== undefined) return formatTarget(target);
  throw new PlatformError(
    'config_invalid',
    `Cannot open "${text.slice(0, 80)}" for functions: it is no host and port, like 10.0.0.5:5432.`,
  );
}

/** `host` is an address literal: nothing is resolved a second time. */
const dialLiteral: Dial = ({ host, port }) => connect({ host, port, allowHalfOpen: true, noDelay: true, autoSelectFamily: false });

/** A server that was killed leaves its socket behind, on which nobody can listen again. */
function removeStaleSocket(path: string): void {
  if (lstatSync(path, { throwIfNoEntry: false })?.isSocket() === true) rmSync(path);
}

function createRefusalNotices(tell: (notice: ThreadNotice) => void): (refusal: Refusal, grant: LiveGrant | undefined) => void {
  const told = new WeakMap<LiveGrant, { at: number; untold: number }>();
  return ({ status, reason }, live) => {
    // Without a grant nobody knows who asked; the counter has it.
    if (live === undefined) return;
    const last = told.get(live);
    if (last !== undefined && performance.now() - last.at < NOTICE_EVERY_MS) {
      last.untold += 1;
      return;
    }
    told.set(live, { at: performance.now(), untold: 0 });
    const { projectId, functionId } = live.grant;
    tell({ kind: 'refused', projectId, functionId, status, reason, untold: last?.untold ?? 0 });
  };
}
