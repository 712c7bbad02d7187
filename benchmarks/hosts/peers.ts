/** The peers, each with the same function, started as their makers tell to in production. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type ChildServer, freePort, startServer, untilListening } from './child-server.ts';

/** A server that answers the function under test. */
export interface Contender {
  readonly name: string;
  readonly pid: number;
  readonly port: number;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
export const BARE_SCRIPT = here('../peers/bare.mjs');

export async function startBare(): Promise<Contender> {
  const server = await startServer({ command: process.execPath, args: [BARE_SCRIPT], ready: readPort });
  return asContender('node:http', server.ready.port, server);
}

export async function startFunctionsFramework(): Promise<Contender> {
  const port = await freePort();
  const script = here('../node_modules/@google-cloud/functions-framework/build/src/main.js');
  const server = await startServer({
    command: process.execPath,
    args: [script, '--target=hello', `--source=${here('../peers/functions-framework.cjs')}`, `--port=${port}`, '--signature-type=http'],
    env: { NODE_ENV: 'production' },
    ready: () => undefined,
    silent: async () => {
      await untilListening(port);
      return { port };
    },
  });
  return asContender('functions-framework', port, server);
}

/** Undefined where workerd has no binary for this machine. */
export async function startWorkerd(): Promise<Contender | undefined> {
  const binary = here(
    `../node_modules/@cloudflare/workerd-${process.platform}-${process.arch === 'x64' ? '64' : process.arch}/bin/workerd`,
  );
  if (!existsSync(binary)) return undefined;
  const server = await startServer({
    command: binary,
    args: ['serve', here('../peers/workerd.capnp'), '--control-fd=1'],
    ready: (line) => {
      const message: unknown = JSON.parse(line);
      return typeof message === 'object' && message !== null && 'port' in message ? { port: Number(message.port) } : undefined;
    },
  });
  return asContender('workerd', server.ready.port, server);
}

export function readPort(line: string): { port: number } | undefined {
  const { port } = JSON.parse(line) as { port?: number };
  return port === undefined ? undefined : { port };
}

function asContender(name: string, port: number, server: ChildServer): Contender {
  return { name, port, pid: server.pid, path: '/', headers: {}, stop: () => server.stop() };
}
