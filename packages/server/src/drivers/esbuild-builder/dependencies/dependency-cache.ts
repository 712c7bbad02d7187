/**
 * Installed dependency trees by the hash of what they were installed from. A tree appears under its key by a rename,
 * complete or not at all; a failed install leaves nothing. Builds that want the same tree share one install.
 */
import { mkdir, mkdtemp, readdir, readFile, realpath, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BuildFailure, plainProblem } from '../build-problems.ts';
import type { DependencyPlan } from './dependency-plan.ts';
import { inspectTree, type InstalledTree } from './native-packages.ts';
import { npmInstall, type NpmOptions } from './npm-install.ts';

export interface Dependencies extends InstalledTree {
  /** Folder that holds `node_modules`. A real path. */
  readonly folder: string;
}

export interface DependencyCache {
  /** Whether packages of JSR can be had. */
  readonly knowsJsr: boolean;
  /** @throws {BuildFailure} `build_failed` with npm's reason; @throws the signal's reason */
  prepare(plan: DependencyPlan, options: { log: (text: string) => void; signal: AbortSignal }): Promise<Dependencies>;
}

interface Install {
  readonly result: Promise<Dependencies>;
  readonly stop: AbortController;
  readonly listeners: Set<(text: string) => void>;
}

/** What all dependencies of one function may take on disk. */
const TREE_BYTES_MAX = 1_000_000_000;
const UNUSED_MS = 30 * 86_400_000;
const ABANDONED_MS = 86_400_000;
const ABOUT = 'tree.json';

export function createDependencyCache({ folder, npm }: { folder: string; npm: NpmOptions }): DependencyCache {
  const installs = new Map<string, Install>();

  const start = (plan: DependencyPlan): Install => {
    const stop = new AbortController();
    const listeners = new Set<(text: string) => void>();
    const log = (text: string): void => listeners.forEach((listener) => listener(text));
    const started = { result: install({ plan, folder, npm, log, signal: stop.signal }), stop, listeners };
    installs.set(plan.key, started);
    const forget = (): void => {
      // An aborted install may have been followed by the next one already.
      if (installs.get(plan.key) === started) installs.delete(plan.key);
    };
    started.result.then(forget, forget);
    return started;
  };

  return {
    knowsJsr: npm.jsrRegistry !== undefined,
    async prepare(plan, { log, signal }) {
      const installed = await findInstalled(join(folder, plan.key));
      if (installed !== undefined) return installed;
      signal.throwIfAborted();
      const running = installs.get(plan.key);
      const current = running !== undefined && !running.stop.signal.aborted ? running : start(plan);
      current.listeners.add(log);
      try {
        return await untilAborted(current.result, signal);
      } finally {
        current.listeners.delete(log);
        if (current.listeners.size === 0) current.stop.abort(new Error('Nobody waits for this install any longer'));
      }
    },
  };
}

async function install({
  plan,
  folder,
  npm,
  log,
  signal,
}: {
  plan: DependencyPlan;
  folder: string;
  npm: NpmOptions;
  log: (text: string) => void;
  signal: AbortSignal;
}): Promise<Dependencies> {
  await mkdir(folder, { recursive: true });
  const work = await mkdtemp(join(folder, '.installing-'));
  try {
    await writeFile(join(work, 'package.json'), plan.packageJson);
    if (plan.packageLock !== undefined) await writeFile(join(work, 'package-lock.json'), plan.packageLock);
    log(`Installing ${plan.count} ${plan.count === 1 ? 'dependency' : 'dependencies'} with npm ${plan.mode}\n`);
    const { ok, reason } = await npmInstall(work, { npm, mode: plan.mode, log, signal });
    if (!ok) throw new BuildFailure('build_failed', [plainProblem(`Cannot install the dependencies: ${reason}`, plan.file)]);
    await mkdir(join(work, 'node_modules'), { recursive: true });
    const tree = await inspectTree(join(work, 'node_modules'));
    if (tree.bytes > TREE_BYTES_MAX) {
      throw new BuildFailure('build_failed', [
        plainProblem(`Cannot use the dependencies: they take ${tree.bytes} bytes, more than ${TREE_BYTES_MAX}`, plan.file),
      ]);
    }
    await writeFile(join(work, ABOUT), JSON.stringify(tree));
    return await publish(work, join(folder, plan.key));
  } finally {
    await rm(work, { recursive: true, force: true });
    await forgetUnused(folder);
  }
}

async function publish(work: string, target: string): Promise<Dependencies> {
  try {
    await rename(work, target);
  } catch (error) {
    // Another process that shares the cache was first; its tree is as good.
    if (!(error instanceof Error && 'code' in error && (error.code === 'ENOTEMPTY' || error.code === 'EEXIST'))) throw error;
  }
  const installed = await findInstalled(target);
  if (installed === undefined) throw new Error(`Cannot find the dependencies that were just installed in ${target}`);
  return installed;
}

async function findInstalled(folder: string): Promise<Dependencies | undefined> {
  try {
    const tree = JSON.parse(await readFile(join(folder, ABOUT), 'utf8')) as InstalledTree;
    const now = new Date();
    await utimes(folder, now, now);
    return { ...tree, folder: await realpath(folder) };
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Trees that no build has used for long, and what a server left that was killed while it installed. */
async function forgetUnused(folder: string): Promise<void> {
  const now = Date.now();
  for (const name of await readdir(folder)) {
    const age = await stat(join(folder, name)).then(
      ({ mtimeMs }) => now - mtimeMs,
      () => 0,
    );
    const limit = name.startsWith('.installing-') ? ABANDONED_MS : UNUSED_MS;
    if (age > limit && (/^[0-9a-f]{64}$/.test(name) || name.startsWith('.installing-')))
      await rm(join(folder, name), { recursive: true, force: true });
  }
}

function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const abort = (): void => reject(signal.reason as Error);
    if (signal.aborted) return abort();
    signal.addEventListener('abort', abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
