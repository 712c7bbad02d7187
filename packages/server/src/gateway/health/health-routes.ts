/** /health/live and /health/ready: whether the process answers, and whether it can do its work. */
import { Hono } from 'hono';
import type { Log } from '../../ports/system/log.ts';

/** One thing that must be in order; `detail` says what is not. */
export interface HealthCheck {
  readonly name: string;
  readonly check: () => Promise<{ readonly ok: boolean; readonly detail: string }>;
}

export interface HealthOptions {
  readonly version: string;
  readonly checks: readonly HealthCheck[];
  readonly log: Log;
  /** Whether only a new process can go on. */
  readonly isLost: () => boolean;
}

export interface HealthRoutes {
  fetch(request: Request): Promise<Response>;
}

/** A store that hangs must make the server unready, not the probe. */
const CHECK_MS = 2000;

export function createHealthRoutes({ version, checks, log, isLost }: HealthOptions): HealthRoutes {
  const app = new Hono();
  app.use(async (c, next) => {
    c.header('Cache-Control', 'no-store');
    await next();
  });
  app.get('/health/live', (c) => (isLost() ? c.json({ status: 'fail', version }, 503) : c.json({ status: 'pass', version })));
  app.get('/health/ready', async (c) => {
    const results = await Promise.all(checks.map((each) => run(each, log)));
    const ok = results.every((result) => result.ok);
    return c.json({ status: ok ? 'pass' : 'fail', version, checks: results }, ok ? 200 : 503);
  });
  return { fetch: async (request) => app.fetch(request) };
}

async function run({ name, check }: HealthCheck, log: Log): Promise<{ name: string; ok: boolean; detail: string }> {
  const { promise: late, resolve } = Promise.withResolvers<{ ok: boolean; detail: string }>();
  const timer = setTimeout(() => resolve({ ok: false, detail: `no answer in ${CHECK_MS} ms` }), CHECK_MS);
  const checked = check().catch((error: unknown) => {
    log.warn({ err: error, check: name }, 'A health check failed');
    // What went wrong may name files and hosts, and strangers read this page.
    return { ok: false, detail: 'failed; see the log of the server' };
  });
  try {
    return { name, ...(await Promise.race([checked, late])) };
  } finally {
    clearTimeout(timer);
  }
}
