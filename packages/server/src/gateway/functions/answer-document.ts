/** `GET /functions/openapi.json`, in every form in which a project's functions are called: what the caller may call. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Principal } from '../../domain/principal.ts';
import { describeFunctions } from '../../domain/functions-document/functions-document.ts';
import type { Catalog } from '../../services/catalog/catalog.ts';
import { DOCUMENT_NAME, type FunctionAddress } from './function-address.ts';

export interface DocumentRequest {
  readonly request: IncomingMessage;
  readonly address: FunctionAddress;
  readonly principal: Principal;
  readonly projectId: string;
  /** The one that a URL without a project means. */
  readonly defaultProjectId: string;
}

export interface DocumentOptions {
  readonly catalog: Catalog;
  readonly version: string;
}

export function isDocument({ path }: FunctionAddress, method: string | undefined): boolean {
  return path === DOCUMENT_NAME && (method === 'GET' || method === 'HEAD');
}

export async function makeDocument(asked: DocumentRequest, { catalog, version }: DocumentOptions): Promise<Buffer> {
  const { projectId, principal } = asked;
  const functions = await catalog.callable(projectId, principal);
  return Buffer.from(JSON.stringify(describeFunctions({ projectId, version, base: baseOf(asked), functions })));
}

export function writeDocument(response: ServerResponse, document: Buffer, extraHeaders: readonly string[]): void {
  response.writeHead(200, [
    'content-type',
    'application/json; charset=utf-8',
    'content-length',
    String(document.length),
    'cache-control',
    'private, no-cache',
    'x-content-type-options',
    'nosniff',
    ...extraHeaders,
  ]);
  response.end(response.req.method === 'HEAD' ? undefined : document);
}

/** As it was asked for, unless only a header said which project: then the URLs say it, so that they can be used as they are. */
function baseOf({ request, address, projectId, defaultProjectId }: DocumentRequest): string {
  if (address.projectId !== undefined || projectId !== defaultProjectId) return `/api/apps/${projectId}`;
  return request.url?.startsWith('/api/') === true ? '/api' : '';
}
