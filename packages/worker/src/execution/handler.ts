/** Finds the handler of a function among the shapes that authors write, and makes one shape of them. */
import type { FunctionContext } from '@martlet/protocol/function-types';
import type { LoadedMessage } from '@martlet/protocol/frames';
import { isAppwriteHandler } from '../appwrite/appwrite-handler.ts';

export type RequestHandler = (request: Request, context: FunctionContext) => unknown;
export type AppwriteHandler = (context: object) => unknown;

export type Handler =
  | { readonly shape: Exclude<LoadedMessage['handler'], 'appwrite'>; readonly call: RequestHandler }
  | { readonly shape: 'appwrite'; readonly call: AppwriteHandler };

/** @throws {Error} when the module has none */
export function findHandler(exports: unknown, denoHandler: RequestHandler | undefined): Handler {
  // A handler registered with Deno.serve() wins over exports (Base44 contract, section 6).
  if (denoHandler !== undefined) return { shape: 'deno', call: denoHandler };
  const exported = defaultOf(exports);
  if (typeof exported === 'function') {
    return isAppwriteHandler(exported)
      ? { shape: 'appwrite', call: exported as AppwriteHandler }
      : { shape: 'request', call: exported as RequestHandler };
  }
  if (isFetchObject(exported)) return { shape: 'fetch', call: (request, context) => exported.fetch(request, context) };
  throw new Error(
    'Cannot find a handler: export a function as default, export default { fetch }, or call Deno.serve(handler). ' +
      `The module exports ${describeExports(exports)}.`,
  );
}

/** Bundles of CommonJS sources put `module.exports` where others have `default`. */
function defaultOf(exports: unknown): unknown {
  let value = exports;
  for (let depth = 0; depth < 2 && isObject(value) && 'default' in value; depth += 1) value = value['default'];
  return value;
}

function isFetchObject(value: unknown): value is { fetch: RequestHandler } {
  return isObject(value) && typeof value['fetch'] === 'function';
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function describeExports(exports: unknown): string {
  const names = isObject(exports) ? Object.keys(exports).filter((name) => name !== '__esModule') : [];
  return names.length === 0 ? 'nothing' : names.slice(0, 10).join(', ');
}
