/** Everything on the port that is not a function: the control API, health, metrics, and a clear 404. */
import { errorSpecs } from '@martlet/protocol';
import { readinessChecks } from '../gateway/health/readiness-checks.ts';
import { createApi } from '../gateway/api/create-api.ts';
import { clientAddress } from '../gateway/session/client-address.ts';
import { createDevicePage } from '../gateway/console/device-page.ts';
import { createHealthRoutes } from '../gateway/health/health-routes.ts';
import { createMetricsRoute } from '../gateway/metrics/metrics-route.ts';
import type { Clock } from '../ports/system/clock.ts';
import type { Log } from '../ports/system/log.ts';
import type { SandboxProbe } from '../ports/sandbox.ts';
import type { Store } from '../ports/store.ts';
import type { Config } from './config.ts';
import type { PlatformServices } from './create-services.ts';
import { VERSION } from './version.ts';

export type AnswerOthers = (request: Request, facts: { readonly clientIp: string }) => Promise<Response>;

type AnswerFacts = (request: Request, facts: { readonly clientIp: string }) => { readonly clientIp: string };

export interface OthersOptions {
  readonly config: Config;
  readonly services: PlatformServices;
  readonly store: Store;
  readonly clock: Clock;
  readonly probe: SandboxProbe;
  readonly log: Log;
  readonly isDraining: () => boolean;
  /** See `Platform.lost`. */
  readonly lost: AbortSignal;
}

export function createOthers({ config, services, store, clock, probe, log, lost, isDraining }: OthersOptions): AnswerOthers {
  const api = createApi({
    ...services,
    projects: store.projects,
    clock,
    log,
    limits: config.limits,
    version: VERSION,
    defaultProject: config.defaultProject,
    origins: config.corsOrigins,
  });
  const checks = readinessChecks({
    store,
    isDraining,
    defaultProject: config.defaultProject,
    tier: probe.tier,
    wantedTier: config.mode === 'dev' ? probe.tier : config.sandboxTier,
    pool: () => describePool(services.pool.readings()),
  });
  const health = createHealthRoutes({ version: VERSION, checks, log, isLost: () => lost.aborted });
  const metrics = createMetricsRoute({
    contentType: services.meter.contentType,
    render: () => services.meter.render(),
    identify: (request) => services.principals.identify(credentialsOf(request)),
    log,
  });
  const devicePage = createDevicePage({ identity: services.identity, principals: services.principals, clock, log });
  const apiFacts: AnswerFacts = (request, { clientIp }) => ({
    clientIp: clientAddress(clientIp, request.headers.get('x-forwarded-for'), config.trustProxy),
  });
  return async (request, facts) => {
    const { pathname } = new URL(request.url);
    if (pathname === '/v1' || pathname.startsWith('/v1/')) return api.fetch(request, apiFacts(request, facts));
    if (devicePage.paths.includes(pathname)) return devicePage.fetch(request, apiFacts(request, facts));
    if (pathname.startsWith('/health/')) return health.fetch(request);
    if (pathname === '/metrics') return metrics.fetch(request);
    return notFound(pathname);
  };
}

function describePool({ blanks, live, starting }: { blanks: number; live: number; starting: number }): { ok: boolean; detail: string } {
  return { ok: true, detail: `${blanks} blanks ready, ${live} workers live, ${starting} starting` };
}

function credentialsOf(request: Request): { apiKey: string | undefined; bearer: string | undefined } {
  const authorization = request.headers.get('authorization') ?? '';
  return {
    apiKey: request.headers.get('x-martlet-key') ?? undefined,
    bearer: authorization.startsWith('Bearer ') ? authorization.slice(7) : undefined,
  };
}

function notFound(pathname: string): Response {
  const { message, remedy } = errorSpecs.general_route_not_found;
  const text = `${message} Functions are at /functions/<name>, the API at /v1. ${remedy}`;
  return Response.json({ error: text, message: text, detail: text, code: 'GENERAL_ROUTE_NOT_FOUND', path: pathname }, { status: 404 });
}
