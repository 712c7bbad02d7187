// @vitest-environment happy-dom
/** The hooks in real components: React 19, a DOM, and a client over a fetch of the test. */
import { act, createElement, StrictMode, type ReactElement } from 'react';
import { createRoot, type Root } from 'react-dom/client';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createClient, FunctionError, type MartletClient, type ServerSentEvent } from '../src/index.ts';
import {
  MartletProvider,
  useFunction,
  useFunctionStream,
  useMartlet,
  type FunctionCall,
  type FunctionStreamCall,
} from '../src/react/index.ts';

Reflect.set(globalThis, 'IS_REACT_ACT_ENVIRONMENT', true);

interface Pending {
  readonly body: unknown;
  readonly signal: AbortSignal;
  answer(response: Response): void;
}

let pending: Pending[];
let client: MartletClient;
let root: Root;
let host: HTMLElement;

beforeEach(() => {
  pending = [];
  const asked: typeof fetch = (_input, init) =>
    new Promise((resolve, reject) => {
      const signal = init?.signal ?? new AbortController().signal;
      signal.addEventListener('abort', () => reject(new Error('aborted')));
      pending.push({ body: JSON.parse(String(init?.body)), signal, answer: resolve });
    });
  client = createClient({ url: 'http://martlet', fetch: asked });
  host = document.createElement('div');
  document.body.append(host);
  root = createRoot(host);
});
afterEach(async () => {
  await act(async () => root.unmount());
  host.remove();
});

async function render(component: () => ReactElement, own = client): Promise<void> {
  await act(async () =>
    root.render(createElement(StrictMode, {}, createElement(MartletProvider, { client: own }, createElement(component)))),
  );
}

/** The call at this place, once it is made. */
async function request(index: number): Promise<Pending> {
  return vi.waitFor(() => {
    const found = pending[index];
    if (found === undefined) throw new Error(`There are ${pending.length} requests.`);
    return found;
  });
}

describe('useFunction', () => {
  let call: FunctionCall<string, unknown>;
  const Component = (): ReactElement => {
    call = useFunction('orders/process');
    return createElement('p', {}, `${call.state} ${JSON.stringify(call.data)} ${call.error?.message ?? '-'}`);
  };
  beforeEach(() => render(Component));

  test('is idle, then pending, then has the data', async () => {
    expect(host.textContent).toBe('idle undefined -');
    let given: Promise<unknown> = Promise.resolve();
    await act(async () => {
      given = call.invoke({ id: 1 });
    });
    expect(host.textContent).toBe('pending undefined -');
    const { body, answer } = await request(0);
    await act(async () => answer(Response.json({ total: 5 })));
    await vi.waitFor(() => expect(host.textContent).toBe('success {"total":5} -'));
    expect([body, await given]).toEqual([{ id: 1 }, { total: 5 }]);
  });

  test('shows the error of the function and does not reject', async () => {
    let given: Promise<unknown> = Promise.resolve();
    await act(async () => {
      given = call.invoke();
    });
    const { answer } = await request(0);
    await act(async () => answer(Response.json({ error: 'Card declined' }, { status: 402 })));
    expect(await given).toBeUndefined();
    await vi.waitFor(() => expect(host.textContent).toBe('error undefined Function "orders/process" answered 402: Card declined'));
    expect(call.error).toBeInstanceOf(FunctionError);
  });

  test('shows the answer to the last call only, and ends the one before', async () => {
    await act(async () => void call.invoke({ id: 1 }));
    const first = await request(0);
    await act(async () => void call.invoke({ id: 2 }));
    const second = await request(1);
    expect([first.signal.aborted, second.signal.aborted]).toEqual([true, false]);
    await act(async () => second.answer(Response.json('two')));
    await act(async () => first.answer(Response.json('one')));
    await vi.waitFor(() => expect(host.textContent).toBe('success "two" -'));
  });

  test('keeps data while the next call runs, and after it is ended', async () => {
    await act(async () => void call.invoke({ id: 1 }));
    const first = await request(0);
    await act(async () => first.answer(Response.json('one')));
    await vi.waitFor(() => expect(host.textContent).toBe('success "one" -'));
    await act(async () => void call.invoke({ id: 2 }));
    expect(host.textContent).toBe('pending "one" -');
    await act(async () => call.abort());
    expect(host.textContent).toBe('success "one" -');
    expect((await request(1)).signal.aborted).toBe(true);
  });

  test('takes the event of a click for no data', async () => {
    await act(async () => void call.invoke({ nativeEvent: {}, type: 'click' }));
    expect((await request(0)).body).toEqual({});
  });

  test('ends its call when the component goes away', async () => {
    await act(async () => void call.invoke({ id: 1 }));
    const { signal } = await request(0);
    await act(async () => root.render(null));
    expect(signal.aborted).toBe(true);
  });

  test('keeps its functions over renders', async () => {
    const { invoke, abort } = call;
    await render(Component);
    expect([call.invoke === invoke, call.abort === abort]).toEqual([true, true]);
  });
});

