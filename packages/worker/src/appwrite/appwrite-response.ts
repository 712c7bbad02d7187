/**
 * `res` of an Appwrite handler. Each function only makes a value; what the handler returns is what counts. None uses
 * `this`, so that `const { json } = res` works.
 */
import { isAnyArrayBuffer } from 'node:util/types';

export interface AppwriteOutput {
  readonly body: unknown;
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, unknown>>;
}

type Headers = Readonly<Record<string, unknown>>;

export interface AppwriteResponse {
  /** @throws {TypeError} for a body that is no text */
  text(body: string, status?: number, headers?: Headers): AppwriteOutput;
  /** @throws {TypeError} for what JSON cannot write */
  json(value: unknown, status?: number, headers?: Headers): AppwriteOutput;
  /** Takes every kind of bytes. */
  binary(bytes: unknown, status?: number, headers?: Headers): AppwriteOutput;
  empty(): AppwriteOutput;
  redirect(url: string, status?: number, headers?: Headers): AppwriteOutput;
  /** Sends text, bytes, or anything else as JSON, and sets no content type. Deprecated by the contract. */
  send(body: unknown, status?: number, headers?: Headers): AppwriteOutput;
}

export const appwriteResponse: AppwriteResponse = Object.freeze({
  text: (body: string, status?: number, headers?: Headers) => output(Buffer.from(body, 'utf8'), status ?? 200, headers),
  json(value: unknown, status?: number, headers?: Headers) {
    // The own content type comes last and wins, however the handler spelt its own.
    const given = Object.entries(headers ?? {}).filter(([name]) => name.toLowerCase() !== 'content-type');
    return output(Buffer.from(JSON.stringify(value), 'utf8'), status ?? 200, {
      ...Object.fromEntries(given),
      'content-type': 'application/json',
    });
  },
  binary: (bytes: unknown, status?: number, headers?: Headers) => output(toBytes(bytes), status ?? 200, headers),
  empty: () => output('', 204, {}),
  redirect: (url: string, status?: number, headers?: Headers) => output('', status ?? 301, { ...headers, location: url }),
  send: (body: unknown, status?: number, headers?: Headers) => output(body, status ?? 200, headers),
});

/** Views share the memory of what they were made of; other values stay as they are. */
export function toBytes(value: unknown): unknown {
  if (ArrayBuffer.isView(value)) return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  return isAnyArrayBuffer(value) ? Buffer.from(value) : value;
}

function output(body: unknown, statusCode: number, headers: Headers | undefined): AppwriteOutput {
  return { body, statusCode, headers: headers ?? {} };
}
