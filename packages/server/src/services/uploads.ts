/**
 * Deployments that are uploaded in pieces: the first piece opens an upload and is given the id that the deployment will
 * have; the others come in any order, several at a time; the last one that was missing makes the deployment. Pieces wait
 * in memory, since a started upload lives for minutes and is bounded by the size of a deployment.
 */
import { PlatformError, type Limits } from '@martlet/protocol';
import type { Clock } from '../ports/system/clock.ts';
import type { Ids } from '../ports/system/ids.ts';
import type { DeploymentRow, Store } from '../ports/store.ts';
import type { Deployments, NewDeployment } from './deployments.ts';

export const CHUNK_BYTES = 5_242_880;
/** Started uploads at the same time, all projects together: what they hold in memory at most is this many deployments. */
const UPLOADS_MAX = 8;
const ABANDONED_AFTER_MS = 10 * 60_000;
const RETRY_SECONDS = 5;

export interface UploadPiece extends Omit<NewDeployment, 'id'> {
  /** Id that the first piece was answered with; undefined for the first. */
  readonly id: string | undefined;
  /** Of `bytes` within the whole. */
  readonly first: number;
  readonly last: number;
  readonly size: number;
}

export interface Uploads {
  /**
   * Takes a piece. The row is that of a deployment which waits, until the upload is whole.
   * @throws {PlatformError} `storage_invalid_content_range`, `deployment_invalid_file_size`, `deployment_not_found` for an
   * upload that is not known, `general_rate_limit_exceeded`, and what `Deployments.create` refuses
   */
  take(piece: UploadPiece): Promise<DeploymentRow>;
}

export interface UploadsOptions {
  readonly deployments: Pick<Deployments, 'create'>;
  readonly store: Pick<Store, 'deployments'>;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly limits: Pick<Limits, 'deploymentBytes'>;
}

interface Upload {
  readonly id: string;
  readonly projectId: string;
  readonly functionId: string;
  readonly size: number;
  readonly pieces: (Uint8Array | undefined)[];
  touchedAt: number;
  /** Set once it is whole. */
  finished: Promise<DeploymentRow> | undefined;
}

export function createUploads(options: UploadsOptions): Uploads {
  const { deployments, store, clock } = options;
  const uploads = new Map<string, Upload>();

  function open(piece: UploadPiece): Upload {
    for (const [id, { touchedAt }] of uploads) if (clock.now() - touchedAt > ABANDONED_AFTER_MS) uploads.delete(id);
    if (uploads.size >= UPLOADS_MAX) {
      throw new PlatformError('general_rate_limit_exceeded', {
        message: 'Deployment upload is busy. Try again.',
        retryAfterSeconds: RETRY_SECONDS,
      });
    }
    const pieces = Array.from<Uint8Array | undefined>({ length: Math.ceil(piece.size / CHUNK_BYTES) });
    const upload: Upload = {
      id: options.ids.next(),
      projectId: piece.fn.projectId,
      functionId: piece.fn.id,
      size: piece.size,
      pieces,
      touchedAt: clock.now(),
      finished: undefined,
    };
    uploads.set(upload.id, upload);
    return upload;
  }

  async function finish(upload: Upload, piece: UploadPiece): Promise<DeploymentRow> {
    const bytes = Buffer.concat(upload.pieces.filter((each) => each !== undefined));
    try {
      return await deployments.create({ ...piece, id: upload.id, bytes });
    } finally {
      uploads.delete(upload.id);
    }
  }

  return {
    async take(piece) {
      checkPiece(piece, options.limits.deploymentBytes);
      const upload = piece.id === undefined ? open(piece) : uploads.get(piece.id);
      if (upload === undefined) return finishedBefore(store, piece);
      if (upload.projectId !== piece.fn.projectId || upload.functionId !== piece.fn.id) throw unknownUpload();
      if (upload.size !== piece.size) throw invalidRange(`the upload has ${upload.size} bytes, not ${piece.size}`);
      upload.touchedAt = clock.now();
      if (upload.finished !== undefined) return upload.finished;
      upload.pieces[piece.first / CHUNK_BYTES] = piece.bytes;
      if (upload.pieces.includes(undefined)) return waitingRow(upload, piece);
      upload.finished = finish(upload, piece);
      return upload.finished;
    },
  };
}

function checkPiece({ id, first, last, size, bytes }: UploadPiece, bytesMax: number): void {
  if (size > bytesMax)
    throw new PlatformError('deployment_invalid_file_size', `Cannot deploy: the archive has ${size} bytes, more than ${bytesMax}.`);
  if (first % CHUNK_BYTES !== 0) throw invalidRange(`a piece begins at a multiple of ${CHUNK_BYTES}`);
  if (id === undefined && first !== 0) throw invalidRange('the first piece opens the upload, and the others name its id in x-appwrite-id');
  const expected = Math.min(CHUNK_BYTES, size - first);
  // Some clients count the last byte of the whole as one more than there is.
  const announced = Math.min(last, size - 1) - first + 1;
  if (expected <= 0 || announced !== expected || bytes.length !== expected)
    throw invalidRange(`the piece from ${first} on has ${bytes.length} bytes, not ${Math.max(expected, 0)}`);
}

/** Sending a piece of a finished upload once more changes nothing. */
async function finishedBefore(store: UploadsOptions['store'], { fn, id }: UploadPiece): Promise<DeploymentRow> {
  const row = id === undefined ? null : await store.deployments.get(fn.projectId, fn.id, id);
  if (row === null) throw unknownUpload();
  return row;
}

function waitingRow(upload: Upload, { fn, entrypoint, commands, activate, type }: UploadPiece): DeploymentRow {
  return {
    id: upload.id,
    projectId: upload.projectId,
    functionId: upload.functionId,
    createdAt: upload.touchedAt,
    updatedAt: upload.touchedAt,
    type,
    status: 'waiting',
    entrypoint: entrypoint ?? fn.entrypoint,
    commands: commands ?? fn.commands,
    activate,
    sourceHash: '',
    sourceBytes: upload.size,
    artifactHash: null,
    artifactFormat: null,
    buildBytes: 0,
    buildStartedAt: null,
    buildMs: 0,
    error: null,
    errorMessage: '',
  };
}

const unknownUpload = (): PlatformError =>
  new PlatformError(
    'deployment_not_found',
    'Deployment with the requested ID could not be found: no upload of this function has it; start again with the first piece.',
  );

const invalidRange = (reason: string): PlatformError =>
  new PlatformError('storage_invalid_content_range', `Cannot take a piece of the upload: ${reason}.`);
