/** What the server says about itself: its version and its API. Open to everybody, and answered without the store. */
import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi';
import { secureHeaders } from 'hono/secure-headers';
import type { ApiEnv, ApiOptions } from '../api-context.ts';
import { renderDocs } from '../docs/docs-page.ts';
import { docsStyle } from '../docs/docs-style.ts';
import { describeApi } from '../docs/openapi-document.ts';
import { answers } from '../route-answers.ts';

const version = createRoute({
  method: 'get',
  path: '/v1/health/version',
  tags: ['health'],
  summary: 'The version of the server',
  security: [],
  responses: answers(200, z.object({ version: z.string() }), 'The version'),
});

export function addPlatformRoutes(app: OpenAPIHono<ApiEnv>, { version: serverVersion }: Pick<ApiOptions, 'version'>): void {
  app.openapi(version, (c) => c.json({ version: serverVersion }, 200));

  // Made when it is asked for: by then every route is known.
  app.get('/v1/openapi.json', (c) => c.json(describeApi(app, serverVersion)));

  const secure = secureHeaders({
    contentSecurityPolicy: {
      defaultSrc: ["'none'"],
      styleSrc: ["'self'"],
      baseUri: ["'none'"],
      formAction: ["'none'"],
      frameAncestors: ["'none'"],
    },
  });
  app.get('/v1/docs', secure, (c) => c.html(renderDocs(describeApi(app, serverVersion))));
  app.get('/v1/docs/style.css', (c) =>
    c.body(docsStyle, 200, { 'Content-Type': 'text/css; charset=utf-8', 'Cache-Control': 'public, max-age=3600' }),
  );
}
