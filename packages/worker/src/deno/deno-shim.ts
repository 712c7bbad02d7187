/**
 * The part of `Deno` that functions use, over Node: `Deno.serve` and `Deno.env` above all, files and facts about the
 * process beside. What a sandboxed function cannot have says so when it is called. All but `serve` and `env` is made
 * when it is first read, since every blank pays for the installation.
 */
import process from 'node:process';
import { errorsNamespace, NotSupported } from './deno-errors.ts';
import { fileFunctions } from './deno-files.ts';
import { createServe, type DenoHandler } from './deno-serve.ts';
import { systemFunctions } from './deno-system.ts';

export { denoServeInfo, type DenoHandler } from './deno-serve.ts';

export interface DenoShimOptions {
  /** Read and written through, so it may be filled later. */
  readonly env: Record<string, string | undefined>;
}

/** Deno's own numbers, of a release whose API this follows. */
const VERSION = '2.5.0';
const TYPESCRIPT_VERSION = '5.9.2';

let registered: DenoHandler | undefined;

/** The handler that `Deno.serve()` was last given; undefined when it was not called. Forgets it. */
export function takeDenoHandler(): DenoHandler | undefined {
  const handler = registered;
  registered = undefined;
  return handler;
}

/** Defines `globalThis.Deno`. */
export function installDenoShim({ env }: DenoShimOptions): void {
  const deno = {
    serve: createServe((handler) => {
      registered = handler;
    }),
    env: denoEnv(env),
    args: [],
    pid: process.pid,
    ppid: process.ppid,
    noColor: true,
    mainModule: 'file:///function/index.ts',
    version: { deno: VERSION, v8: process.versions.v8, typescript: TYPESCRIPT_VERSION },
    build: buildFacts(),
    exit: refuseExit,
  };
  defineLazily(deno, 'errors', errorsNamespace);
  for (const group of [fileFunctions, systemFunctions]) {
    for (const [name, make] of Object.entries(group)) defineLazily(deno, name, make);
  }
  for (const [name, instead] of Object.entries(UNSUPPORTED)) defineLazily(deno, name, () => refusal(name, instead));
  Object.defineProperty(globalThis, 'Deno', { value: deno, writable: true, configurable: true, enumerable: false });
}

const NO_PORTS = 'a function is called through the platform and cannot listen on a port. Use Deno.serve(handler) for HTTP.';
const NO_SOCKETS = 'use fetch(), node:net or node:tls, which go through the way out of the sandbox.';
const UNSUPPORTED: Readonly<Record<string, string>> = {
  connect: NO_SOCKETS,
  connectTls: NO_SOCKETS,
  startTls: NO_SOCKETS,
  listen: NO_PORTS,
  listenTls: NO_PORTS,
  listenDatagram: NO_PORTS,
  serveHttp: NO_PORTS,
  upgradeWebSocket: 'executions answer with a response and cannot be upgraded.',
  resolveDns: 'names are resolved outside of the sandbox. Connect to the name itself.',
  openKv: 'there is no key-value store in a sandbox. Keep data in a database or in the entities of the project.',
  Command: 'a function cannot start programs through Deno.',
  run: 'a function cannot start programs through Deno.',
  dlopen: 'native libraries are not loaded.',
  cron: 'set `schedule` in the config of the function instead.',
  createHttpClient: 'fetch() has one client, whose way out the platform decides.',
  watchFs: 'the files of a function do not change while it lives.',
  open: 'use Deno.readFile, Deno.writeFile, or node:fs.',
  openSync: 'use Deno.readFileSync, Deno.writeFileSync, or node:fs.',
};

function denoEnv(env: Record<string, string | undefined>): object {
  return {
    get: (name: string): string | undefined => (Object.hasOwn(env, name) ? env[name] : undefined),
    has: (name: string): boolean => Object.hasOwn(env, name),
    set(name: string, value: string): void {
      env[name] = value;
    },
    delete(name: string): void {
      Reflect.deleteProperty(env, name);
    },
    toObject: (): Record<string, string | undefined> => ({ ...env }),
  };
}

function buildFacts(): object {
  const arch = process.arch === 'arm64' ? 'aarch64' : 'x86_64';
  const os = process.platform;
  const vendor = os === 'darwin' ? 'apple' : 'unknown';
  const env = os === 'linux' ? 'gnu' : undefined;
  return { arch, os, vendor, env, standalone: false, target: [arch, vendor, os, env].filter(Boolean).join('-') };
}

function refuseExit(code = 0): never {
  throw new NotSupported(`Cannot exit with code ${code}: a worker serves many executions. Return a response, or throw an error`);
}

/** Callable, and constructible for `new Deno.Command(…)`. */
function refusal(name: string, instead: string): Function {
  return function unsupported(): never {
    throw new NotSupported(`Cannot use Deno.${name} here: ${instead}`);
  };
}

/** Becomes a plain property when it is first read. */
function defineLazily(target: object, name: string, make: () => unknown): void {
  const define = (value: unknown): void => {
    Object.defineProperty(target, name, { value, writable: true, configurable: true, enumerable: true });
  };
  Object.defineProperty(target, name, {
    configurable: true,
    enumerable: true,
    get() {
      const value = make();
      define(value);
      return value;
    },
    set: define,
  });
}
