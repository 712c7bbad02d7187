/** Executions over the control API: both forms of arguments, waiting, logs, progress. */
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  AbortError,
  ApiError,
  createClient,
  ExecutionMethod,
  ExecutionStatus,
  Query,
  TimeoutError,
  type MartletClient,
  type Progress,
} from '../src/index.ts';
import { json, startLocalServer, type LocalServer } from './local-server.ts';

let server: LocalServer;
let client: MartletClient;
beforeAll(async () => {
  server = await startLocalServer();
  client = createClient({ url: server.url, project: 'shop', apiKey: 'mk_key' });
});
beforeEach(() => {
  server.received.length = 0;
  server.answer((_request, response) => json(response, 200, { $id: 'e1' }));
});
afterAll(() => server.close());

describe('the object form and the positional form send the same:', () => {
  const headers = { 'x-a': '1' };
  const everything = {
    functionId: 'f 1',
    body: '{}',
    async: true,
    xpath: '/p?q=1',
    method: ExecutionMethod.PUT,
    headers,
    scheduledAt: '2030-01-01T00:00:00Z',
  };
  const wire = { body: '{}', async: true, method: 'PUT', headers, scheduledAt: '2030-01-01T00:00:00Z', path: '/p?q=1' };
  const list = '/v1/functions/f/executions?queries%5B0%5D=%7B%22method%22%3A%22limit%22%2C%22values%22%3A%5B5%5D%7D&total=false';

  test.each<[string, (form: 'object' | 'positional') => Promise<unknown>, string, string, object | undefined]>([
    [
      'createExecution',
      (form) =>
        form === 'object'
          ? client.functions.createExecution(everything)
          : client.functions.createExecution('f 1', '{}', true, '/p?q=1', 'PUT', headers, '2030-01-01T00:00:00Z'),
      'POST',
      '/v1/functions/f%201/executions',
      wire,
    ],
    [
      'createExecution with nothing but the function',
      (form) => (form === 'object' ? client.functions.createExecution({ functionId: 'f' }) : client.functions.createExecution('f')),
      'POST',
      '/v1/functions/f/executions',
      {},
    ],
    [
      'listExecutions',
      (form) =>
        form === 'object'
          ? client.functions.listExecutions({ functionId: 'f', queries: [Query.limit(5)], total: false })
          : client.functions.listExecutions('f', [Query.limit(5)], false),
      'GET',
      list,
      undefined,
    ],
    [
      'getExecution',
      (form) =>
        form === 'object'
          ? client.functions.getExecution({ functionId: 'f', executionId: 'e/1' })
          : client.functions.getExecution('f', 'e/1'),
      'GET',
      '/v1/functions/f/executions/e%2F1',
      undefined,
    ],
    [
      'deleteExecution',
      (form) =>
        form === 'object'
          ? client.functions.deleteExecution({ functionId: 'f', executionId: 'e' })
          : client.functions.deleteExecution('f', 'e'),
      'DELETE',
      '/v1/functions/f/executions/e',
      undefined,
    ],
  ])('%s', async (_name, call, method, url, body) => {
    for (const form of ['object', 'positional'] as const) {
      await call(form);
      const last = server.last();
      expect([last.method, last.url, last.body === '' ? undefined : JSON.parse(last.body)]).toEqual([method, url, body]);
      expect(last.headers).toMatchObject({ 'x-martlet-project': 'shop', authorization: 'Bearer mk_key' });
    }
  });
});

test('createExecution sends what only an asynchronous one may say, the idempotency key as a header', async () => {
  const later = { async: true, expiresIn: 60, priority: -5, concurrencyKey: 'c' };
  await client.functions.createExecution({ functionId: 'f', ...later, idempotencyKey: 'order-7' });
  const { body, headers } = server.last();
  expect([JSON.parse(body), headers['idempotency-key']]).toEqual([later, 'order-7']);
});

test.each<[string, () => Promise<unknown>]>([
  ['functionId', () => client.functions.createExecution({ functionId: '' })],
  ['executionId', () => client.functions.getExecution('f', '')],
  ['executionId', () => client.functions.deleteExecution({ functionId: 'f' } as { functionId: string; executionId: string })],
  ['executionId', () => client.executions.wait('..')],
])('a missing %s is refused and nothing is sent', async (parameter, call) => {
  await expect(call()).rejects.toThrow(new RegExp(`parameter \`${parameter}\` is`));
  expect(server.received).toEqual([]);
});

test('a refusal of the server is an ApiError with its code', async () => {
  server.answer((_request, response) =>
    json(response, 404, { message: 'Not there.', code: 404, type: 'execution_not_found', version: '1' }),
  );
  const error: unknown = await client.executions.get('e1').catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(ApiError);
  expect(error).toMatchObject({ status: 404, code: 'execution_not_found', message: 'Cannot call GET /v1/executions/e1: Not there.' });
});

