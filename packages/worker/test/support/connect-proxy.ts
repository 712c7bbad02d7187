/** A CONNECT proxy on a unix socket, as small as it can be: every host means 127.0.0.1, unless the rules say otherwise. */
import { createServer, Socket } from 'node:net';

/** Node's own, taken before the shim replaces it. */
const connectDirectly = Socket.prototype.connect;

export interface ConnectProxy {
  /** Heads of the requests, in the order of arrival. */
  readonly heads: string[];
  close(): Promise<void>;
}

/** `answers`: by host, the raw answer to give instead of a connection. Hosts in `glued` get first bytes and answer in one write. */
export async function openConnectProxy(
  path: string,
  { answers = {}, glued = [] }: { answers?: Record<string, string>; glued?: string[] } = {},
): Promise<ConnectProxy> {
  const heads: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (client) => {
    sockets.add(client);
    let received = Buffer.alloc(0);
    client.on('error', () => undefined);
    client.on('data', function onData(chunk: Buffer) {
      received = Buffer.concat([received, chunk]);
      const end = received.indexOf('\r\n\r\n');
      if (end === -1) return;
      client.off('data', onData);
      client.pause();
      const head = received.toString('latin1', 0, end);
      heads.push(head);
      const [, host = '', port = ''] = /^CONNECT \[?(.*?)\]?:(\d+) HTTP/.exec(head) ?? [];
      const answer = answers[host];
      if (answer === undefined) join(client, { port: Number(port), early: received.subarray(end + 4), glued: glued.includes(host) });
      else client.end(answer);
    });
  });
  const join = (client: Socket, { port, early, glued: isGlued }: { port: number; early: Buffer; glued: boolean }): void => {
    const upstream = new Socket({ allowHalfOpen: true });
    sockets.add(upstream);
    upstream.on('error', () =>
      client.end('HTTP/1.1 502 Bad Gateway\r\nx-martlet-code: ECONNREFUSED\r\nx-martlet-reason: nobody listens there\r\n\r\n'),
    );
    upstream.once('connect', async () => {
      const answer = Buffer.from('HTTP/1.1 200 Connection established\r\nx-martlet-reason: ok\r\n\r\n');
      const first = isGlued ? await new Promise<Buffer>((resolve) => upstream.once('data', resolve)) : Buffer.alloc(0);
      client.write(Buffer.concat([answer, first]));
      if (early.length > 0) upstream.write(early);
      client.pipe(upstream);
      upstream.pipe(client);
    });
    Reflect.apply(connectDirectly, upstream, [{ host: '127.0.0.1', port }]);
  };
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return {
    heads,
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
