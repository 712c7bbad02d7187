/** Deployments of a function: upload, build, which of them answers. */
import { PlatformError } from '@martlet/protocol';
import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi';
import { deploymentAttributes } from '../../../domain/list-attributes.ts';
import type { DeploymentRow, FunctionRow } from '../../../ports/store.ts';
import type { ApiContext, ApiEnv, ApiOptions } from '../api-context.ts';
import { openTo } from '../authorize.ts';
import { answerDownload } from '../answers/download-answer.ts';
import { listParams, readList } from '../list-request.ts';
import { idInBody, oneOf, pathId, text } from '../params.ts';
import { deploymentForm, readDeploymentUpload } from '../read-upload.ts';
import { deploymentSchema, functionSchema } from '../resources.ts';
import { answers, binary, jsonBody, noContent } from '../route-answers.ts';
import { viewDeployment } from '../views/deployment-view.ts';
import { viewFunction } from '../views/function-view.ts';
import { addBuildLogRoute } from './build-log-route.ts';

type Options = Pick<ApiOptions, 'functions' | 'deployments' | 'uploads' | 'limits'>;

const tags = ['deployments'];
const root = '/v1/functions/{functionId}';
const functionParams = z.object({ functionId: pathId('Id of the function') });
const params = functionParams.extend({ deploymentId: pathId('Id of the deployment') });
const which = jsonBody(z.object({ deploymentId: idInBody() }));
const one = (status: 200 | 202) => answers(status, deploymentSchema, 'The deployment');
/** What a form costs beyond its file. */
const FORM_BYTES = 1_048_576;

const list = createRoute({
  method: 'get',
  path: `${root}/deployments`,
  tags,
  summary: 'List the deployments of a function',
  ...openTo('functions.read'),
  description: 'With a `select` query the items have just those keys.',
  request: { params: functionParams, query: z.object({ ...listParams, search: text(0, 256).optional() }) },
  responses: answers(200, z.object({ total: z.int(), deployments: z.array(deploymentSchema.partial()) }), 'A page of deployments'),
});
const get = createRoute({
  method: 'get',
  path: `${root}/deployments/{deploymentId}`,
  tags,
  summary: 'Get a deployment',
  ...openTo('functions.read'),
  request: { params },
  responses: answers(200, deploymentSchema, 'The deployment'),
});
const remove = createRoute({
  method: 'delete',
  path: `${root}/deployments/{deploymentId}`,
  tags,
  summary: 'Delete a deployment',
  ...openTo('functions.write'),
  request: { params },
  responses: noContent,
});
const activate = createRoute({
  method: 'patch',
  path: `${root}/deployment`,
  tags,
  summary: 'Make a ready deployment the active one',
  ...openTo('functions.write'),
  request: { params: functionParams, body: which },
  responses: answers(200, functionSchema, 'The function'),
});
const rollback = createRoute({
  method: 'post',
  path: `${root}/deployments/rollback`,
  tags,
  summary: 'Activate the ready deployment before the active one',
  ...openTo('functions.write'),
  request: { params: functionParams },
  responses: answers(200, functionSchema, 'The function'),
});
const duplicate = createRoute({
  method: 'post',
  path: `${root}/deployments/duplicate`,
  tags,
  summary: 'Build the source of a deployment anew',
  ...openTo('functions.write'),
  request: { params: functionParams, body: which },
  responses: one(202),
});
const cancel = createRoute({
  method: 'patch',
  path: `${root}/deployments/{deploymentId}/status`,
  tags,
  summary: 'Cancel the build of a deployment',
  ...openTo('functions.write'),
  request: { params },
  responses: one(200),
});
const download = createRoute({
  method: 'get',
  path: `${root}/deployments/{deploymentId}/download`,
  tags,
  summary: 'Download the source or what was built',
  ...openTo('functions.read'),
  request: { params, query: z.object({ type: oneOf(['source', 'output']).optional() }) },
  responses: binary('application/octet-stream', 'The file; `application/gzip` for the source'),
});

