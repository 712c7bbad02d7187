/** An HTTP server of a test's own, which records what comes and answers what it is told. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Received {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly bytes: Buffer;
  /** As text. */
  readonly body: string;
}

export interface LocalServer {
  readonly url: string;
  readonly received: Received[];
  /** The last request that came. */
  last(): Received;
  /** Decides on all answers from now on; default: 200 with `{}`. */
  answer(how: (request: Received, response: ServerResponse) => void): void;
  close(): Promise<void>;
}

export async function startLocalServer(): Promise<LocalServer> {
  const received: Received[] = [];
  let how: (request: Received, response: ServerResponse) => void = (_request, response) => json(response, 200, {});
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('error', () => response.destroy());
    request.on('end', () => {
      const { method = '', url = '', headers } = request;
      const bytes = Buffer.concat(chunks);
      const seen = { method, url, headers, bytes, body: bytes.toString() };
      received.push(seen);
      how(seen, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    last() {
      const request = received.at(-1);
      if (request === undefined) throw new Error('No request has come.');
      return request;
    },
    answer(next) {
      how = next;
    },
    close() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

export function json(response: ServerResponse, status: number, body: unknown, headers: Record<string, string | string[]> = {}): void {
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8', ...headers }).end(JSON.stringify(body));
}

/** The fields of a form as it came: files as `name (type): text`. */
export async function formOf({ bytes, headers }: Received): Promise<[name: string, value: string][]> {
  const form = await new Response(new Uint8Array(bytes), { headers: { 'content-type': headers['content-type'] ?? '' } }).formData();
  const fields = [...form].map(async ([name, value]): Promise<[string, string]> => [
    name,
    typeof value === 'string' ? value : `${value.name} (${value.type}): ${await value.text()}`,
  ]);
  return Promise.all(fields);
}
