/**
 * A server outside the platform to which the functions of the proof tell what they do: that they begin, that they still run, that they
 * end. What it has heard is the only truth about what has run; records can lie.
 */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** One run of user code: of each attempt one, however often it was heard of. Times are those at which the function spoke. */
export interface Run {
  readonly nonce: string;
  readonly execution: string;
  readonly attempt: number;
  readonly fn: string;
  readonly token: string;
  /** The instant of the schedule for which it runs. */
  readonly tick: string;
  /** The event for which it runs. */
  readonly event: string;
  readonly concurrencyKey: string;
  readonly beganAt: number;
  lastAt: number;
  ended: boolean;
}

export interface EffectsServer {
  /** `host:port`, on a loopback address that is not the one of the servers. */
  readonly address: string;
  readonly runs: ReadonlyMap<string, Run>;
  close(): Promise<void>;
}

const HOST = '127.0.0.2';

export async function startEffectsServer(): Promise<EffectsServer> {
  const runs = new Map<string, Run>();
  const server: Server = createServer((request, response) => {
    hear(runs, new URL(request.url ?? '/', 'http://effects'));
    response.end();
  });
  server.listen(0, HOST);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    address: `${HOST}:${port}`,
    runs,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

function hear(runs: Map<string, Run>, { pathname, searchParams }: URL): void {
  const read = (name: string): string => searchParams.get(name) ?? '';
  const at = Number(read('at'));
  const run = runs.get(read('nonce'));
  if (run === undefined) {
    runs.set(read('nonce'), {
      nonce: read('nonce'),
      execution: read('execution'),
      attempt: Number(read('attempt')),
      fn: read('fn'),
      token: read('token'),
      tick: read('tick'),
      event: read('event'),
      concurrencyKey: read('key'),
      beganAt: at,
      lastAt: at,
      ended: pathname === '/end',
    });
    return;
  }
  run.lastAt = Math.max(run.lastAt, at);
  run.ended ||= pathname === '/end';
}
