/** The client: one server, one project, one caller. */
import { createAccount, type Account } from './account.ts';
import { createExecutions, type Executions } from './executions/executions.ts';
import { createFunctions, type Functions } from './functions/functions.ts';
import { createCallerIdentity } from './identity.ts';
import { checkedCredential, checkedProject, checkedUrl, type ClientOptions } from './options.ts';
import { createHttp, type CallApi, type Http, type Server } from './transport/http.ts';

/** What every caller can do. */
export interface Caller {
  readonly functions: Functions;
  readonly executions: Executions;
  /** Any call of the control API, below `/v1`: `api('GET', '/functions')`. */
  readonly api: CallApi;
}

export interface MartletClient extends Caller {
  readonly account: Account;
  /** The caller is this user from now on; without a token, whoever it was before. */
  setToken(token?: string | null): void;
  /** The same server as the project itself: a function with the token it was given, a server with its key. @throws {Error} without one */
  readonly asServiceRole: Caller;
}

/** @throws {TypeError} for options that cannot work */
export function createClient(options: ClientOptions = {}): MartletClient {
  const { storage } = options;
  const server: Server = {
    url: checkedUrl(options.url),
    project: checkedProject(options.project),
    // A browser's `fetch` refuses to be called as a method of something else.
    fetch: options.fetch ?? ((input, init) => globalThis.fetch(input, init)),
  };
  const apiKey = checkedCredential('apiKey', options.apiKey);
  const serviceToken = checkedCredential('serviceToken', options.serviceToken) ?? apiKey;
  const identity = createCallerIdentity(apiKey, checkedCredential('token', options.token));
  const http = createHttp(server, identity);
  let serviceRole: Caller | undefined;

  const client = {
    ...callerOf(http),
    account: createAccount({ http: createHttp(server, { token: () => undefined }), identity, storage }),
    setToken: (token?: string | null): void => identity.setToken(checkedCredential('token', token)),
  };
  const actAsService = (): Caller => {
    if (serviceToken === undefined)
      throw new Error(
        'Cannot act as the service role: this client has no service token. Inside a function make it with createClientFromRequest(request), on a server of yours with an `apiKey`.',
      );
    return (serviceRole ??= callerOf(createHttp(server, { token: () => serviceToken })));
  };
  // Not enumerable: whoever copies or prints a client does not ask for the service role.
  return Object.defineProperty(client, 'asServiceRole', { get: actAsService }) as typeof client & Pick<MartletClient, 'asServiceRole'>;
}

function callerOf(http: Http): Caller {
  return { functions: createFunctions(http), executions: createExecutions(http), api: http.api };
}
