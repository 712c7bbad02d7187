/**
 * What a blank needs to become the worker of a deployment: code, source map, code cache, variables, a way out. Code that
 * was fetched lately is kept in memory, so that a cold start does not wait for a disk.
 */
import type { Limits } from '@martlet/protocol';
import { LRUCache } from 'lru-cache';
import type { Artifacts } from '../../ports/artifacts.ts';
import type { Egress } from '../../ports/egress.ts';
import type { DeploymentRow } from '../../ports/store.ts';
import { readBuiltMeta, builtKeys } from '../built-artifact.ts';
import type { Worker, WorkerCode } from '../workers/worker.ts';
import type { WorkerTarget } from '../workers/worker-pool.ts';
import type { RoutedFunction } from './function-routes.ts';

export interface DeploymentCodeOptions {
  readonly artifacts: Artifacts;
  readonly egress: Egress;
  readonly limits: Limits;
  readonly platformUrl: string;
  /** What makes a code cache fit: engine version and flags of the workers. */
  readonly engine: string;
  /** Variables of a function, opened. */
  environment(projectId: string, functionId: string): Promise<Record<string, string>>;
  /** Unpacks the tree of a deployment on this host, once, and returns its folder. */
  unpackTree(key: string): Promise<string>;
}

interface Built {
  readonly code: Buffer;
  readonly sourceMap: Buffer;
  codeCache: Buffer;
}

const KEPT_BYTES = 64 * 1_048_576;
const NOTHING = Buffer.alloc(0);

export function createDeploymentCode(options: DeploymentCodeOptions): (routed: RoutedFunction) => WorkerTarget {
  const { artifacts, egress, limits } = options;
  const kept = new LRUCache<string, Built>({
    maxSize: KEPT_BYTES,
    sizeCalculation: (built) => built.code.length + built.sourceMap.length + built.codeCache.length + 1,
  });
  const grants = new WeakMap<Worker, string>();

  return (routed) => {
    const { fn } = routed;
    const deployment = routed.deployment as DeploymentRow;
    const hash = deployment.artifactHash ?? '';
    // Never shared between projects: a code cache is trusted by the engine, and this one was made inside a sandbox.
    const cacheKey = `caches/${fn.projectId.toLowerCase()}/${deployment.id.toLowerCase()}/${options.engine}-${hash.slice(0, 16)}`;
    return {
      projectId: fn.projectId,
      functionId: fn.id,
      deploymentId: deployment.id,
      memoryMb: fn.memoryMb,
      get hasCodeCache() {
        return (kept.get(cacheKey)?.codeCache.length ?? 0) > 0 || deployment.artifactFormat !== 'bundle';
      },
      async keepCodeCache(bytes) {
        const built = kept.get(cacheKey);
        if (built !== undefined) kept.set(cacheKey, { ...built, codeCache: bytes });
        await artifacts.put(cacheKey, bytes);
      },
      treeFolder: async () => (deployment.artifactFormat === 'tree' ? options.unpackTree(builtKeys(hash).tree) : undefined),
      load: (worker) => load(worker),
      release(worker) {
        const token = grants.get(worker);
        if (token !== undefined) egress.revoke(token);
      },
    };

    async function load(worker: Worker): Promise<WorkerCode> {
      const [built, variables, meta] = await Promise.all([
        fetchBuilt(hash, cacheKey),
        options.environment(fn.projectId, fn.id),
        deployment.artifactFormat === 'tree' ? readBuiltMeta(artifacts, hash) : undefined,
      ]);
      return {
        code: built.code,
        sourceMap: built.sourceMap,
        codeCache: built.codeCache,
        message: {
          projectId: fn.projectId,
          functionId: fn.id,
          functionName: fn.path,
          deploymentId: deployment.id,
          format: deployment.artifactFormat ?? 'bundle',
          entrypoint: meta?.entrypoint ?? '',
          treeRoot: worker.process.treeInside ?? '',
          env: { ...variables, ...platformVariables(routed, options.platformUrl) },
          logging: fn.logging,
          logBytes: limits.logBytes,
          logLineBytes: limits.logLineBytes,
          requestBodyBytes: limits.requestBodyBytes,
          egress: wayOut(worker, routed),
        },
      };
    }
  };

  async function fetchBuilt(hash: string, cacheKey: string): Promise<Built> {
    const known = kept.get(cacheKey);
    if (known !== undefined) return known;
    const keys = builtKeys(hash);
    const [code, sourceMap, codeCache] = await Promise.all([artifacts.get(keys.code), artifacts.get(keys.map), artifacts.get(cacheKey)]);
    const built = { code: code ?? NOTHING, sourceMap: sourceMap ?? NOTHING, codeCache: codeCache ?? NOTHING };
    kept.set(cacheKey, built);
    return built;
  }

  function wayOut(worker: Worker, { fn }: RoutedFunction): WorkerCode['message']['egress'] {
    const socketPath = worker.process.egressSocketInside;
    if (socketPath === undefined) return undefined;
    const token = egress.grant({ policy: fn.egress, projectId: fn.projectId, functionId: fn.id });
    grants.set(worker, token);
    return { socketPath, token };
  }
}

/** Names of both contracts (Appwrite, section 4.9; Base44, section 8) beside our own. They win over variables. */
function platformVariables({ fn, deployment }: RoutedFunction, platformUrl: string): Record<string, string> {
  return {
    MARTLET_URL: platformUrl,
    MARTLET_PROJECT: fn.projectId,
    MARTLET_FUNCTION: fn.path,
    BASE44_APP_ID: fn.projectId,
    APPWRITE_FUNCTION_API_ENDPOINT: `${platformUrl}/v1`,
    APPWRITE_FUNCTION_ID: fn.id,
    APPWRITE_FUNCTION_NAME: fn.name,
    APPWRITE_FUNCTION_DEPLOYMENT: deployment?.id ?? '',
    APPWRITE_FUNCTION_PROJECT_ID: fn.projectId,
    APPWRITE_FUNCTION_RUNTIME_NAME: 'Node.js',
    APPWRITE_FUNCTION_RUNTIME_VERSION: fn.runtime.replace(/^node-/, ''),
    APPWRITE_FUNCTION_MEMORY: String(fn.memoryMb),
    APPWRITE_FUNCTION_CPUS: '1',
    APPWRITE_REGION: 'default',
    APPWRITE_DEPLOYMENT_TYPE: deployment?.type ?? 'manual',
  };
}
