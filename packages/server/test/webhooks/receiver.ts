/** A receiver of webhooks on this machine: a real HTTP server that keeps what comes in and answers as a test says. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Received {
  readonly path: string;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Buffer;
}

export interface Receiver {
  readonly url: string;
  /** `127.0.0.1:port`. */
  readonly host: string;
  readonly received: Received[];
  /** What it does with each request; default: answers 204. */
  answer: (request: Received, response: ServerResponse) => unknown;
  /** Those of a path, once there are so many. */
  of(path: string, count: number): Promise<Received[]>;
  close(): Promise<void>;
}

export async function startReceiver(port = 0): Promise<Receiver> {
  const received: Received[] = [];
  const server = createServer((request, response) => void take(request, response));
  async function take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const one: Received = { path: request.url ?? '', headers: request.headers as Received['headers'], body: Buffer.concat(chunks) };
    received.push(one);
    await receiver.answer(one, response);
  }
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const receiver: Receiver = {
    url: `http://${host}`,
    host,
    received,
    answer: (_request, response) => response.writeHead(204).end(),
    async of(path, count) {
      for (let tries = 0; tries < 800; tries += 1) {
        const found = received.filter((one) => one.path === path);
        if (found.length >= count) return found;
        await new Promise((resolve) => setTimeout(resolve, 25));
      }
      throw new Error(`Not ${count} requests at ${path}: ${received.map((one) => one.path).join(' ')}`);
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return receiver;
}
