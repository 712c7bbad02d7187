/**
 * The way out of sandboxes as a policy proxy in a thread of its own. This side makes tokens and posts orders; the other
 * side (`serve-egress.ts`) decides, dials and copies.
 */
import { randomBytes } from 'node:crypto';
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import { PlatformError } from '@martlet/protocol';
import { parseAddressRanges } from '../../domain/egress-address.ts';
import type { Egress, EgressGrant } from '../../ports/egress.ts';
import type { Log } from '../../ports/system/log.ts';
import type { Dial } from './dial-first.ts';
import type { Resolve } from './dns-resolver.ts';
import { openedTarget, serveEgress } from './serve-egress.ts';
import {
  createCounters,
  type EgressLimits,
  type EgressStats,
  readCounters,
  type ThreadData,
  type ThreadNotice,
  type ThreadOrder,
} from './thread-messages.ts';

export interface PolicyEgressOptions extends Partial<EgressLimits> {
  /** Where to listen; a socket that a killed server left there is replaced. At most 103 bytes. */
  readonly socketPath: string;
  readonly log: Log;
  /** Addresses and CIDR ranges to close beside the built-in ones, e.g. the public address of a NAT in front of this server. */
  readonly extraDenied?: readonly string[];
  /** `host:port` of private servers that functions may reach all the same, as far as their own policies go. */
  readonly opened?: readonly string[];
  /** Entry file of the thread. Default: beside this file; a bundle names its own. */
  readonly threadUrl?: URL;
  /** Told of denials, several at a time in a flood; for metrics. */
  readonly onDenied?: (count: number) => void;
  /** For tests: another resolver or dialler. A function cannot go to a thread, so the proxy then runs in the calling one. */
  readonly resolve?: Resolve;
  readonly dial?: Dial;
}

export interface PolicyEgress extends Egress {
  /** Counters since the start. */
  stats(): EgressStats;
}

const TOKEN_BYTES = 32;
/** The smallest sun_path of the systems that we run on (macOS: 104 with the final zero). */
const SOCKET_PATH_BYTES_MAX = 103;
const RESTART_MS = 1000;
/** 4096 connections take about 60 MB of heap; beyond this the thread has a leak, and ends without taking the server with it. */
const THREAD_HEAP_MB = 256;

const defaultLimits: EgressLimits = {
  maxConnectionsPerGrant: 100,
  maxConnections: 4096,
  connectTimeoutMs: 10_000,
  // As long as the longest execution may wait for one answer.
  idleTimeoutMs: 900_000,
  headTimeoutMs: 5000,
};

/** Resolves once the socket accepts connections. @throws {PlatformError} `config_invalid` */
export async function createPolicyEgress(options: PolicyEgressOptions): Promise<PolicyEgress> {
  checkOptions(options);
  const counters = createCounters();
  const grants = new Map<string, EgressGrant>();
  let platform: ThreadOrder | undefined;
  let restart: NodeJS.Timeout | undefined;
  let closing = false;
  let thread = await startThread(options, counters, ended);
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a port, not a window
  const post = (order: ThreadOrder) => thread.port.postMessage(order);

  function ended(): void {
    if (closing) return;
    options.log.error({}, 'The egress thread ended; it is started again. Workers that are alive have no way out until they are replaced.');
    restart = setTimeout(() => void again(), RESTART_MS);
  }
  async function again(): Promise<void> {
    try {
      thread = await startThread(options, counters, ended);
      for (const [token, grant] of grants) post({ kind: 'grant', token, grant });
      if (platform !== undefined) post(platform);
      if (closing) post({ kind: 'close' });
    } catch (error) {
      options.log.error({ err: error }, 'The egress thread could not be started again.');
      ended();
    }
  }
  return {
    socketPath: options.socketPath,
    grant(grant) {
      const token = randomBytes(TOKEN_BYTES).toString('base64url');
      grants.set(token, grant);
      post({ kind: 'grant', token, grant });
      return token;
    },
    revoke(token) {
      if (grants.delete(token)) post({ kind: 'revoke', token });
    },
    setPlatform(hosts, address) {
      platform = { kind: 'platform', hosts, address };
      post(platform);
    },
    stats: () => readCounters(counters),
    async close() {
      closing = true;
      clearTimeout(restart);
      post({ kind: 'close' });
      await thread.closed;
    },
  };
}

