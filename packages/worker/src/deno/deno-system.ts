/** Facts about the process and its host that `Deno` gives, over Node. */
import os from 'node:os';
import process from 'node:process';
import { inspect, type InspectOptions } from 'node:util';

interface DenoInspectOptions {
  readonly colors?: boolean;
  readonly compact?: boolean;
  readonly depth?: number;
  readonly breakLength?: number;
  readonly getters?: boolean;
  readonly iterableLimit?: number;
  readonly showHidden?: boolean;
  readonly showProxy?: boolean;
  readonly sorted?: boolean;
  readonly strAbbreviateSize?: number;
}

/** Each name with what makes it; see `defineLazily`. */
export const systemFunctions: Readonly<Record<string, () => unknown>> = {
  cwd: () => process.cwd,
  chdir: () => process.chdir,
  execPath: () => () => process.execPath,
  hostname: () => os.hostname,
  osRelease: () => os.release,
  osUptime: () => os.uptime,
  loadavg: () => os.loadavg,
  uid: () => () => process.getuid?.() ?? null,
  gid: () => () => process.getgid?.() ?? null,
  memoryUsage: () => memoryUsage,
  inspect: () => denoInspect,
  stdout: () => outputStream(process.stdout),
  stderr: () => outputStream(process.stderr),
  permissions: () => permissions,
  addSignalListener: () => (signal: NodeJS.Signals, handler: () => void) => void process.on(signal, handler),
  removeSignalListener: () => (signal: NodeJS.Signals, handler: () => void) => void process.off(signal, handler),
  refTimer: () => () => undefined,
  unrefTimer: () => () => undefined,
};

function memoryUsage(): object {
  const { rss, heapTotal, heapUsed, external } = process.memoryUsage();
  return { rss, heapTotal, heapUsed, external };
}

function denoInspect(value: unknown, options: DenoInspectOptions = {}): string {
  const { iterableLimit = 100, strAbbreviateSize = 10_000, depth = 4, ...same } = options;
  const own: InspectOptions = { ...same, depth, maxArrayLength: iterableLimit, maxStringLength: strAbbreviateSize };
  return inspect(value, own);
}

function outputStream(stream: NodeJS.WriteStream): object {
  const writeSync = (bytes: Uint8Array): number => {
    stream.write(bytes);
    return bytes.length;
  };
  return {
    writeSync,
    write: async (bytes: Uint8Array): Promise<number> => writeSync(bytes),
    isTerminal: () => false,
    close: () => undefined,
    get writable() {
      return new WritableStream<Uint8Array>({ write: (bytes) => void writeSync(bytes) });
    },
  };
}

/** What the sandbox lets a function do; the answer is for code that asks before it acts. */
const GRANTED = new Set(['env', 'net', 'read', 'write', 'sys', 'import']);

const permissions = {
  query: async (descriptor: { name: string }) => permissionStatus(descriptor),
  querySync: permissionStatus,
  request: async (descriptor: { name: string }) => permissionStatus(descriptor),
  requestSync: permissionStatus,
  revoke: async (descriptor: { name: string }) => permissionStatus(descriptor),
  revokeSync: permissionStatus,
};

function permissionStatus({ name }: { name: string }): object {
  return Object.assign(new EventTarget(), { state: GRANTED.has(name) ? 'granted' : 'denied', onchange: null, partial: false });
}
