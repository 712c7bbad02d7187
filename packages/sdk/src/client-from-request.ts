/** The client of a function: for the server that called it, in the name of its caller. */
import { createClient, type MartletClient } from './client.ts';
import type { ClientOptions } from './options.ts';

/** A `Request`, or what Appwrite's handlers get as `req`: both have headers. */
export interface RequestWithHeaders {
  readonly headers: Headers | Readonly<Record<string, string | undefined>>;
}

/**
 * Reads what the platform adds to every request that it hands to a function; callers cannot forge it.
 * @throws {TypeError} for a request that does not come from the platform
 */
export function createClientFromRequest(request: RequestWithHeaders, options: Pick<ClientOptions, 'fetch'> = {}): MartletClient {
  const { headers } = request;
  const read = (name: string): string | undefined => {
    const value = headers instanceof Headers ? headers.get(name) : Reflect.get(headers, name);
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
  const url = read('base44-api-url');
  const project = read('base44-app-id');
  if (url === undefined || project === undefined)
    throw new TypeError(
      'Cannot create a client from this request: it has no headers of the platform. Inside a function, hand over the request that the handler was given; elsewhere use createClient({ url }).',
    );
  return createClient({
    ...options,
    url,
    project,
    // Another scheme than Bearer is between the caller and the function.
    token: bearerOf(read('authorization')) ?? read('x-appwrite-user-jwt'),
    serviceToken: bearerOf(read('base44-service-authorization')) ?? read('x-appwrite-key'),
  });
}

function bearerOf(header: string | undefined): string | undefined {
  return header === undefined ? undefined : /^Bearer +(\S+)$/i.exec(header)?.[1];
}
