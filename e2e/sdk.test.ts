/** The published SDK against a real server: in Node, inside a function, and in a page of a real browser. */
import { createClient, ExecutionStatus, Query } from '@martlet/sdk';
import type { ExecutionResource } from '@martlet/protocol';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
// @ts-expect-error a plain script, so that any Node from 18 on can run it
import { findChromium } from '../tools/install/ensure-chromium.mjs';
import { openChromiumPage, type ChromiumPage } from './sdk/chromium-page.ts';
import { createSdkProject, type SdkProject } from './sdk/sdk-project.ts';
import { signInAndCall, type SignedIn } from './sdk/shared/sign-in.ts';
import { tryEverything, type Tried } from './sdk/shared/try-everything.ts';
import { startMartlet, type Martlet } from './start-martlet.ts';

const NAMES = ['echo', 'upload', 'download', 'fails', 'sleeps', 'nested/lines', 'ticks', 'sums', 'whoami', 'inside'];
const THREE = ['three.bin', 'application/x-three', 6];

let project: SdkProject;
let martlet: Martlet;

beforeAll(async () => {
  project = await createSdkProject();
  martlet = await startMartlet(['dev', project.folder]);
  // Each of them is live before anything is measured by time-outs.
  const live = NAMES.map(async (name) => (await martlet.call(name, { method: 'OPTIONS' })).body?.cancel());
  await Promise.all(live);
}, 240_000);

afterAll(async () => {
  await martlet?.stop();
  await project?.remove();
});

/** The same from every place; what the records say of executions that were left early is looked up. */
async function assertTried(tried: Tried, sums: number[], caller = 'nobody'): Promise<void> {
  expect(tried).toMatchObject({
    json: { got: { a: [1, { b: null }], text: 'é😀' }, caller, own: 'header' },
    files: {
      fields: [
        ['title', 'x'],
        ['file', THREE],
        ['many', THREE],
        ['many', THREE],
        ['order[photo]', THREE],
        ['order', '{"id":7,"photo":"order[photo]"}'],
      ],
    },
    form: {
      fields: [
        ['word', 'wörd'],
        ['file', THREE],
      ],
    },
    failure: {
      name: 'FunctionError',
      message: 'Function "fails" answered 402: Card declined',
      status: 402,
      code: 'declined',
      data: { error: { message: 'Card declined', code: 'declined' }, fields: ['number'] },
      executionId: 'string',
    },
    events: [0, 1, 2].map((n) => ({ event: 'tick', data: `{"n":${n}}`, id: String(n) })),
    lines: [{ n: 1 }, { n: 2 }, { n: 3 }],
    text: 'wörds come in pieces',
    leftEarly: { seen: 3, executionId: expect.any(String) },
    aborted: true,
    abortedStream: { aborted: true, executionId: expect.any(String) },
    timedOut: true,
    method: { status: 200, executionId: true },
  });
  expect(tried.bytes).toEqual(Array.from({ length: 256 }, (_, index) => index));
  expect(tried.sums).toEqual(sums);
  for (const { executionId = '' } of [tried.leftEarly, tried.abortedStream])
    expect((await recordOf(executionId)).logs).toBe('the reader went away');
}

const recordOf = (executionId: string): Promise<ExecutionResource> =>
  martlet.executionOf(new Response(null, { headers: { 'x-martlet-execution-id': executionId } }));

