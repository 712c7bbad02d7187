/** A file to download, whole or the part that a Range header asks for. */
import { PlatformError } from '@martlet/protocol';

const RANGE = /^bytes=(\d{1,15})-(\d{1,15})?$/;

export interface Download {
  readonly bytes: Buffer;
  readonly type: string;
  readonly fileName: string;
}

/** @throws {PlatformError} `storage_invalid_range` */
export function answerDownload({ bytes, type, fileName }: Download, range: string | undefined): Response {
  const headers = new Headers({
    'Content-Type': type,
    'Content-Disposition': `attachment; filename="${fileName}"`,
    'Cache-Control': 'private, max-age=3888000',
    'Accept-Ranges': 'bytes',
    'X-Content-Type-Options': 'nosniff',
  });
  if (range === undefined || range === '') {
    headers.set('Content-Length', String(bytes.length));
    return new Response(new Uint8Array(bytes), { status: 200, headers });
  }
  const [, from, to] = RANGE.exec(range) ?? [];
  const first = Number(from);
  const last = to === undefined ? bytes.length - 1 : Number(to);
  if (from === undefined || first >= last || last >= bytes.length) {
    throw new PlatformError('storage_invalid_range', 'The requested range is not satisfiable. Please check the value of the Range header.');
  }
  headers.set('Content-Range', `bytes ${first}-${last}/${bytes.length}`);
  headers.set('Content-Length', String(last - first + 1));
  return new Response(new Uint8Array(bytes.subarray(first, last + 1)), { status: 206, headers });
}
