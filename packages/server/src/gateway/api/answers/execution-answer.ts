/** The answer of a synchronous execution in the format that the caller accepts: JSON, or a form for any bytes. */
import { PlatformError, type ExecutionResource } from '@martlet/protocol';

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Of the accepted types the first that is known decides; none means JSON. */
export function acceptsForm(accept: string): boolean {
  const first = accept
    .split(',')
    .map((type) => type.trim().toLowerCase())
    .find((type) => /^(?:application\/(?:json|\*)|multipart\/(?:form-data|\*))/.test(type));
  return first?.startsWith('multipart/') === true;
}

/** @throws {PlatformError} `general_bad_request` for bytes that JSON cannot hold */
export function bodyAsText(body: Uint8Array): string {
  try {
    return utf8.decode(body);
  } catch {
    throw new PlatformError(
      'general_bad_request',
      'Failed to parse response: it is not UTF-8 text, which JSON cannot hold; accept multipart/form-data, or call the function under /functions/<path>.',
    );
  }
}

/** One part per field; lists and objects as JSON. */
export function formAnswer(execution: ExecutionResource, body: Uint8Array, status: number): Response {
  const boundary = `-----------------------------${execution.$id}`;
  const parts = Object.entries(execution).flatMap(([name, value]) => [
    `--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n`,
    name === 'responseBody' ? body : typeof value === 'string' ? value : JSON.stringify(value),
    '\r\n',
  ]);
  const whole = Buffer.concat([...parts, `--${boundary}--\r\n`].map((part) => (typeof part === 'string' ? Buffer.from(part) : part)));
  return new Response(whole, { status, headers: { 'Content-Type': `multipart/form-data; boundary=${boundary}` } });
}
