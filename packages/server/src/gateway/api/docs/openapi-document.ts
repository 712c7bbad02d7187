/** The OpenAPI document, from the same schemas that requests are checked with. */
import type { OpenAPIHono } from '@hono/zod-openapi';
import type { ApiEnv } from '../api-context.ts';

export type ApiDocument = ReturnType<OpenAPIHono<ApiEnv>['getOpenAPI31Document']>;

export function describeApi(app: OpenAPIHono<ApiEnv>, version: string): ApiDocument {
  const document = app.getOpenAPI31Document({
    openapi: '3.1.0',
    info: {
      title: 'Martlet',
      version,
      description:
        'The control API of Martlet: functions, deployments, variables, executions, keys. Resources, errors and queries are those of the Appwrite Functions contract; what Martlet adds is in the same style.',
    },
    servers: [{ url: '/' }],
  });
  return {
    ...document,
    components: {
      ...document.components,
      securitySchemes: {
        session: {
          type: 'apiKey',
          in: 'header',
          name: 'X-Appwrite-Session',
          description: 'The session of a user; also taken as the cookie `a_session_<project>` or as a bearer token.',
        },
        userToken: {
          type: 'http',
          scheme: 'bearer',
          bearerFormat: 'JWT',
          description: 'A token from /v1/account/jwts or of the trusted issuer of the project; also taken as `X-Appwrite-JWT`.',
        },
        apiKey: {
          type: 'apiKey',
          in: 'header',
          name: 'X-Martlet-Key',
          description:
            'An API key; also taken as `X-Appwrite-Key` or as a bearer token. The scopes that a route asks for are listed with it; one of them is enough.',
        },
      },
    },
  };
}