export function addDeploymentRoutes(app: OpenAPIHono<ApiEnv>, options: Options): void {
  const { functions, deployments } = options;
  const fnOf = (c: ApiContext): Promise<FunctionRow> => functions.row(c.var.projectId, c.req.param('functionId') ?? '');
  const show = async (fn: FunctionRow, row: DeploymentRow) =>
    viewDeployment(row, { activeDeploymentId: fn.activeDeploymentId, buildLog: await deployments.buildLog(fn, row.id) });

  addCreate(app, options);
  addBuildLogRoute(app, options);
  app.openapi(rollback, async (c) => {
    const fn = await deployments.rollback(await fnOf(c));
    return c.json(viewFunction(await functions.get(fn.projectId, fn.id)), 200);
  });
  app.openapi(activate, async (c) => {
    const fn = await deployments.activate(await fnOf(c), c.req.valid('json').deploymentId);
    return c.json(viewFunction(await functions.get(fn.projectId, fn.id)), 200);
  });
  app.openapi(duplicate, async (c) => {
    const fn = await fnOf(c);
    return c.json(
      viewDeployment(await deployments.duplicate(fn, c.req.valid('json').deploymentId), {
        activeDeploymentId: fn.activeDeploymentId,
        buildLog: '',
      }),
      202,
    );
  });
  app.openapi(cancel, async (c) => {
    const fn = await fnOf(c);
    return c.json(await show(fn, await deployments.cancel(fn, c.req.valid('param').deploymentId)), 200);
  });
  addReads(app, { ...options, fnOf, show });
}

interface Reads extends Options {
  readonly fnOf: (c: ApiContext) => Promise<FunctionRow>;
  readonly show: (fn: FunctionRow, row: DeploymentRow) => Promise<ReturnType<typeof viewDeployment>>;
}

function addReads(app: OpenAPIHono<ApiEnv>, { deployments, fnOf, show }: Reads): void {
  app.openapi(list, async (c) => {
    const { search, total } = c.req.valid('query');
    if (search !== undefined && search !== '') throw noSearch();
    const fn = await fnOf(c);
    const { query, select } = readList(c, deploymentAttributes, total);
    const page = await deployments.list(fn, query);
    const resources = [];
    for (const row of page.rows) resources.push(pick(await show(fn, row), select));
    return c.json({ total: page.total, deployments: resources }, 200);
  });
  app.openapi(get, async (c) => {
    const fn = await fnOf(c);
    return c.json(await show(fn, await deployments.get(fn, c.req.valid('param').deploymentId)), 200);
  });
  app.openapi(remove, async (c) => {
    await deployments.delete(await fnOf(c), c.req.valid('param').deploymentId);
    return c.body(null, 204);
  });
  app.openapi(download, async (c) => {
    const what = c.req.valid('query').type ?? 'source';
    const id = c.req.valid('param').deploymentId;
    const bytes = await deployments.download(await fnOf(c), id, what);
    const file =
      what === 'source'
        ? { type: 'application/gzip', fileName: `${id}-source.tar.gz` }
        : { type: 'application/octet-stream', fileName: `${id}-output` };
    return answerDownload({ bytes, ...file }, c.req.header('range'));
  });
}

/** The form is read by hand: its order of checks is the contract's, and a piece of an archive comes with headers. */
function addCreate(app: OpenAPIHono<ApiEnv>, { functions, deployments, uploads, limits }: Options): void {
  app.openAPIRegistry.register('NewDeployment', deploymentForm);
  const create = createRoute({
    method: 'post',
    path: `${root}/deployments`,
    tags,
    summary: 'Upload a deployment and build it',
    description:
      'Archives over 5 MiB may come in pieces of 5 MiB, each with `Content-Range`; the answer to the first has the id that the others send as `X-Appwrite-ID`.',
    ...openTo('functions.write', { bytes: limits.deploymentBytes + FORM_BYTES, beyond: 'deployment_invalid_file_size' }),
    request: {
      params: functionParams,
      body: { content: { 'multipart/form-data': { schema: { $ref: '#/components/schemas/NewDeployment' } } } },
    },
    responses: one(202),
  });
  app.openapi(create, async (c) => {
    const fn = await functions.row(c.var.projectId, c.req.valid('param').functionId);
    const { piece, ...upload } = await readDeploymentUpload(c, { hasEntrypoint: fn.entrypoint !== '' });
    const row = await (piece === undefined ? deployments.create({ fn, ...upload }) : uploads.take({ fn, ...upload, ...piece }));
    return c.json(viewDeployment(row, { activeDeploymentId: fn.activeDeploymentId, buildLog: '' }), 202);
  });
}

/** Just the selected keys, where a list asked for some. */
function pick<Resource extends object>(resource: Resource, select: readonly string[] | undefined): Partial<Resource> {
  if (select === undefined || select.includes('*')) return resource;
  const kept: Partial<Resource> = { ...resource };
  for (const key of Object.keys(kept)) if (!select.includes(key)) Reflect.deleteProperty(kept, key);
  return kept;
}

const noSearch = (): PlatformError =>
  new PlatformError('general_query_invalid', 'Searching deployments requires a fulltext index, which they do not have; use queries.');
