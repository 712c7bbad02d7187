import { randomBytes } from 'node:crypto';
import { deploymentResource } from '@martlet/protocol';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CHUNK_BYTES } from '../../src/services/uploads.ts';
import { builtDeployment, deploymentForm, openApi, packSources, type OpenApi } from './open-api.ts';

let bed: OpenApi;
let archive: Uint8Array<ArrayBuffer>;
let broken: Uint8Array<ArrayBuffer>;
beforeAll(async () => {
  bed = await openApi();
  archive = await packSources({ 'main.ts': 'export default () => new Response("hello");' });
  broken = await packSources({ 'main.ts': 'export default (' });
});
afterAll(() => bed.close());

async function newFunction(fields: object = {}): Promise<string> {
  return (await bed.call('/v1/functions', { json: { functionId: 'unique()', name: 'deployed', runtime: 'node-24', ...fields } })).body.$id;
}
const upload = (id: string, { form, headers }: { form?: FormData; headers?: Record<string, string> } = {}) =>
  bed.call(`/v1/functions/${id}/deployments`, {
    method: 'POST',
    form: form ?? deploymentForm(archive),
    ...(headers === undefined ? {} : { headers }),
  });
const deploy = async (id: string, form?: FormData) =>
  builtDeployment(bed, id, (await upload(id, form === undefined ? {} : { form })).body.$id);

describe('an upload', () => {
  test('answers 202 with a deployment that waits, is built, and becomes the active one', async () => {
    const id = await newFunction();
    const { status, body } = await upload(id);
    expect(status).toBe(202);
    expect(deploymentResource.strict().parse(body)).toMatchObject({
      status: 'waiting',
      type: 'manual',
      resourceId: id,
      resourceType: 'functions',
      entrypoint: 'main.ts',
      sourceSize: archive.length,
      activate: true,
    });
    const built = await builtDeployment(bed, id, body.$id);
    expect(built).toMatchObject({ status: 'ready', active: true, buildError: '' });
    expect(built.totalSize).toBe(built.sourceSize + built.buildSize);
    expect((await bed.call(`/v1/functions/${id}`)).body).toMatchObject({
      deploymentId: body.$id,
      latestDeploymentId: body.$id,
      latestDeploymentStatus: 'ready',
      deploymentCreatedAt: body.$createdAt,
      live: true,
    });
  });

  test('that does not build leaves the active deployment where it is, and says why', async () => {
    const id = await newFunction();
    const good = await deploy(id);
    const bad = await deploy(id, deploymentForm(broken));
    expect(bad).toMatchObject({ status: 'failed', active: false, buildError: 'build_failed' });
    expect(bad.buildLogs).toContain('main.ts');
    expect((await bed.call(`/v1/functions/${id}`)).body).toMatchObject({
      deploymentId: good.$id,
      latestDeploymentId: bad.$id,
      latestDeploymentStatus: 'failed',
    });
    expect((await bed.call(`/v1/functions/${id}/deployment`, { method: 'PATCH', json: { deploymentId: bad.$id } })).body.type).toBe(
      'build_not_ready',
    );
  });

  test('of the command line is marked as such', async () => {
    expect((await upload(await newFunction(), { headers: { 'x-sdk-language': 'cli' } })).body.type).toBe('cli');
  });

  test('takes the entrypoint of the function when it names none', async () => {
    const id = await newFunction({ entrypoint: 'main.ts' });
    const form = deploymentForm(archive);
    form.delete('entrypoint');
    expect((await upload(id, { form })).body).toMatchObject({ status: 'waiting', entrypoint: 'main.ts' });
  });

  test.each([
    ['no function', (form: FormData) => form, 404, 'function_not_found', 'nobody'],
    ['no entrypoint anywhere', (form: FormData) => form.delete('entrypoint'), 404, 'function_entrypoint_missing'],
    ['no file', (form: FormData) => form.delete('code'), 400, 'storage_file_empty'],
    ['a file of another type', (form: FormData) => form.set('code', new File(['x'], 'code.zip')), 400, 'storage_file_type_unsupported'],
    [
      'a file that only says it is gzip',
      (form: FormData) => form.set('code', new File(['x'], 'code.tar.gz')),
      400,
      'storage_file_type_unsupported',
    ],
    ['no word about activation', (form: FormData) => form.delete('activate'), 400, 'general_argument_invalid'],
    ['a word about activation that is none', (form: FormData) => form.set('activate', 'perhaps'), 400, 'general_argument_invalid'],
  ])('with %s is refused', async (_what, change, status, type, functionId?: string) => {
    const form = deploymentForm(archive);
    change(form);
    const answer = await upload(functionId ?? (await newFunction()), { form });
    expect([answer.status, answer.body.type]).toEqual([status, type]);
  });

  test('over the limit is refused, whole or announced', async () => {
    const small = await openApi({ limits: { deploymentBytes: 1000 } });
    await small.call('/v1/functions', { json: { functionId: 'f', name: 'f', runtime: 'node-24' } });
    const large = deploymentForm(new Uint8Array(2000).fill(1));
    const announced = await small.call('/v1/functions/f/deployments', {
      form: deploymentForm(new Uint8Array(CHUNK_BYTES / 8)),
      headers: { 'content-range': 'bytes 0-5242879/6000000' },
    });
    const huge = await small.call('/v1/functions/f/deployments', { form: deploymentForm(new Uint8Array(2_000_000)) });
    expect([announced.body.type, huge.body.type]).toEqual(['deployment_invalid_file_size', 'deployment_invalid_file_size']);
    expect((await small.call('/v1/functions/f/deployments', { form: large })).status).toBe(400);
    await small.close();
  });
});

