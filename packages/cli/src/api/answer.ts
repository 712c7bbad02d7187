/** The answer of a function, read whole and sorted into what a person or a program wants to see. */
import { explainNetworkError } from './network-error.ts';

export interface Answer {
  readonly ok: boolean;
  readonly status: number;
  readonly statusText: string;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly bytes: Uint8Array;
  /** Value of JSON, else text, else base64. */
  readonly body: unknown;
  readonly encoding: 'base64' | undefined;
  /** Empty when there was no execution. */
  readonly executionId: string;
  /** Code of the error registry when the platform answered instead of the function; else empty. */
  readonly errorCode: string;
}

const EXECUTION_HEADERS = ['x-martlet-execution-id', 'x-appwrite-execution-id'];
const ERROR_HEADER = 'x-martlet-error';

export async function readAnswer(url: string, response: Response): Promise<Answer> {
  const bytes = await readBytes(url, response);
  const { body, encoding } = decode(bytes, response.headers.get('content-type') ?? '');
  return {
    ok: response.ok,
    status: response.status,
    statusText: response.statusText,
    headers: headersOf(response.headers),
    bytes,
    body,
    encoding,
    executionId: EXECUTION_HEADERS.map((name) => response.headers.get(name)).find((value) => value !== null) ?? '',
    errorCode: response.ok ? '' : (response.headers.get(ERROR_HEADER) ?? errorCodeOf(body)),
  };
}

async function readBytes(url: string, response: Response): Promise<Uint8Array> {
  try {
    return new Uint8Array(await response.arrayBuffer());
  } catch (error) {
    throw explainNetworkError(url, error);
  }
}

function decode(bytes: Uint8Array, contentType: string): { body: unknown; encoding: 'base64' | undefined } {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return { body: Buffer.from(bytes).toString('base64'), encoding: 'base64' };
  }
  if (!/[/+]json\b/i.test(contentType)) return { body: text, encoding: undefined };
  try {
    return { body: JSON.parse(text), encoding: undefined };
  } catch {
    return { body: text, encoding: undefined };
  }
}

/** Cookies stay apart: they cannot be joined by commas. */
function headersOf(headers: Headers): Record<string, string | readonly string[]> {
  const cookies = headers.getSetCookie();
  return { ...Object.fromEntries(headers), ...(cookies.length === 0 ? {} : { 'set-cookie': cookies }) };
}

function errorCodeOf(body: unknown): string {
  const code: unknown = typeof body === 'object' && body !== null ? (Reflect.get(body, 'type') ?? Reflect.get(body, 'code')) : undefined;
  // Functions are answered for in capitals, as the Base44 clients know codes.
  return typeof code === 'string' ? code.toLowerCase() : '';
}
