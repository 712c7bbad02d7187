/** Which project and which function path a URL or a host means. */
import { functionNameProblem, PlatformError } from '@martlet/protocol';
import { RecentTexts } from '@martlet/protocol/frames';

export interface FunctionAddress {
  readonly projectId: string | undefined;
  /** Name with sub-path, without a leading slash; percent-decoded only as far as names need. */
  readonly path: string;
  /** With the question mark, or empty. */
  readonly query: string;
}

/** In the place of a function name: the document that describes all functions. No function can have this name. */
export const DOCUMENT_NAME = 'openapi.json';

/** Only a name: nothing to decode, nothing behind it. */
const PLAIN = /^[\w-]+$/;
const ROUTES = ['/functions/', '/api/functions/'] as const;
const PROJECT_ROUTE = /^\/api\/apps\/([A-Za-z0-9._-]{1,36})\/functions\/(.*)$/s;

const recent = new RecentTexts<FunctionAddress>();

/** Undefined when the URL is not of the data plane. */
export function addressOfUrl(url: string): FunctionAddress | undefined {
  const known = recent.get(url);
  if (known !== undefined) return known;
  const address = readUrl(url);
  if (address !== undefined) recent.keep(url, address);
  return address;
}

function readUrl(url: string): FunctionAddress | undefined {
  const mark = url.indexOf('?');
  const pathname = mark === -1 ? url : url.slice(0, mark);
  const query = mark === -1 ? '' : url.slice(mark);
  for (const prefix of ROUTES) {
    if (pathname.startsWith(prefix)) return { projectId: undefined, path: checked(pathname.slice(prefix.length)), query };
  }
  const match = pathname.startsWith('/api/apps/') ? PROJECT_ROUTE.exec(pathname) : null;
  return match === null ? undefined : { projectId: match[1] as string, path: checked(match[2] as string), query };
}

/** `hello.functions.example.com` → `hello`; nested names are written with two hyphens. Undefined for any other host. */
export function addressOfHost(host: string | undefined, url: string, functionsDomain: string): FunctionAddress | undefined {
  if (functionsDomain === '' || host === undefined) return undefined;
  const name = host.replace(/:\d+$/, '').toLowerCase();
  if (!name.endsWith(`.${functionsDomain}`)) return undefined;
  const mark = url.indexOf('?');
  const pathname = mark === -1 ? url : url.slice(0, mark);
  const label = name.slice(0, -functionsDomain.length - 1).replaceAll('--', '/');
  return { projectId: undefined, path: label + (pathname === '/' ? '' : pathname), query: mark === -1 ? '' : url.slice(mark) };
}

/**
 * The function name is decoded (the Base44 CLI sends `orders%2Fprocess`), what follows it is the function's own.
 * @throws {PlatformError} `function_name_invalid` for paths that try to climb or that no name can be
 */
function checked(path: string): string {
  if (path === DOCUMENT_NAME) return path;
  if (PLAIN.test(path) && functionNameProblem(path) === undefined) return path;
  // Only of the first segment: a slash that is written as %2F in what follows is the function's own.
  const end = path.indexOf('/');
  const head = end === -1 ? path : path.slice(0, end);
  const decoded = head.includes('%') ? head.replace(/%2f/gi, '/') + path.slice(head.length) : path;
  const first = decoded.split('/', 1)[0] as string;
  const problem = functionNameProblem(first);
  if (problem !== undefined || /(^|\/)\.\.(\/|$)|\\|\0|%00|%5c/i.test(decoded)) {
    throw new PlatformError(
      'function_name_invalid',
      `Cannot find a function by this path: ${problem ?? 'it has parts that no name may have'}.`,
    );
  }
  return decoded;
}
