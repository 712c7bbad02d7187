/** Everything about who there is. */
import type { OpenAPIHono } from '@hono/zod-openapi';
import type { ApiEnv, ApiOptions } from '../api-context.ts';
import { addAccountRoutes } from './account-routes.ts';
import { addAccountSessionsRoutes } from './account-sessions-routes.ts';
import { addDeviceLoginRoutes } from './device-login-routes.ts';
import { addIssuerRoutes } from './issuer-routes.ts';
import { addTeamsRoutes } from './teams-routes.ts';
import { addUserSessionsRoutes } from './user-sessions-routes.ts';
import { addUsersRoutes } from './users-routes.ts';

export function addIdentityRoutes(app: OpenAPIHono<ApiEnv>, options: ApiOptions): void {
  addAccountRoutes(app, options);
  addAccountSessionsRoutes(app, options);
  addDeviceLoginRoutes(app, options);
  addUsersRoutes(app, options);
  addUserSessionsRoutes(app, options);
  addTeamsRoutes(app, options);
  addIssuerRoutes(app, options);
}
