/**
 * Headers that only the platform may set on a request, in the words of both contracts. The gateway has removed every
 * copy that a caller sent, so what stands here is true.
 */
import type { RequestHead } from '@martlet/protocol/frames';

export function requestHeaders(head: RequestHead, projectId: string): Headers {
  const headers = new Headers();
  for (let at = 0; at + 1 < head.headers.length; at += 2) headers.append(head.headers[at] as string, head.headers[at + 1] as string);
  for (const [name, value] of platformHeaders(head, projectId)) headers.set(name, value);
  return headers;
}

/** Base44 functions know their caller by this header alone, so it is there for every caller who is signed in. */
function isCallerUnnamed(head: RequestHead): boolean {
  return head.userToken !== '' && !head.headers.some((name, at) => at % 2 === 0 && name.toLowerCase() === 'authorization');
}

export function platformHeaders(head: RequestHead, projectId: string): [name: string, value: string][] {
  const headers: [string, string][] = [
    ['x-martlet-execution-id', head.executionId],
    ['x-forwarded-for', head.clientIp],
    ['cf-connecting-ip', head.clientIp],
    // Appwrite contract, section 4.8. Geography is unknown here, which the contract writes as empty.
    ['x-appwrite-execution-id', head.executionId],
    ['x-appwrite-trigger', head.trigger === 'manual' ? 'http' : head.trigger],
    ['x-appwrite-key', head.token],
    ['x-appwrite-user-id', head.userId],
    ['x-appwrite-user-jwt', head.userToken],
    ['x-appwrite-client-ip', head.clientIp],
    ['x-appwrite-country-code', ''],
    ['x-appwrite-continent-code', ''],
    ['x-appwrite-continent-eu', 'false'],
    // Base44 contract, section 3.2: createClientFromRequest() reads these.
    ['base44-app-id', projectId],
    ['base44-api-url', head.platformUrl],
    ['base44-service-authorization', `Bearer ${head.token}`],
    ['base44-functions-version', 'prod'],
  ];
  if (isCallerUnnamed(head)) headers.push(['authorization', `Bearer ${head.userToken}`]);
  if (head.event !== '') headers.push(['x-appwrite-event', head.event]);
  return headers;
}
