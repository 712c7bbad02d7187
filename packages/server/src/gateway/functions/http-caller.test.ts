/** It is told from the middle of the reading of a worker's frames, where a throw counts as the worker's fault. */
import { createServer } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { ShortBody } from '@martlet/protocol/frames';
import { expect, test } from 'vitest';
import type { Invoked, Outcome } from '../../services/invoke/invocation.ts';
import { createCors, type Cors } from './cors.ts';
import { HttpCaller } from './http-caller.ts';
import { LeanRequest, LeanResponse } from './lean-http.ts';

const FINE: Outcome = { kind: 'response', status: 200, headers: [], headerText: '', body: new ShortBody('fine') };

/** What goes over the wire when an execution comes out like this, and what was logged of it. */
async function answered(
  invoked: Partial<Invoked>,
  cors: Cors = createCors([]),
): Promise<{ answer: string; logged: string[]; threw: unknown[] }> {
  const logged: string[] = [];
  const threw: unknown[] = [];
  const log = { debug() {}, info() {}, warn() {}, error: (_facts: object, text: string) => void logged.push(text) };
  const server = createServer({ IncomingMessage: LeanRequest, ServerResponse: LeanResponse }, (request, response) => {
    try {
      new HttpCaller(request, response, { cors, log }).answered(invoked as Invoked);
    } catch (error) {
      threw.push(error);
    }
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  try {
    const answer = await new Promise<string>((resolve, reject) => {
      const socket = connect((server.address() as AddressInfo).port, '127.0.0.1', () =>
        socket.write('GET / HTTP/1.1\r\nHost: x\r\nOrigin: http://y\r\nConnection: close\r\n\r\n'),
      );
      let text = '';
      socket.on('data', (part: Buffer) => (text += part.toString('latin1')));
      socket.on('error', reject);
      socket.on('close', () => resolve(text));
    });
    return { answer, logged, threw };
  } finally {
    server.close();
  }
}

test('an outcome is written', async () => {
  const { answer, logged, threw } = await answered({ id: 'a', outcome: FINE });
  expect(answer).toMatch(/^HTTP\/1.1 200 OK\r\n[^]*\r\n\r\nfine$/);
  expect([logged, threw]).toEqual([[], []]);
});

test('an outcome that cannot be written becomes a refusal, and nothing is thrown', async () => {
  const broken = {
    id: 'a',
    get outcome(): Outcome {
      throw new Error('no outcome');
    },
  };
  const { answer, logged, threw } = await answered(broken);
  expect(answer).toMatch(/^HTTP\/1.1 500 [^]*"code":"GENERAL_SERVER_ERROR"/);
  expect([logged, threw]).toEqual([['Cannot answer a request'], []]);
});

test('where the refusal cannot be written either, the connection breaks, and nothing is thrown', async () => {
  const broken: Cors = { ...createCors([]), headersFor: () => ['x-broken', 'a\r\nb'] };
  const outcome: Outcome = { kind: 'failed', code: 'execution_threw', message: 'it threw' };
  const { answer, logged, threw } = await answered({ id: 'a', outcome }, broken);
  expect(answer).toBe('');
  expect([logged, threw]).toEqual([['Cannot answer a request', 'Cannot say why a request is not answered'], []]);
});