describe('an upload in pieces', () => {
  const send = (id: string, { piece, range, uploadId }: { piece: Uint8Array<ArrayBuffer>; range: string; uploadId?: string }) =>
    upload(id, {
      form: deploymentForm(piece),
      headers: { 'content-range': range, ...(uploadId === undefined ? {} : { 'x-appwrite-id': uploadId }) },
    });

  test('may be a single one', async () => {
    const id = await newFunction();
    const { body } = await send(id, { piece: archive, range: `bytes 0-${archive.length - 1}/${archive.length}` });
    expect((await builtDeployment(bed, id, body.$id)).status).toBe('ready');
  });

  test('comes together in any order, under the id of its first piece', async () => {
    const id = await newFunction();
    const large = await packSources({
      'main.ts': 'export default () => new Response("large");',
      'noise.bin': randomBytes(11_000_000).toString('base64'),
    });
    expect(large.length).toBeGreaterThan(2 * CHUNK_BYTES);
    const range = (first: number) => `bytes ${first}-${Math.min(first + CHUNK_BYTES, large.length) - 1}/${large.length}`;
    const first = await send(id, { piece: large.slice(0, CHUNK_BYTES), range: range(0) });
    expect(first).toMatchObject({ status: 202, body: { status: 'waiting', sourceSize: large.length } });
    const uploadId: string = first.body.$id;
    const starts = Array.from({ length: Math.ceil(large.length / CHUNK_BYTES) - 1 }, (_, n) => (n + 1) * CHUNK_BYTES).toReversed();
    const rest = await Promise.all(
      starts.map((start) => send(id, { piece: large.slice(start, start + CHUNK_BYTES), range: range(start), uploadId })),
    );
    expect(rest.map(({ status, body }) => [status, body.$id])).toEqual(starts.map(() => [202, uploadId]));
    expect(await builtDeployment(bed, id, uploadId)).toMatchObject({ status: 'ready', active: true, sourceSize: large.length });
    expect((await send(id, { piece: large.slice(0, CHUNK_BYTES), range: range(0), uploadId })).body).toMatchObject({
      $id: uploadId,
      status: 'ready',
    });
    expect((await send(await newFunction(), { piece: large.slice(0, CHUNK_BYTES), range: range(0), uploadId })).body.type).toBe(
      'deployment_not_found',
    );
  });

  test.each([
    'bytes 0-10',
    'bytes 5-2/10',
    'bytes 0-20/10',
    'items 0-1/2',
    'bytes 7-5242886/20000000',
    'bytes 5242880-10485759/20000000',
    'bytes 0-99/20000000',
  ])('with the range %s is refused', async (range) => {
    expect((await send(await newFunction(), { piece: archive, range })).body).toMatchObject({
      code: 400,
      type: 'storage_invalid_content_range',
    });
  });

  test('cannot be started by too many at once, nor block others for ever', async () => {
    const fresh = await openApi();
    await fresh.call('/v1/functions', { json: { functionId: 'f', name: 'f', runtime: 'node-24' } });
    const start = () =>
      fresh.call('/v1/functions/f/deployments', {
        form: deploymentForm(new Uint8Array(CHUNK_BYTES)),
        headers: { 'content-range': 'bytes 0-5242879/20000000' },
      });
    for (let n = 0; n < 8; n += 1) expect((await start()).status).toBe(202);
    const refused = await start();
    expect([refused.status, refused.body.type, refused.headers.get('retry-after')]).toEqual([429, 'general_rate_limit_exceeded', '5']);
    fresh.advance(11 * 60_000);
    expect((await start()).status).toBe(202);
    await fresh.close();
  });
});

