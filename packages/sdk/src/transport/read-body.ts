/** The body of an answer as a value, by what its headers say it is. */

const JSON_TYPE = /[/+]json\b/i;
const TEXT_TYPE = /^(?:text\/|application\/(?:x-www-form-urlencoded|[\w.+-]*(?:xml|javascript|x-ndjson|jsonl)\b))/i;

/** JSON as its value, text as a string, anything else as a Blob; undefined where there is none. */
export async function readBody(response: Response): Promise<unknown> {
  const type = response.headers.get('content-type') ?? '';
  if (type !== '' && !JSON_TYPE.test(type) && !TEXT_TYPE.test(type)) return response.blob();
  const text = await response.text();
  if (text === '') return undefined;
  // What `new Response(JSON.stringify(value))` says of itself is text/plain.
  const mayBeJson = JSON_TYPE.test(type) || (/^(?:text\/plain\b|$)/i.test(type) && /^\s*[[{]/.test(text));
  return mayBeJson ? parsed(text) : text;
}

/** Its text where it is not what it claims to be. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** The first word about what went wrong, in the forms that functions and the platform use; a page of a proxy is none. */
export function messageOf(body: unknown): string | undefined {
  const error = field(body, 'error');
  const candidates = [field(error, 'message'), field(body, 'message'), field(body, 'detail'), error, body];
  return candidates.find((one): one is string => typeof one === 'string' && /^\s*[^\s<]/.test(one))?.slice(0, 500);
}

/** Code of the function, or of the error registry, which stands in `type` where `code` is the status. */
export function codeOf(body: unknown): string | undefined {
  const candidates = [field(field(body, 'error'), 'code'), field(body, 'code'), field(body, 'type')];
  return candidates.find((one): one is string => typeof one === 'string' && one !== '');
}

export function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}

/** Where a page may not see the headers of an answer from elsewhere, the body of an error still tells. */
export function executionIdOf(response: Response, body?: unknown): string | undefined {
  const id =
    response.headers.get('x-martlet-execution-id') ?? response.headers.get('x-appwrite-execution-id') ?? field(body, 'executionId');
  return typeof id === 'string' ? id : undefined;
}