interface Thread {
  readonly port: MessagePort;
  /** Settles when the thread listens no longer and everything is cut. */
  readonly closed: Promise<unknown>;
}

function startThread(options: PolicyEgressOptions, counters: SharedArrayBuffer, ended: () => void): Promise<Thread> {
  const { port1: port, port2 } = new MessageChannel();
  const listening = Promise.withResolvers<Thread>();
  const closed = Promise.withResolvers<unknown>();
  let up = false;
  port.on('message', (notice: ThreadNotice) => {
    if (notice.kind === 'listening') {
      up = true;
      listening.resolve({ port, closed: closed.promise });
    } else if (notice.kind === 'failed' && up)
      options.log.error({ reason: notice.reason }, 'The egress proxy could not accept a connection.');
    else if (notice.kind === 'failed')
      listening.reject(new PlatformError('config_invalid', `Cannot listen on ${options.socketPath}: ${notice.reason}.`));
    else {
      if (notice.status === 403) options.onDenied?.(1 + notice.untold);
      options.log.warn({ ...notice, code: notice.status === 403 ? 'egress_denied' : undefined }, 'Refused a function the way out.');
    }
  });
  const stop = runThread(
    {
      port: port2,
      socketPath: options.socketPath,
      limits: limitsOf(options),
      extraDenied: options.extraDenied ?? [],
      opened: options.opened ?? [],
      counters,
    },
    options,
  );
  // The port closes with the thread, however that ends.
  port.once('close', () => {
    listening.reject(new PlatformError('config_invalid', `Cannot listen on ${options.socketPath}: the egress thread ended.`));
    void stop().then(closed.resolve, closed.reject);
  });
  return listening.promise.then(
    (thread) => {
      port.once('close', ended);
      return thread;
    },
    (error: unknown) => {
      port.close();
      throw error;
    },
  );
}

function runThread(data: ThreadData, options: PolicyEgressOptions): () => Promise<unknown> {
  if (options.resolve !== undefined || options.dial !== undefined) {
    serveEgress(data, options);
    return () => Promise.resolve();
  }
  const worker = new Worker(options.threadUrl ?? new URL('./egress-thread.ts', import.meta.url), {
    workerData: data,
    transferList: [data.port],
    name: 'martlet-egress',
    resourceLimits: { maxOldGenerationSizeMb: THREAD_HEAP_MB },
  });
  worker.on('error', (error) => options.log.error({ err: error }, 'The egress thread failed.'));
  return () => worker.terminate();
}

function checkOptions({ socketPath, extraDenied = [], opened = [] }: PolicyEgressOptions): void {
  parseAddressRanges(extraDenied);
  opened.forEach(openedTarget);
  if (Buffer.byteLength(socketPath) <= SOCKET_PATH_BYTES_MAX) return;
  throw new PlatformError(
    'config_invalid',
    `Cannot listen on ${socketPath}: the path of a socket may have ${SOCKET_PATH_BYTES_MAX} bytes; choose a shorter data folder.`,
  );
}

function limitsOf(options: PolicyEgressOptions): EgressLimits {
  return {
    maxConnectionsPerGrant: options.maxConnectionsPerGrant ?? defaultLimits.maxConnectionsPerGrant,
    maxConnections: options.maxConnections ?? defaultLimits.maxConnections,
    connectTimeoutMs: options.connectTimeoutMs ?? defaultLimits.connectTimeoutMs,
    idleTimeoutMs: options.idleTimeoutMs ?? defaultLimits.idleTimeoutMs,
    headTimeoutMs: options.headTimeoutMs ?? defaultLimits.headTimeoutMs,
  };
}