describe('executions.wait', () => {
  test.each([ExecutionStatus.Completed, ExecutionStatus.Failed])('resolves once it has %s', async (end) => {
    const statuses = ['waiting', 'processing', 'processing'];
    server.answer((_request, response) => json(response, 200, { $id: 'e1', status: statuses.shift() ?? end }));
    expect(await client.executions.wait('e1')).toMatchObject({ status: end });
    expect(server.received.map(({ url }) => url)).toEqual(Array.from({ length: 4 }, () => '/v1/executions/e1'));
  });

  test('gives up when its time is over, and says so', async () => {
    server.answer((_request, response) => json(response, 200, { status: 'processing' }));
    const error: unknown = await client.executions.wait('e1', { timeout: 150 }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(TimeoutError);
    expect(error).toMatchObject({ message: 'Cannot wait for execution e1: it took longer than 150 ms.' });
  });

  test('ends between two looks when the signal aborts', async () => {
    const stop = new AbortController();
    server.answer((_request, response) => {
      json(response, 200, { status: 'processing' });
      setTimeout(() => stop.abort(), 10);
    });
    await expect(client.executions.wait('e1', { signal: stop.signal })).rejects.toBeInstanceOf(AbortError);
  });
});

const line = (text: string): object => ({ time: 1, level: 'info', stream: 'logs', text });
const sse = (event: string, data: object): string => `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
const asEvents = { 'content-type': 'text/event-stream' };

describe('executions.logs', () => {
  test('gives what is written', async () => {
    server.answer((_request, response) => json(response, 200, { status: 'processing', logLines: [line('a'), line('b')] }));
    expect(await Array.fromAsync(client.executions.logs('e1'))).toEqual([line('a'), line('b')]);
  });

  test('does not pass for empty where the caller may not see it', async () => {
    server.answer((_request, response) => json(response, 200, { status: 'completed' }));
    await expect(client.executions.logs('e1').next()).rejects.toThrow('Cannot read the log: only keys and the service role see it.');
  });

  test('follows to the end over broken connections, and gives every line once', async () => {
    let connections = 0;
    server.answer((_request, response) => {
      connections += 1;
      response.writeHead(200, asEvents);
      response.write(': follows\n\n');
      for (const text of ['a', 'b', 'c'].slice(0, connections))
        response.write(sse('line', { executionId: 'e1', functionId: 'f', ...line(text) }));
      // The first breaks, the second ends early, the third tells the end.
      if (connections === 1) setTimeout(() => response.destroy(), 20);
      else response.end(connections === 3 ? sse('ended', { status: 'completed' }) : '');
    });
    expect(await Array.fromAsync(client.executions.logs('e1', { follow: true }))).toEqual([line('a'), line('b'), line('c')]);
    expect(server.received.map(({ url }) => url)).toEqual(Array.from({ length: 3 }, () => '/v1/logs?executionId=e1'));
  });

  test('is refused at once where the caller may not', async () => {
    server.answer((_request, response) => json(response, 401, { message: 'No.', code: 401, type: 'general_unauthorized_scope' }));
    await expect(client.executions.logs('e1', { follow: true }).next()).rejects.toMatchObject({ code: 'general_unauthorized_scope' });
    expect(server.received.length).toBe(1);
  });

  test('ends the connection when the loop is left, and when the signal aborts', async () => {
    const stop = new AbortController();
    for (const end of ['leave', 'abort']) {
      const closed = new Promise<void>((resolve) => {
        server.answer((_request, response) => {
          response.writeHead(200, asEvents).write(sse('line', line('a')));
          response.on('close', resolve);
        });
      });
      const lines = client.executions.logs('e1', { follow: true, signal: stop.signal });
      expect((await lines.next()).value).toEqual(line('a'));
      if (end === 'leave') await lines.return();
      else {
        stop.abort();
        await expect(lines.next()).rejects.toBeInstanceOf(AbortError);
      }
      await closed;
    }
  });
});

describe('executions.subscribe', () => {
  test('tells states, lines and the end once each, over broken connections', async () => {
    let connections = 0;
    server.answer((_request, response) => {
      connections += 1;
      response.writeHead(200, asEvents);
      if (connections === 1) {
        response.write(sse('status', { status: 'waiting' }) + sse('status', { status: 'processing' }) + sse('line', line('a')));
        setTimeout(() => response.destroy(), 20);
      } else
        response.end(
          sse('status', { status: 'processing' }) + sse('line', line('a')) + sse('line', line('b')) + sse('ended', { status: 'completed' }),
        );
    });
    const told: Progress[] = [];
    await new Promise<void>((resolve) => {
      client.executions.subscribe('e1', (progress) => {
        told.push(progress);
        if (progress.type === 'ended') resolve();
      });
    });
    expect(told).toEqual([
      { type: 'status', execution: { status: 'waiting' } },
      { type: 'status', execution: { status: 'processing' } },
      { type: 'line', line: line('a') },
      { type: 'line', line: line('b') },
      { type: 'status', execution: { status: 'completed' } },
      { type: 'ended', execution: { status: 'completed' } },
    ]);
    expect(server.last().url).toBe('/v1/executions/e1/events');
  });

  test('tells why it cannot go on', async () => {
    server.answer((_request, response) => json(response, 404, { message: 'Not there.', code: 404, type: 'execution_not_found' }));
    const progress = await new Promise<Progress>((resolve) => void client.executions.subscribe('e1', resolve));
    expect(progress).toMatchObject({ type: 'error', error: { name: 'ApiError', code: 'execution_not_found' } });
  });

  test('is silent after it was ended', async () => {
    const closed = new Promise<void>((resolve) => {
      server.answer((_request, response) => {
        response.writeHead(200, asEvents).write(sse('status', { status: 'processing' }));
        response.on('close', resolve);
      });
    });
    const listener = vi.fn();
    const unsubscribe = client.executions.subscribe('e1', listener);
    await vi.waitFor(() => expect(listener).toHaveBeenCalledOnce());
    unsubscribe();
    await closed;
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(listener).toHaveBeenCalledOnce();
  });
});
