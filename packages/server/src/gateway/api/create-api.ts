/** The control API: /v1 and nothing else. Every request passes the same gates in the same order; routes only translate. */
import { PlatformError } from '@martlet/protocol';
import { OpenAPIHono } from '@hono/zod-openapi';
import { answerError, writeError } from './answers/answer-error.ts';
import type { ApiEnv, ApiOptions, RequestFacts } from './api-context.ts';
import { createCallerRate } from '../../services/identity/caller-rate.ts';
import { boundCaller, identifyCaller } from './authorize.ts';
import { answerOrigins } from './cors.ts';
import { refuseInvalid } from './params.ts';
import { addDeploymentRoutes } from './routes/deployments-routes.ts';
import { addExecutionEventsRoute } from './executions/execution-events-route.ts';
import { addEventRoutes } from './triggers/events-routes.ts';
import { addExecutionRoutes } from './routes/executions-routes.ts';
import { addFunctionRoutes } from './routes/functions-routes.ts';
import { addIdentityRoutes } from './identity/identity-routes.ts';
import { addKeyRoutes } from './routes/keys-routes.ts';
import { addLogRoutes } from './routes/logs-routes.ts';
import { addPlatformRoutes } from './routes/platform-routes.ts';
import { addHookRoutes } from './triggers/hooks-routes.ts';
import { addQueueRoutes } from './triggers/queue-routes.ts';
import { addScheduleRoutes } from './triggers/schedules-routes.ts';
import { addWebhookRoutes } from './triggers/webhooks-routes.ts';
import { addVariableRoutes } from './routes/variables-routes.ts';

export interface Api {
  /** Answers one request; never rejects. */
  fetch(request: Request, facts: RequestFacts): Promise<Response>;
}

export function createApi(options: ApiOptions): Api {
  const app = new OpenAPIHono<ApiEnv>({
    defaultHook: (result) => {
      if (!result.success) refuseInvalid(result.error);
    },
  });
  addGates(app, options);
  // These need neither a project nor the store: they answer before anybody is asked who they are.
  addPlatformRoutes(app, options);
  // Those who send webhooks have no key; what they sign is their credential.
  addHookRoutes(app, options);
  app.use(identifyCaller(options));
  app.use(boundCaller(createCallerRate(options.identity.rates, 'api', options.limits.apiRequestsPerMinute), options));
  addFunctionRoutes(app, options);
  addDeploymentRoutes(app, options);
  addVariableRoutes(app, options);
  addExecutionRoutes(app, options);
  addExecutionEventsRoute(app, options);
  addLogRoutes(app, options);
  addQueueRoutes(app, options);
  addScheduleRoutes(app, options);
  addEventRoutes(app, options);
  addWebhookRoutes(app, options);
  addKeyRoutes(app, options);
  addIdentityRoutes(app, options);
  app.notFound((c) => writeError(new PlatformError('general_route_not_found', 'Not Found'), c, options.version));
  app.onError((error, c) => answerError(error, c, options));
  return { fetch: async (request, facts) => app.fetch(request, facts) };
}

function addGates(app: OpenAPIHono<ApiEnv>, options: ApiOptions): void {
  app.use(async (c, next) => {
    c.set('requestId', options.ids.next());
    c.header('X-Martlet-Request-Id', c.var.requestId);
    c.header('X-Content-Type-Options', 'nosniff');
    await next();
  });
  app.use(answerOrigins(options.origins));
}
