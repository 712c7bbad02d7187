/** Takes a URL apart as text: the contract shows path and query as they were sent, where `URL` would normalise them. */

export interface UrlParts {
  readonly scheme: string;
  /** Without the port. */
  readonly host: string;
  readonly port: number;
  readonly path: string;
  /** Without the `?`. */
  readonly queryString: string;
  readonly url: string;
}

const ABSOLUTE = /^([a-z][a-z0-9+.-]*):\/\/([^/?#]*)([^?#]*)(?:\?([^?#]*))?/i;
const AUTHORITY = /^(.*?)(?::(\d+))?$/;

/** @throws {TypeError} for what is no absolute URL */
export function splitUrl(absolute: string): UrlParts {
  const match = ABSOLUTE.exec(absolute);
  if (match === null) throw new TypeError(`Cannot read the URL of the request: "${absolute}" is not absolute`);
  // A second `?` ends the query: so does the contract's own server (section 7.5a).
  const [, schemeText = '', authority = '', pathText = '', queryString = ''] = match;
  const scheme = schemeText.toLowerCase();
  const [, host = '', portText] = AUTHORITY.exec(authority) ?? [];
  const defaultPort = scheme === 'https' ? 443 : 80;
  const port = portText === undefined ? defaultPort : Number(portText);
  const path = pathText === '' ? '/' : pathText;
  const url = `${scheme}://${host}${port === defaultPort ? '' : `:${port}`}${path}${queryString === '' ? '' : `?${queryString}`}`;
  return { scheme, host, port, path, queryString, url };
}

/** No decoding; the last of several wins; a key alone has an empty value; empty keys are skipped. */
export function parseQuery(queryString: string): Record<string, string> {
  const query: Record<string, string> = {};
  for (const pair of queryString.split('&')) {
    const equals = pair.indexOf('=');
    const key = equals === -1 ? pair : pair.slice(0, equals);
    const value = equals === -1 ? '' : pair.slice(equals + 1);
    // As a property of its own, so that `?__proto__=x` is data.
    if (key !== '') Object.defineProperty(query, key, { value, writable: true, enumerable: true, configurable: true });
  }
  return query;
}
