/**
 * /metrics for Prometheus. It names functions, so it is for keys with `health.read`; an address of this machine is no proof,
 * since a reverse proxy has one too.
 */
import { isPlatformError } from '@martlet/protocol';
import { Hono } from 'hono';
import { holdsScope } from '../../domain/principal-scopes.ts';
import type { Principal } from '../../domain/principal.ts';
import type { Log } from '../../ports/system/log.ts';

export interface MetricsOptions {
  readonly contentType: string;
  readonly render: () => Promise<string>;
  /** Who asks, from the headers of the request. */
  readonly identify: (request: Request) => Principal | Promise<Principal>;
  /** Serve everybody, for networks that are closed anyway. Default false. */
  readonly open?: boolean;
  readonly log: Log;
}

export interface MetricsRoute {
  fetch(request: Request): Promise<Response>;
}

export function createMetricsRoute({ contentType, render, identify, log, open = false }: MetricsOptions): MetricsRoute {
  const app = new Hono();
  app.get('/metrics', async (c) => {
    const allowed = open || holdsScope(await identify(c.req.raw), ['health.read']);
    if (!allowed) return c.text('Cannot show metrics: send an API key as a bearer token.\n', 401, { 'WWW-Authenticate': 'Bearer' });
    return c.body(await render(), 200, { 'Content-Type': contentType, 'Cache-Control': 'no-store' });
  });
  app.onError((error, c) => {
    if (isPlatformError(error)) return c.text(`${error.message}\n`, error.status === 401 ? 401 : 503);
    log.error({ err: error }, 'Cannot collect metrics');
    return c.text('Cannot collect metrics; see the log of the server.\n', 500);
  });
  return { fetch: async (request) => app.fetch(request) };
}