describe('useFunctionStream', () => {
  let call: FunctionStreamCall<string, ServerSentEvent>;
  const Component = (): ReactElement => {
    call = useFunctionStream('chat', { as: 'sse' });
    return createElement('p', {}, `${call.state} ${call.items.map(({ data }) => data).join('')} ${call.error?.name ?? '-'}`);
  };

  /** A response whose events the test writes. */
  function events(): { response: Response; write(text: string): Promise<void>; close(): Promise<void> } {
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    const writer = writable.getWriter();
    return {
      response: new Response(readable, { headers: { 'content-type': 'text/event-stream' } }),
      write: (text) => writer.write(new TextEncoder().encode(text)),
      close: () => writer.close(),
    };
  }
  beforeEach(() => render(Component));

  test('shows the items while they come', async () => {
    await act(async () => void call.start({ prompt: 'hi' }));
    const { response, write, close } = events();
    await act(async () => (await request(0)).answer(response));
    await act(async () => write('data: He\n\n'));
    await vi.waitFor(() => expect(host.textContent).toBe('pending He -'));
    await act(async () => write('data: llo\n\n'));
    await act(async () => close());
    await vi.waitFor(() => expect(host.textContent).toBe('success Hello -'));
  });

  test('keeps what has come when it is ended, and begins anew with the next start', async () => {
    await act(async () => void call.start());
    const { response, write } = events();
    const first = await request(0);
    await act(async () => first.answer(response));
    await act(async () => write('data: He\n\n'));
    await vi.waitFor(() => expect(host.textContent).toBe('pending He -'));
    await act(async () => call.abort());
    expect([host.textContent, first.signal.aborted]).toEqual(['idle He -', true]);
    await act(async () => void call.start());
    expect(host.textContent).toBe('pending  -');
  });

  test('shows why it failed', async () => {
    await act(async () => void call.start());
    await act(async () => (await request(0)).answer(Response.json({ error: 'no' }, { status: 500 })));
    await vi.waitFor(() => expect(host.textContent).toBe('error  FunctionError'));
  });
});

test('a hook without a client says what to do', async () => {
  const Lost = (): ReactElement => createElement('p', {}, String(useMartlet()));
  const rendered = act(async () => root.render(createElement(Lost)));
  await expect(rendered).rejects.toThrow(/no client is there\. Put <MartletProvider client=\{client\}> around/);
});

test('a client that is handed in is used instead', async () => {
  const other = createClient({ url: 'http://other', fetch: async () => Response.json('other') });
  let call: FunctionCall<string, unknown> | undefined;
  const Component = (): ReactElement => {
    call = useFunction('hello', { client: other });
    return createElement('p', {}, String(call.data));
  };
  await render(Component);
  await act(async () => void (await call?.invoke()));
  expect(host.textContent).toBe('other');
});
