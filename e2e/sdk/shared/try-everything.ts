/**
 * One run through the SDK that is the same wherever it happens: in Node, in a page, inside a function. It gives plain
 * values, so that they can come back from there and be compared.
 */
import { AbortError, FunctionError, TimeoutError, type Caller } from '@martlet/sdk';

export interface Place {
  /** Browsers send streams over HTTP/2 only. */
  readonly streamsBodies: boolean;
}

export interface Tried {
  readonly json: unknown;
  readonly files: unknown;
  readonly form: unknown;
  readonly bytes: number[];
  readonly failure: unknown;
  readonly events: unknown[];
  readonly lines: unknown[];
  readonly text: string;
  readonly leftEarly: { readonly seen: number; readonly executionId: string | undefined };
  readonly aborted: boolean;
  readonly abortedStream: { readonly aborted: boolean; readonly executionId: string | undefined };
  readonly timedOut: boolean;
  readonly sums: number[];
  readonly method: { readonly status: number; readonly executionId: boolean };
}

export async function tryEverything({ functions }: Caller, { streamsBodies }: Place): Promise<Tried> {
  const file = new File([Uint8Array.of(1, 2, 3)], 'three.bin', { type: 'application/x-three' });
  const form = new FormData();
  form.append('word', 'wörd');
  form.append('file', file);
  const { data: downloaded } = await functions.invoke<Blob>('download');

  return {
    json: (await functions.invoke('echo', { a: [1, { b: null }], text: 'é😀' }, { headers: { 'x-own': 'header' } })).data,
    files: (await functions.invoke('upload', { title: 'x', file, many: [file, file], order: { id: 7, photo: file } })).data,
    form: (await functions.invoke('upload', form)).data,
    bytes: [...new Uint8Array(await downloaded.arrayBuffer())],
    failure: await failureOf(functions.invoke('fails', {})),
    events: await collect(functions.stream('ticks', { count: 3 })),
    lines: await collect(functions.stream('nested/lines', {})),
    text: (await collect(functions.stream('nested/lines', { as: 'text' }, { as: 'text' }))).join(''),
    leftEarly: await leaveEarly(functions),
    aborted: await isAborted(functions),
    abortedStream: await abortStream(functions),
    timedOut: await functions.invoke('sleeps', {}, { timeout: 100 }).then(
      () => false,
      (error: unknown) => error instanceof TimeoutError,
    ),
    sums: await sumsOf(functions, streamsBodies),
    method: await methodOf(functions),
  };
}

type Functions = Caller['functions'];

async function failureOf(call: Promise<unknown>): Promise<unknown> {
  try {
    await call;
    return 'It did not fail.';
  } catch (error) {
    if (!(error instanceof FunctionError)) throw error;
    const { name, message, status, code, data, executionId } = error;
    return { name, message, status, code, data, executionId: typeof executionId };
  }
}

async function collect(items: AsyncIterable<unknown>): Promise<unknown[]> {
  const all: unknown[] = [];
  for await (const item of items) all.push(item);
  return all;
}

async function leaveEarly(functions: Functions): Promise<Tried['leftEarly']> {
  let executionId: string | undefined;
  let seen = 0;
  const onResponse = (answer: { executionId: string | undefined }): void => {
    executionId = answer.executionId;
  };
  for await (const { event } of functions.stream('ticks', {}, { as: 'sse', onResponse })) {
    if (event === 'tick') seen += 1;
    if (seen === 3) break;
  }
  return { seen, executionId };
}

async function isAborted(functions: Functions): Promise<boolean> {
  const stop = new AbortController();
  const call = functions.invoke('sleeps', {}, { signal: stop.signal });
  setTimeout(() => stop.abort(), 50);
  return call.then(
    () => false,
    (error: unknown) => error instanceof AbortError,
  );
}

async function abortStream(functions: Functions): Promise<Tried['abortedStream']> {
  const stop = new AbortController();
  let executionId: string | undefined;
  try {
    const onResponse = (answer: { executionId: string | undefined }): void => {
      executionId = answer.executionId;
    };
    for await (const { event } of functions.stream('ticks', {}, { as: 'sse', signal: stop.signal, onResponse }))
      if (event === 'tick') stop.abort();
    return { aborted: false, executionId };
  } catch (error) {
    return { aborted: error instanceof AbortError, executionId };
  }
}

/** Where bodies stream, each piece is sent only after the sum of the one before has come back. */
async function sumsOf(functions: Functions, streamsBodies: boolean): Promise<number[]> {
  if (!streamsBodies) {
    const body = new Blob([new Uint8Array(300_000).fill(1)]);
    const lines = (await (await functions.fetch('sums', { method: 'POST', body })).text()).trim().split('\n');
    return [Number(lines.at(-1))];
  }
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const writer = writable.getWriter();
  const answered = functions.fetch('/sums', { method: 'POST', body: readable });
  await writer.write(new Uint8Array(100).fill(1));
  const response = await answered;
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  const sums: number[] = [];
  for (const more of [200, 300]) {
    sums.push(Number((await reader?.read())?.value));
    await writer.write(new Uint8Array(more).fill(1));
  }
  sums.push(Number((await reader?.read())?.value));
  await writer.close();
  return sums;
}

async function methodOf(functions: Functions): Promise<Tried['method']> {
  const response = await functions.fetch('download/below?x=1', { method: 'GET', headers: { 'x-own': '1' } });
  return { status: response.status, executionId: response.headers.get('x-martlet-execution-id') !== null };
}