describe('deployments', () => {
  test('are listed by queries, whole or with selected keys', async () => {
    const id = await newFunction();
    const good = await deploy(id);
    await deploy(id, deploymentForm(broken));
    const query = (one: object) => `/v1/functions/${id}/deployments?queries[]=${encodeURIComponent(JSON.stringify(one))}`;
    expect((await bed.call(query({ method: 'equal', attribute: 'status', values: ['ready'] }))).body).toEqual({
      total: 1,
      deployments: [good],
    });
    expect(
      (await bed.call(query({ method: 'select', values: ['status', 'buildLogs'] }))).body.deployments.map((one: object) =>
        Object.keys(one).toSorted(),
      ),
    ).toEqual([
      ['buildLogs', 'status'],
      ['buildLogs', 'status'],
    ]);
    expect((await bed.call(`/v1/functions/${id}/deployments?search=x`)).body.type).toBe('general_query_invalid');
  });

  test('are activated, rolled back and built anew', async () => {
    const id = await newFunction();
    const first = await deploy(id);
    const second = await deploy(id);
    expect((await bed.call(`/v1/functions/${id}/deployments/rollback`, { method: 'POST' })).body.deploymentId).toBe(first.$id);
    expect((await bed.call(`/v1/functions/${id}/deployments/rollback`, { method: 'POST' })).body.type).toBe('deployment_not_found');
    expect(
      (await bed.call(`/v1/functions/${id}/deployment`, { method: 'PATCH', json: { deploymentId: second.$id } })).body.deploymentId,
    ).toBe(second.$id);
    const again = await bed.call(`/v1/functions/${id}/deployments/duplicate`, { json: { deploymentId: first.$id } });
    expect(again).toMatchObject({ status: 202, body: { sourceSize: first.sourceSize, buildSize: 0, activate: true } });
    expect(await builtDeployment(bed, id, again.body.$id)).toMatchObject({ status: 'ready', active: true });
  });

  test('cannot be canceled once they are built', async () => {
    const id = await newFunction();
    const { $id } = await deploy(id);
    expect((await bed.call(`/v1/functions/${id}/deployments/${$id}/status`, { method: 'PATCH' })).body).toMatchObject({
      code: 400,
      type: 'build_already_completed',
    });
  });

  test('leave the function without one when the active one is deleted', async () => {
    const id = await newFunction();
    const { $id } = await deploy(id);
    expect((await bed.call(`/v1/functions/${id}/deployments/${$id}`, { method: 'DELETE' })).status).toBe(204);
    expect((await bed.call(`/v1/functions/${id}`)).body).toMatchObject({
      deploymentId: '',
      deploymentCreatedAt: '',
      latestDeploymentId: '',
    });
    expect((await bed.call(`/v1/functions/${id}/executions`, { json: {} })).body).toMatchObject({ type: 'deployment_not_found' });
  });

  test('of another function are not found', async () => {
    const { $id } = await deploy(await newFunction());
    const other = await newFunction();
    for (const [path, options] of [
      ['', {}],
      ['/logs', {}],
      ['/download', {}],
      ['/status', { method: 'PATCH' }],
      ['', { method: 'DELETE' }],
    ] as const) {
      expect((await bed.call(`/v1/functions/${other}/deployments/${$id}${path}`, options)).body.type).toBe('deployment_not_found');
    }
  });

  test('come back as they were sent, whole and in part', async () => {
    const id = await newFunction();
    const { $id } = await deploy(id);
    const download = (init: RequestInit = {}) =>
      bed.api.fetch(
        new Request(`http://localhost/v1/functions/${id}/deployments/${$id}/download`, {
          headers: { 'x-martlet-key': bed.secret, ...init.headers },
        }),
        { clientIp: '' },
      );
    const whole = await download();
    expect([whole.headers.get('content-type'), whole.headers.get('content-disposition')]).toEqual([
      'application/gzip',
      `attachment; filename="${$id}-source.tar.gz"`,
    ]);
    expect(new Uint8Array(await whole.arrayBuffer())).toEqual(archive);
    const part = await download({ headers: { range: 'bytes=2-9' } });
    expect([part.status, part.headers.get('content-range')]).toEqual([206, `bytes 2-9/${archive.length}`]);
    expect(new Uint8Array(await part.arrayBuffer())).toEqual(archive.slice(2, 10));
    for (const range of ['bytes=9-2', `bytes=0-${archive.length}`, 'items=0-1', 'bytes=-5'])
      expect((await download({ headers: { range } })).status).toBe(416);
    expect((await bed.call(`/v1/functions/${id}/deployments/${$id}/download?type=output`)).body).toContain('hello');
  });

  test('tell the log of their build as text and as events that end', async () => {
    const id = await newFunction();
    const { body } = await upload(id, { form: deploymentForm(broken) });
    const route = `/v1/functions/${id}/deployments/${body.$id}/logs`;
    const events = await bed.call(`${route}?follow=true`);
    expect(events.headers.get('content-type')).toContain('text/event-stream');
    expect(events.body).toMatch(/event: log\ndata: \{"text":"/);
    expect(events.body).toMatch(/event: ended\ndata: \{"status":"failed","error":"build_failed"\}\n\n$/);
    expect((await bed.call(route)).body).toContain('main.ts');
  });
});
