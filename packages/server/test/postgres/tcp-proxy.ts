/** A way to a server that a test can cut: with a reset, or half, so that nothing arrives and nobody is told. */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

export interface TcpProxy {
  readonly port: number;
  /** Connections that are open now swallow everything from here on; new ones work. */
  cutHalf(): void;
  /** As `cutHalf`, for the one connection that next sends this text. */
  cutAt(text: string): void;
  /** As `cutHalf`, and new connections are swallowed too until `heal`. */
  swallow(): void;
  heal(): void;
  close(): Promise<void>;
}

export async function createTcpProxy(target: number): Promise<TcpProxy> {
  const open = new Set<{ readonly sockets: readonly Socket[]; dead: boolean }>();
  let swallowing = false;
  let cutText: string | undefined;
  const server = createServer((inside) => {
    const outside = connect(target, '127.0.0.1');
    const link = { sockets: [inside, outside], dead: swallowing };
    open.add(link);
    for (const [from, to] of [
      [inside, outside],
      [outside, inside],
    ] as const) {
      from.on('data', (bytes: Buffer) => {
        if (cutText !== undefined && from === inside && bytes.includes(cutText)) {
          link.dead = true;
          cutText = undefined;
        }
        if (!link.dead) to.write(bytes);
      });
      from.on('close', () => {
        if (link.dead && from === outside) return;
        to.destroy();
        open.delete(link);
      });
      from.on('error', () => from.destroy());
    }
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const cutHalf = (): void => open.forEach((link) => (link.dead = true));
  return {
    port: (server.address() as AddressInfo).port,
    cutHalf,
    cutAt: (text) => void (cutText = text),
    swallow() {
      swallowing = true;
      cutHalf();
    },
    heal() {
      swallowing = false;
    },
    async close() {
      server.close();
      for (const { sockets } of open) sockets.forEach((socket) => socket.destroy());
      await once(server, 'close');
    },
  };
}
