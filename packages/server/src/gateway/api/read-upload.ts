/** Reads the form of a deployment and, where it comes in pieces, which piece it is. */
import { PlatformError, type DeploymentResource } from '@martlet/protocol';
import type { ApiContext } from './api-context.ts';
import { looseBoolean, refuseInvalid, text } from './params.ts';
import { z } from '@hono/zod-openapi';

const CONTENT_RANGE = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15})$/;

export const deploymentForm = z.object({
  entrypoint: text(1, 1028).nullish().openapi({ description: "File of the function within the archive; default: the function's" }),
  commands: text(0, 8192).nullish().openapi({ description: "Build commands; default: the function's" }),
  // Looked at by hand: it must be a file, and its absence has an error of its own.
  code: z.unknown().optional().openapi({ type: 'string', format: 'binary', description: 'The sources as .tar.gz' }),
  activate: looseBoolean().openapi({ description: 'Whether it becomes the active deployment once it is built' }),
});

export interface DeploymentUpload {
  readonly entrypoint: string | undefined;
  readonly commands: string | undefined;
  readonly activate: boolean;
  readonly type: DeploymentResource['type'];
  readonly bytes: Uint8Array;
  /** Undefined: the archive is whole. */
  readonly piece: { readonly id: string | undefined; readonly first: number; readonly last: number; readonly size: number } | undefined;
}

/** Checks in the order of the contract. @throws {PlatformError} */
export async function readDeploymentUpload(c: ApiContext, { hasEntrypoint }: { hasEntrypoint: boolean }): Promise<DeploymentUpload> {
  const form = await c.req.formData().catch((cause: unknown) => {
    throw new PlatformError('general_bad_request', { message: 'Cannot read the upload: its body is not a multipart form.', cause });
  });
  const code = form.get('code');
  const checked = deploymentForm.safeParse({
    entrypoint: field(form, 'entrypoint'),
    commands: field(form, 'commands'),
    activate: field(form, 'activate'),
  });
  if (!checked.success) refuseInvalid(checked.error);
  const { entrypoint, commands, activate } = checked.data;
  if (!hasEntrypoint && typeof entrypoint !== 'string') {
    throw new PlatformError('function_entrypoint_missing', 'Cannot deploy: neither the request nor the function names an entrypoint.');
  }
  if (code === null || typeof code === 'string') throw new PlatformError('storage_file_empty', 'No file sent');
  if (!code.name.endsWith('.gz'))
    throw new PlatformError(
      'storage_file_type_unsupported',
      `Cannot deploy the file "${code.name.slice(0, 80)}": pack the sources as .tar.gz.`,
    );
  return {
    entrypoint: entrypoint ?? undefined,
    commands: commands ?? undefined,
    activate,
    type: c.req.header('x-sdk-language') === 'cli' ? 'cli' : 'manual',
    piece: readPiece(c),
    bytes: await code.bytes(),
  };
}

/** An id counts only together with a range; a range over all of it is no piece. */
function readPiece(c: ApiContext): DeploymentUpload['piece'] {
  const range = c.req.header('content-range');
  if (range === undefined || range === '') return undefined;
  const [, first, last, size] = (CONTENT_RANGE.exec(range) ?? []).map(Number);
  if (first === undefined || last === undefined || size === undefined || last < first || last > size) {
    throw new PlatformError(
      'storage_invalid_content_range',
      'The content range is invalid. Please check the value of the Content-Range header.',
    );
  }
  if (first === 0 && last >= size - 1) return undefined;
  const id = c.req.header('x-appwrite-id');
  return { id: id === '' ? undefined : id, first, last, size };
}

function field(form: FormData, name: string): string | undefined {
  const value = form.get(name);
  return typeof value === 'string' ? value : undefined;
}
