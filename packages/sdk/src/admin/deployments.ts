/** Deployments of a function: upload, build, which of them answers. */
import { MartletError } from '../errors.ts';
import { segment } from '../functions/function-executions.ts';
import { startDeadline, type DeadlineOptions } from '../transport/deadline.ts';
import type { CallApi } from '../transport/http.ts';
import { pause } from '../transport/pause.ts';
import type { Deployment, DeploymentList, FunctionResource, ListOptions } from './resources.ts';

export interface NewDeployment extends Pick<DeadlineOptions, 'signal'> {
  readonly functionId: string;
  /** The sources as .tar.gz. */
  readonly code: Blob | Uint8Array<ArrayBuffer>;
  /** Whether it answers once it is built; default true. */
  readonly activate?: boolean | undefined;
  /** Default: those of the function. */
  readonly entrypoint?: string | undefined;
  readonly commands?: string | undefined;
  /** Called with the share that has arrived, up to 1. */
  readonly onProgress?: ((share: number) => void) | undefined;
}

export type WaitDeployment = DeadlineOptions;

export interface Deployments {
  list(functionId: string, options?: ListOptions): Promise<DeploymentList>;
  get(functionId: string, deploymentId: string): Promise<Deployment>;
  /** Uploads it, in pieces where it is large. It is not built yet when this resolves: see `wait`. */
  create(deployment: NewDeployment): Promise<Deployment>;
  /** Resolves once it is built. @throws {MartletError} when the build fails or is canceled: with its log */
  wait(functionId: string, deploymentId: string, options?: WaitDeployment): Promise<Deployment>;
  /** Makes a built one the active one. */
  activate(functionId: string, deploymentId: string): Promise<FunctionResource>;
  /** Activates the one that was built before the active one. */
  rollback(functionId: string): Promise<FunctionResource>;
  /** Builds the same source anew. */
  rebuild(functionId: string, deploymentId: string): Promise<Deployment>;
  /** Cancels the build. */
  cancel(functionId: string, deploymentId: string): Promise<Deployment>;
  /** The source, or what was built of it. */
  download(functionId: string, deploymentId: string, type?: 'source' | 'output'): Promise<Blob>;
  delete(functionId: string, deploymentId: string): Promise<void>;
}

/** Of the contract: every piece but the last has just this size. */
const PIECE_BYTES = 5 * 1024 * 1024;
const POLL_FIRST_MS = 50;
const POLL_LONGEST_MS = 1000;
const LOG_SHOWN = 4000;

export function createDeployments(api: CallApi): Deployments {
  const rootOf = (functionId: string): string => `/functions/${segment('functionId', functionId)}`;
  const pathOf = (functionId: string, deploymentId: string): string =>
    `${rootOf(functionId)}/deployments/${segment('deploymentId', deploymentId)}`;
  const get = async (functionId: string, deploymentId: string, options: DeadlineOptions = {}): Promise<Deployment> =>
    api('GET', pathOf(functionId, deploymentId), options);

  return {
    list: async (functionId, query = {}) => api('GET', `${rootOf(functionId)}/deployments`, { query: { ...query } }),
    get: (functionId, deploymentId) => get(functionId, deploymentId),
    create: async (deployment) => upload(api, `${rootOf(deployment.functionId)}/deployments`, deployment),

    async wait(functionId, deploymentId, options = {}) {
      const deadline = startDeadline(options);
      const { signal } = deadline;
      try {
        for (let ms = POLL_FIRST_MS; ; ms = Math.min(ms * 1.5, POLL_LONGEST_MS)) {
          const deployment = await get(functionId, deploymentId, { signal });
          if (deployment.status === 'ready') return deployment;
          if (deployment.status === 'failed' || deployment.status === 'canceled') throw buildFailure(deployment);
          await pause(ms, signal);
        }
      } catch (error) {
        throw signal.aborted ? deadline.explain(undefined, `wait for deployment ${deploymentId}`) : error;
      } finally {
        deadline.end();
      }
    },

    activate: async (functionId, deploymentId) => api('PATCH', `${rootOf(functionId)}/deployment`, { body: { deploymentId } }),
    rollback: async (functionId) => api('POST', `${rootOf(functionId)}/deployments/rollback`),
    rebuild: async (functionId, deploymentId) => api('POST', `${rootOf(functionId)}/deployments/duplicate`, { body: { deploymentId } }),
    cancel: async (functionId, deploymentId) => api('PATCH', `${pathOf(functionId, deploymentId)}/status`),
    download: async (functionId, deploymentId, type = 'source') =>
      api('GET', `${pathOf(functionId, deploymentId)}/download`, { query: { type } }),
    delete: async (functionId, deploymentId) => api('DELETE', pathOf(functionId, deploymentId)),
  };
}

async function upload(api: CallApi, path: string, { code, signal, onProgress, ...rest }: NewDeployment): Promise<Deployment> {
  const whole = code instanceof Blob ? code : new Blob([code]);
  const { entrypoint, commands, activate = true } = rest;
  let deployment: Deployment | undefined;
  for (let first = 0; first < whole.size || deployment === undefined; first += PIECE_BYTES) {
    const end = Math.min(first + PIECE_BYTES, whole.size);
    const form = new FormData();
    if (entrypoint !== undefined) form.append('entrypoint', entrypoint);
    if (commands !== undefined) form.append('commands', commands);
    form.append('activate', String(activate));
    form.append('code', whole.slice(first, end), 'code.tar.gz');
    const isWhole = whole.size <= PIECE_BYTES;
    deployment = await api<Deployment>('POST', path, {
      body: form,
      signal,
      headers: {
        ...(isWhole ? {} : { 'content-range': `bytes ${first}-${end - 1}/${whole.size}` }),
        ...(deployment === undefined ? {} : { 'x-appwrite-id': deployment.$id }),
      },
    });
    onProgress?.(whole.size === 0 ? 1 : end / whole.size);
  }
  return deployment;
}

function buildFailure({ status, buildError, buildLogs }: Deployment): MartletError {
  const log = buildLogs.trim().slice(-LOG_SHOWN);
  return new BuildError(
    `Cannot deploy: the build ${status === 'canceled' ? 'was canceled' : 'failed'}.${log === '' ? '' : `\n${log}`}`,
    buildError,
  );
}

/** A build that did not come to its end; the message has the end of its log. */
export class BuildError extends MartletError {
  override name = 'BuildError';
  override readonly code: string;

  constructor(message: string, code: string) {
    super(message);
    this.code = code === '' ? 'build_canceled' : code;
  }
}
