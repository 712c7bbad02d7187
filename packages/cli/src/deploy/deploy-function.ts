/** One function's way from an archive to answering: found or created, uploaded, built, live. */
import type { DeploymentResource, FunctionResource } from '@martlet/protocol';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ApiClient } from '../api/api-client.ts';
import { followBuildLog } from '../api/build-log.ts';
import { CliError } from '../cli-error.ts';
import { findFunction } from '../api/function-lookup.ts';
import type { ProjectFunction, ProjectKind } from '../project/project.ts';

export interface DeployFunctionOptions {
  readonly api: ApiClient;
  readonly one: ProjectFunction;
  readonly kind: ProjectKind;
  readonly archive: Uint8Array<ArrayBuffer>;
  /** Called when the function was not there before, with the roles that may call it. */
  readonly onCreated: (execute: readonly string[]) => void;
  readonly onLogLine: (line: string) => void;
}

export interface Deployed {
  readonly name: string;
  readonly functionId: string;
  readonly deploymentId: string;
  readonly status: string;
  readonly url: string;
  /** From upload to live. */
  readonly milliseconds: number;
}

/** What a server without a runtime setting of its own is asked for. */
const RUNTIME = 'node-24';
const POLL_FIRST_MS = 20;
const POLL_LONGEST_MS = 1000;
/** Longer than any build may take; a server that does not end one by then is not well. */
const WAIT_MS = 3_700_000;
const PENDING = new Set(['waiting', 'processing', 'building']);

/** @throws {CliError} when the function cannot be created or uploaded, or its build fails */
export async function deployFunction(options: DeployFunctionOptions): Promise<Deployed> {
  const { api, one } = options;
  const target = await findOrCreate(options);
  const began = performance.now();
  const route = `/functions/${encodeURIComponent(target.$id)}/deployments`;
  const uploaded = await api.send<DeploymentResource>('POST', route, uploadForm(options));
  const built = await waitForBuild(options, `${route}/${encodeURIComponent(uploaded.$id)}`);
  if (built.status !== 'ready') throw buildFailure(one, built);
  return {
    name: one.name,
    functionId: target.$id,
    deploymentId: built.$id,
    status: built.status,
    url: `${api.connection.url}/functions/${target.path}`,
    milliseconds: performance.now() - began,
  };
}

async function findOrCreate(options: DeployFunctionOptions): Promise<FunctionResource> {
  const { api, one } = options;
  const found = await findFunction(api, one.id ?? one.name);
  if (found !== undefined) return options.kind === 'appwrite' ? replaceSettings(options, found) : found;
  const execute = one.settings.execute ?? (options.kind === 'appwrite' ? [] : ['any']);
  const created = await api.send<FunctionResource>('POST', '/functions', {
    name: one.name,
    path: one.name,
    runtime: RUNTIME,
    entrypoint: one.entrypoint,
    commands: one.commands,
    ...one.settings,
    execute,
    functionId: one.id ?? 'unique()',
  });
  options.onCreated(created.execute);
  return created;
}

/** The project file of such a project is the truth about settings, as it is for its own command. */
function replaceSettings({ api, one }: DeployFunctionOptions, found: FunctionResource): Promise<FunctionResource> {
  return api.send<FunctionResource>('PUT', `/functions/${encodeURIComponent(found.$id)}`, {
    name: one.name,
    runtime: found.runtime,
    entrypoint: one.entrypoint,
    commands: one.commands,
    execute: [],
    ...one.settings,
  });
}

function uploadForm({ one, archive }: DeployFunctionOptions): FormData {
  const form = new FormData();
  form.set('entrypoint', one.entrypoint);
  form.set('commands', one.commands);
  form.set('activate', 'true');
  form.set('code', new File([archive], 'code.tar.gz', { type: 'application/gzip' }));
  return form;
}

/** The log is a courtesy; the status of the deployment is what counts, so a broken log stream ends nothing. */
async function waitForBuild({ api, onLogLine }: DeployFunctionOptions, route: string): Promise<DeploymentResource> {
  const ended = new AbortController();
  const log = followBuildLog(api, { route, signal: ended.signal, onLine: onLogLine }).catch((error: unknown) =>
    onLogLine(`(the build log broke off: ${error instanceof Error ? error.message : String(error)})`),
  );
  const deadline = Date.now() + WAIT_MS;
  for (let pause = POLL_FIRST_MS; ; pause = Math.min(pause * 1.5, POLL_LONGEST_MS)) {
    const deployment = await api.get<DeploymentResource>(route);
    if (!PENDING.has(deployment.status)) {
      // The last lines may be on their way; a server that holds the stream open must not hold us.
      await Promise.race([log, sleep(500, undefined, { ref: false })]);
      ended.abort();
      return deployment;
    }
    if (Date.now() > deadline)
      throw new CliError(`Cannot wait any longer for deployment ${deployment.$id}: its status is still ${deployment.status}.`, {
        next: 'Look at the log of the server.',
      });
    await sleep(pause);
  }
}

function buildFailure(one: ProjectFunction, built: DeploymentResource): CliError {
  const log = built.buildLogs.trim();
  return new CliError(`the build ${built.status === 'canceled' ? 'was canceled' : 'failed'}${log === '' ? '.' : `:\n${log}`}`, {
    code: built.buildError === '' ? built.status : built.buildError,
    next: `Correct ${one.file}, then martlet deploy ${one.name}. What was live before still answers.`,
  });
}
