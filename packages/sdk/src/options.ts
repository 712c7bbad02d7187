/** What a client is made of. */

export interface ClientOptions {
  /** Address of the server, e.g. `https://functions.example.com`. In a page it may be left out: the page's own origin. */
  readonly url?: string | undefined;
  /** Id of the project. Default: that of the token or key, else the server's default. */
  readonly project?: string | undefined;
  /** JWT of a user. */
  readonly token?: string | undefined;
  /** Key of a server of yours. Never put one into a page. */
  readonly apiKey?: string | undefined;
  /** Token of the service role, which the platform hands to functions. See `createClientFromRequest`. */
  readonly serviceToken?: string | undefined;
  /** Keeps the session of a signed-in user over restarts, e.g. `localStorage`. Default: it ends with the client. */
  readonly storage?: SessionStorage | undefined;
  /** Default: the global `fetch`. */
  readonly fetch?: typeof fetch | undefined;
}

export interface SessionStorage {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

const URL_SHAPE = /^https?:\/\/[^\s/?#@]+(?:\/[^\s?#]*)?$/i;
const PROJECT_SHAPE = /^[A-Za-z0-9][A-Za-z0-9._-]{0,35}$/;
const CREDENTIAL_SHAPE = /^[\x21-\x7e]+$/;

/** Without trailing slashes. @throws {TypeError} */
export function checkedUrl(url: string | undefined): string {
  if (url === undefined || url === '') {
    if (typeof location !== 'undefined') return '';
    throw new TypeError(
      'Cannot create a client: `url` is missing. Give the address of the server, e.g. http://127.0.0.1:8787; inside a function use createClientFromRequest(request).',
    );
  }
  // The address is not repeated: what is wrong with it may be a password.
  if (typeof url !== 'string' || !URL_SHAPE.test(url))
    throw new TypeError('Cannot create a client: `url` must be an http or https address without user, query and fragment.');
  return url.replace(/\/+$/, '');
}

/** @throws {TypeError} */
export function checkedProject(project: string | undefined): string | undefined {
  if (project === undefined || project === '') return undefined;
  if (!PROJECT_SHAPE.test(project)) throw new TypeError('Cannot create a client: `project` is no id of a project.');
  return project;
}

/** A runtime that refuses a header repeats its value in the error; so it is refused here, unseen. @throws {TypeError} */
export function checkedCredential(parameter: string, value: string | null | undefined): string | undefined {
  if (value === undefined || value === null || value === '') return undefined;
  if (typeof value !== 'string' || !CREDENTIAL_SHAPE.test(value))
    throw new TypeError(
      `Cannot use \`${parameter}\`: it has characters that no header can hold. Give it without "Bearer", spaces and line breaks.`,
    );
  return value;
}
