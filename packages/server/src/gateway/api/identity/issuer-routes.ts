/** /v1/project/oidc: the issuer whose tokens the project trusts. */
import { issuerAlgorithms } from '@martlet/protocol';
import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi';
import { defaultAlgorithms } from '../../../domain/identity/trusted-issuer.ts';
import type { ApiEnv, ApiOptions } from '../api-context.ts';
import { openTo } from '../authorize.ts';
import { text, textList } from '../params.ts';
import { answers, jsonBody, noContent } from '../route-answers.ts';
import { issuerSchema } from './identity-schemas.ts';

const tags = ['project'];
const path = '/v1/project/oidc';
const one = answers(200, issuerSchema, 'The issuer');
const ALGORITHMS = `Value must be a valid array of at least one of (${issuerAlgorithms.join(', ')})`;

const body = z.object({
  issuer: text(1, 512).openapi({ description: 'As in the claim `iss`' }),
  audience: textList(10, 512)
    .min(1, 'Value must have at least one item')
    .openapi({ description: 'One of them must be in the claim `aud`' }),
  jwksUrl: text(0, 512).nullish().openapi({ description: 'Default: from the discovery document of the issuer' }),
  algorithms: z
    .array(z.enum(issuerAlgorithms, ALGORITHMS), ALGORITHMS)
    .min(1, ALGORITHMS)
    .nullish()
    .openapi({ description: `Default: ${defaultAlgorithms.join(', ')}` }),
  userClaim: text(1, 128).nullish().openapi({ description: 'Claim that names the user; default `sub`' }),
  labelsClaim: text(0, 128).nullish().openapi({ description: 'Claim with labels of the user; default none' }),
});

const get = createRoute({
  method: 'get',
  path,
  tags,
  summary: 'Get the trusted issuer of the project',
  ...openTo('project.read'),
  responses: one,
});
const put = createRoute({
  method: 'put',
  path,
  tags,
  summary: 'Trust the tokens of an OpenID Connect issuer',
  description: 'Takes effect at once, when the keys of the issuer can be read.',
  ...openTo('project.write'),
  request: { body: jsonBody(body) },
  responses: one,
});
const remove = createRoute({
  method: 'delete',
  path,
  tags,
  summary: 'Trust no issuer any longer; its users stay, its tokens are refused',
  ...openTo('project.write'),
  responses: noContent,
});

export function addIssuerRoutes(app: OpenAPIHono<ApiEnv>, { identity }: ApiOptions): void {
  const { issuers } = identity;
  app.openapi(get, async (c) => c.json(await issuers.get(c.var.projectId), 200));
  app.openapi(put, async (c) => {
    const input = c.req.valid('json');
    const issuer = await issuers.put(c.var.projectId, {
      issuer: input.issuer,
      audience: input.audience,
      jwksUrl: input.jwksUrl ?? '',
      algorithms: input.algorithms ?? [...defaultAlgorithms],
      userClaim: input.userClaim ?? 'sub',
      labelsClaim: input.labelsClaim ?? '',
    });
    return c.json(issuer, 200);
  });
  app.openapi(remove, async (c) => {
    await issuers.delete(c.var.projectId);
    return c.body(null, 204);
  });
}
