import { createServer } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { expect, test, vi } from 'vitest';
import { LeanRequest, LeanResponse } from './lean-http.ts';

type Handler = (request: LeanRequest, response: LeanResponse) => void;

/** All that a server with this handler says to these bytes until the connection ends. */
async function exchange(bytes: string, handler: Handler): Promise<string> {
  const server = createServer({ IncomingMessage: LeanRequest, ServerResponse: LeanResponse, optimizeEmptyRequests: true }, handler);
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  try {
    return await new Promise((resolve, reject) => {
      const socket = connect((server.address() as AddressInfo).port, '127.0.0.1', () => socket.write(bytes));
      let answer = '';
      socket.on('data', (part: Buffer) => {
        answer += part.toString('latin1');
      });
      socket.on('error', reject);
      socket.on('close', () => resolve(answer));
    });
  } finally {
    server.close();
  }
}

const LAST = 'Host: x\r\nConnection: close\r\n';
const answerWith = (response: LeanResponse, body: string): void => {
  response.writeHead(200, ['content-length', String(body.length)]);
  response.endShort(body);
};

test('a short answer is out at once, and a short body passes no stream, on the Node that runs this', async () => {
  const seen: unknown[] = [];
  const answer = await exchange(`POST / HTTP/1.1\r\n${LAST}Content-Length: 5\r\n\r\nhello`, (request, response) => {
    void request.collect()?.then((body) => {
      answerWith(response, Buffer.from(body).toString());
      seen.push(response.isOut, request.complete, request.readableFlowing, request.listenerCount('data'));
    });
  });
  expect(answer).toMatch(/\r\n\r\nhello$/);
  expect(seen).toEqual([true, true, null, 0]);
});

test('an answer behind an earlier one of its connection waits for it', async () => {
  const first: LeanResponse[] = [];
  const answer = await exchange(`GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\n${LAST}\r\n`, (request, response) => {
    if (request.url === '/1') {
      first.push(response);
      return;
    }
    answerWith(response, 'two');
    expect(response.isOut).toBe(false);
    setTimeout(() => first.forEach((waiting) => answerWith(waiting, 'one')), 20);
  });
  expect(answer.split('\r\n\r\n').map((part) => part.slice(0, 3))).toEqual(['HTT', 'one', 'two']);
});

test('a body that began to arrive before anybody asked is left to the stream', async () => {
  const answer = await exchange(`POST / HTTP/1.1\r\n${LAST}Content-Length: 5\r\n\r\nhello`, (request, response) => {
    setTimeout(() => {
      expect(request.collect()).toBeUndefined();
      let body = '';
      request.setEncoding('latin1').on('data', (part: string) => (body += part));
      request.on('end', () => answerWith(response, body));
    }, 20);
  });
  expect(answer).toMatch(/\r\n\r\nhello$/);
});

test('a body whose connection breaks is a rejection', async () => {
  const failures: unknown[] = [];
  await exchange(`POST / HTTP/1.1\r\n${LAST}Content-Length: 5\r\n\r\nhe`, (request) => {
    request.collect()?.catch((error: unknown) => failures.push(error));
    setTimeout(() => request.socket.destroy(), 20);
  });
  await vi.waitFor(() => expect(failures).toEqual([expect.any(Error)]));
});

test('a head that would split the response is refused by Node as ever', async () => {
  const answer = await exchange(`GET / HTTP/1.1\r\n${LAST}\r\n`, (_request, response) => {
    expect(() => response.writeHead(200, ['x-a', 'b\r\nx-forged: 1'])).toThrow(/Invalid character/);
    answerWith(response, 'fine');
  });
  expect(answer).toMatch(/\r\n\r\nfine$/);
  expect(answer).not.toContain('x-forged');
});
