/** Names and paths of functions as parts of a URL. Written without `URL`, which React Native has only in part. */

// oxlint-disable-next-line eslint/no-control-regex -- URL parsers drop some of them, so that `.\t.` would become `..`
const NEVER = /[\u0000-\u001f\u007f\\]/;
const DOTS = /^(?:\.|%2e){1,2}$/i;

/** `orders/process` as it stands in a URL. @throws {TypeError} */
export function encodeName(name: unknown): string {
  if (typeof name !== 'string') throw new TypeError(`Cannot call a function: \`name\` must be a string, not ${typeof name}.`);
  const trimmed = name.replace(/^\/+|\/+$/g, '');
  if (trimmed === '') throw new TypeError('Cannot call a function: `name` is empty.');
  assertPath(trimmed, 'name');
  return trimmed.split('/').map(encodeURIComponent).join('/');
}

/** A path with sub-path and query, without its leading slash; nothing in it is encoded anew. @throws {TypeError} */
export function functionPath(path: unknown): string {
  if (typeof path !== 'string') throw new TypeError(`Cannot call a function: \`path\` must be a string, not ${typeof path}.`);
  const trimmed = path.replace(/^\/+/, '');
  const [pathname = ''] = trimmed.split(/[?#]/, 1);
  if (pathname === '') throw new TypeError('Cannot call a function: `path` names none.');
  assertPath(pathname, 'path');
  return trimmed;
}

/** Dots would climb out of the functions, to where the same credentials open other doors. */
function assertPath(path: string, parameter: string): void {
  if (!NEVER.test(path) && !path.split('/').some((segment) => DOTS.test(segment))) return;
  throw new TypeError(`Cannot call a function: \`${parameter}\` has segments of dots, backslashes or control characters.`);
}

/** `?name=value&list[0]=…`, as the clients of the contract send it; empty without values. */
export function queryText(query: Readonly<Record<string, unknown>>): string {
  const pairs = Object.entries(query).flatMap(([name, value]) => {
    if (value === undefined) return [];
    if (Array.isArray(value)) return value.map((one, index) => pair(`${name}[${index}]`, one));
    return [pair(name, value)];
  });
  return pairs.length === 0 ? '' : `?${pairs.join('&')}`;
}

const pair = (name: string, value: unknown): string => `${encodeURIComponent(name)}=${encodeURIComponent(String(value))}`;
