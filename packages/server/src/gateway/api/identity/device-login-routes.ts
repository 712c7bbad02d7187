/** /v1/login/device: a terminal asks for a key, and a person allows it on the page `/console/device`. */
import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi';
import { LOGIN_INTERVAL_SECONDS, LOGIN_SECONDS } from '../../../services/identity/device-logins.ts';
import { addressBucket } from '../../../services/identity/rate-limiter.ts';
import { DEVICE_PAGE } from '../../console/device-page.ts';
import type { ApiContext, ApiEnv, ApiOptions } from '../api-context.ts';
import { openToAll } from '../authorize.ts';
import { keyScopeList } from '../params.ts';
import { answers, jsonBody } from '../route-answers.ts';
import { isTls } from './session-answer.ts';
import { perHour, spend } from './spend.ts';

const tags = ['login'];
const SMALL_BODY = { bytes: 8192, beyond: 'request_too_large' } as const;
const MACHINE = 'Value must be 1 to 64 letters, digits, spaces and . _ - of any language';
/** It is shown to a person who decides, so nothing is let in that could make it look like something else. */
const machine = z
  .string(MACHINE)
  .regex(/^[\p{L}\p{N}][\p{L}\p{N} ._-]{0,63}$/u, MACHINE)
  .openapi({ description: 'Name of the machine, which the person who decides is shown' });

const start = createRoute({
  method: 'post',
  path: '/v1/login/device',
  tags,
  summary: 'Start the login of a terminal',
  description: 'Show the address and `userCode` to the person at the terminal, and ask for the key every `interval` seconds.',
  ...openToAll(SMALL_BODY),
  request: {
    body: jsonBody(
      z.object({
        machine,
        scopes: keyScopeList()
          .min(1, 'Value must name a scope')
          .nullish()
          .openapi({ description: 'Default: all that the key of the person has' }),
      }),
    ),
  },
  responses: answers(
    201,
    z
      .object({
        deviceCode: z.string(),
        userCode: z.string(),
        verificationUrl: z.string(),
        verificationUrlComplete: z.string(),
        expiresIn: z.int(),
        interval: z.int(),
      })
      .meta({ id: 'DeviceLogin' }),
    'The codes, the address of the page, and for how many seconds they are good',
  ),
});
const collect = createRoute({
  method: 'post',
  path: '/v1/login/device/token',
  tags,
  summary: 'Get the key of a login that was allowed',
  description:
    'It is given once. Until somebody has decided the answer is `login_pending`, or `login_slow_down` to those who ask too often.',
  ...openToAll(SMALL_BODY),
  request: {
    body: jsonBody(z.object({ deviceCode: z.string('Value must be a valid string').max(128, 'Value must be no longer than 128 chars') })),
  },
  responses: answers(
    200,
    z.object({ key: z.string(), project: z.string(), scopes: z.array(z.string()), expire: z.string() }).meta({ id: 'DeviceLoginKey' }),
    'The key',
  ),
});

export function addDeviceLoginRoutes(app: OpenAPIHono<ApiEnv>, options: ApiOptions): void {
  const { deviceLogins } = options.identity;

  app.openapi(start, async (c) => {
    const address = c.env.clientIp;
    spend(c, options, { bucket: `device login ${addressBucket(address)}`, rate: perHour(options.limits.deviceLoginsPerHour) });
    const { machine: name, scopes } = c.req.valid('json');
    const { deviceCode, userCode } = await deviceLogins.start({
      projectId: c.var.projectId,
      machine: name,
      scopes: scopes ?? null,
      address,
    });
    const verificationUrl = originOf(c) + DEVICE_PAGE;
    c.header('Cache-Control', 'no-store');
    return c.json(
      {
        deviceCode,
        userCode,
        verificationUrl,
        verificationUrlComplete: `${verificationUrl}?code=${userCode}`,
        expiresIn: LOGIN_SECONDS,
        interval: LOGIN_INTERVAL_SECONDS,
      },
      201,
    );
  });

  app.openapi(collect, async (c) => {
    const { row, secret } = await deviceLogins.collect(c.req.valid('json').deviceCode);
    c.header('Cache-Control', 'no-store');
    return c.json(
      {
        key: secret,
        project: row.projectId,
        scopes: [...row.scopes],
        expire: row.expiresAt === null ? '' : new Date(row.expiresAt).toISOString(),
      },
      200,
    );
  });
}

/** Where the terminal has found the server, the person does too. */
function originOf(c: ApiContext): string {
  const url = new URL(c.req.url);
  return `${isTls(c) ? 'https:' : 'http:'}//${url.host}`;
}
