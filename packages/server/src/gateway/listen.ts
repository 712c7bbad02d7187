/** One port: functions are answered at once, everything else goes to the control API, health and metrics. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import type { FunctionsGateway } from './functions/functions-gateway.ts';
import { LeanRequest, LeanResponse } from './functions/lean-http.ts';

export interface ListenOptions {
  readonly host: string;
  readonly port: number;
  readonly functions: FunctionsGateway;
  /** Answers whatever is not a function. */
  readonly others: (request: Request, facts: { readonly clientIp: string }) => Promise<Response>;
}

export interface Listener {
  readonly port: number;
  /** Takes no new connections, lets requests under way end, and closes idle connections. */
  drain(): Promise<void>;
  /** Cuts whatever is left. */
  close(): Promise<void>;
}

/** A head must be here in 20 s: a slow one holds a socket for nothing. Bodies may take as long as executions do. */
const HEADERS_MS = 20_000;
/** Longer than the keep-alive of common proxies, so that the proxy is the one to close and no request meets a closing socket. */
const KEEP_ALIVE_MS = 75_000;

export async function listen({ host, port, functions, others }: ListenOptions): Promise<Listener> {
  const fallback = getRequestListener((request, env) => others(request, { clientIp: remoteAddress(env) }), {
    overrideGlobalObjects: false,
  });
  const server = createServer(
    {
      headersTimeout: HEADERS_MS,
      requestTimeout: 0,
      keepAliveTimeout: KEEP_ALIVE_MS,
      noDelay: true,
      // A request without a body has no stream then, and none to be ended.
      optimizeEmptyRequests: true,
      IncomingMessage: LeanRequest,
      ServerResponse: LeanResponse,
    },
    (request, response) => {
      if (draining) response.setHeader('connection', 'close');
      if (!functions.handle(request, response)) void fallback(request, response);
    },
  );
  let draining = false;
  await started(server, host, port);
  return {
    port: (server.address() as AddressInfo).port,
    drain() {
      draining = true;
      return new Promise((resolve) => {
        server.close(() => resolve());
        server.closeIdleConnections();
      });
    },
    async close() {
      server.closeAllConnections();
      if (server.listening) await new Promise((resolve) => server.close(resolve));
    },
  };
}

function started(server: Server<typeof LeanRequest, typeof LeanResponse>, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

function remoteAddress(env: unknown): string {
  const { incoming } = env as { incoming: IncomingMessage; outgoing: ServerResponse };
  return incoming.socket.remoteAddress ?? '';
}