describe('in Node', () => {
  test('everything works for nobody in particular', async () => {
    await assertTried(await tryEverything(createClient({ url: martlet.ready.url }), { streamsBodies: true }), [100, 300, 600]);
  }, 60_000);

  test('everything works for a server with its key, which no function sees', async () => {
    const { url, project: id, apiKey } = martlet.ready;
    await assertTried(
      await tryEverything(createClient({ url, project: id, apiKey }).asServiceRole, { streamsBodies: true }),
      [100, 300, 600],
    );
  }, 60_000);

  test('executions are found, waited for, followed and listed', async () => {
    const { url, project: id, apiKey } = martlet.ready;
    const client = createClient({ url, project: id, apiKey });
    const { executionId = '' } = await client.functions.invoke('echo', {});
    const execution = await client.executions.wait(executionId);
    expect(execution).toMatchObject({ $id: executionId, status: 'completed', responseStatusCode: 200 });
    const { functionId } = execution;
    expect((await client.functions.getExecution(functionId, executionId)).$id).toBe(executionId);
    expect((await client.functions.listExecutions({ functionId })).executions.map(({ $id }) => $id)).toContain(executionId);

    const created = await client.functions.createExecution({ functionId, body: '{"a":1}', headers: { 'x-own': 'x' } });
    expect([created.status, JSON.parse(created.responseBody)]).toMatchObject(['completed', { got: { a: 1 }, own: 'x' }]);
    await client.functions.deleteExecution({ functionId, executionId: created.$id });
    await expect(client.executions.get(created.$id)).rejects.toMatchObject({ code: 'execution_not_found' });
  });

  test('an execution that nobody waits for is accepted, then followed to its end', async () => {
    const { url, project: id, apiKey } = martlet.ready;
    const client = createClient({ url, project: id, apiKey });
    const { executions } = await client.executions.list({ queries: [Query.equal('requestPath', '/below?x=1'), Query.limit(1)] });
    const accepted = await client.functions.createExecution({ functionId: executions[0]?.functionId ?? '', async: true, xpath: '/later' });
    expect(accepted).toMatchObject({ status: ExecutionStatus.Waiting, responseStatusCode: 0 });
    const told = await new Promise<string[]>((resolve, reject) => {
      const states: string[] = [];
      client.executions.subscribe(accepted.$id, (progress) => {
        if (progress.type === 'status') states.push(progress.execution.status);
        if (progress.type === 'ended') resolve(states);
        if (progress.type === 'error') reject(progress.error);
      });
    });
    expect(['waiting', 'processing', 'completed']).toEqual(expect.arrayContaining(told));
    expect(told.at(-1)).toBe('completed');
    expect(await client.executions.wait(accepted.$id)).toMatchObject({
      status: 'completed',
      responseStatusCode: 200,
      requestPath: '/later',
    });
  });

  test('the log and the progress of an execution are followed while it runs', async () => {
    const { url, project: id, apiKey } = martlet.ready;
    const client = createClient({ url, project: id, apiKey });
    const stop = new AbortController();
    let executionId = '';
    const stream = client.functions.stream(
      'ticks',
      {},
      { signal: stop.signal, onResponse: (answer) => (executionId = answer.executionId ?? '') },
    );
    await stream.next();
    const told: string[] = [];
    const ended = new Promise<void>((resolve) => {
      client.executions.subscribe(executionId, (progress) => {
        told.push(
          progress.type === 'line'
            ? progress.line.text
            : progress.type === 'error'
              ? String(progress.error)
              : `${progress.type} ${progress.execution.status}`,
        );
        if (progress.type === 'ended' || progress.type === 'error') resolve();
      });
    });
    const lines = Array.fromAsync(client.executions.logs(executionId, { follow: true }));
    while (told.length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
    expect(told).toEqual(['status processing']);
    stop.abort();
    await ended;
    expect(told.slice(0, 2)).toEqual(['status processing', 'the reader went away']);
    expect(told.at(-1)).toMatch(/^ended (?:completed|failed)$/);
    expect((await lines).map(({ text }) => text)).toEqual(['the reader went away']);
  });

  test('nobody learns of executions or logs', async () => {
    const nobody = createClient({ url: martlet.ready.url });
    const { executionId = '' } = await nobody.functions.invoke('echo', {});
    for (const call of [nobody.executions.get(executionId), nobody.executions.logs(executionId, { follow: true }).next()])
      await expect(call).rejects.toMatchObject({ name: 'ApiError', status: 401, code: 'general_unauthorized_scope' });
    const progress = await new Promise((resolve) => void nobody.executions.subscribe(executionId, resolve));
    expect(progress).toMatchObject({ type: 'error', error: { code: 'general_unauthorized_scope' } });
  });
});

describe('inside a function', () => {
  test('everything works for the caller, and the service role reaches further', async () => {
    const { data } = await createClient({ url: martlet.ready.url }).functions.invoke<{ asCaller: Tried; service: unknown }>('inside');
    await assertTried(data.asCaller, [100, 300, 600]);
    expect(data.service).toEqual({ caller: 'nobody', status: 'completed', responseStatusCode: 200 });
  }, 90_000);
});

const executable = findChromium() as string | undefined;

function assertSignedIn({ id, user, seesOwnExecution, afterwards }: SignedIn): void {
  expect(id).not.toBe('');
  expect([user, seesOwnExecution, afterwards]).toEqual([id, true, null]);
}

test('a user is who functions see while signed in, and sees own executions', async () => {
  const { url, project: id } = martlet.ready;
  assertSignedIn(await signInAndCall(createClient({ url, project: id })));
});

describe('in a page of Chromium', () => {
  const entry = `
import { createClient } from '@martlet/sdk';
import { tryEverything } from './shared/try-everything.ts';
import { signInAndCall } from './shared/sign-in.ts';
Object.assign(globalThis, { createClient, tryEverything, signInAndCall });
`;
  interface InPage {
    readonly createClient: typeof createClient;
    readonly tryEverything: typeof tryEverything;
    readonly signInAndCall: typeof signInAndCall;
  }
  let chromium: ChromiumPage;
  beforeAll(async () => {
    if (executable !== undefined) chromium = await openChromiumPage({ executable, entry, folder: project.folder });
  }, 120_000);
  afterAll(() => chromium?.close());

  test('everything works from another origin', async ({ skip }) => {
    if (executable === undefined) return skip('no Chromium on this machine');
    const tried = await chromium.page.evaluate(async (url) => {
      const page = globalThis as unknown as InPage;
      return page.tryEverything(page.createClient({ url }), { streamsBodies: false });
    }, martlet.ready.url);
    await assertTried(tried, [300_000]);
  }, 90_000);

  test('a user signs in there too', async ({ skip }) => {
    if (executable === undefined) return skip('no Chromium on this machine');
    const { url, project: id } = martlet.ready;
    const signedIn = await chromium.page.evaluate(
      async (options) => {
        const page = globalThis as unknown as InPage;
        return page.signInAndCall(page.createClient(options));
      },
      { url, project: id },
    );
    assertSignedIn(signedIn);
  });
});
