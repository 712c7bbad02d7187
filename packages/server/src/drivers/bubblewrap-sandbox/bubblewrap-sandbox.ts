/**
 * The wall of a Linux host: each worker is born inside namespaces of its own with a seccomp filter, and where the host
 * allows it a cgroup. Nothing of the host is visible in it but Node, its libraries and the worker.
 */
import { rmSync } from 'node:fs';
import { chmod, realpath, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { PlatformError } from '@martlet/protocol';
import type { Log } from '../../ports/system/log.ts';
import type { LaunchOptions, Sandbox, SandboxCheck, SandboxProbe } from '../../ports/sandbox.ts';
import { nodeFlags } from '../worker-process/node-flags.ts';
import { createMemoryWatchdog, type MemoryWatchdog } from '../worker-process/process-memory.ts';
import { closeCgroups, detectCgroups, sweepCgroups } from './cgroup/detect-cgroups.ts';
import { ownInstance } from './instance.ts';
import { createRuntimeFolder, deadCgroupParents, recordCgroupParents, sweepRuntimeFolders, type RuntimeFolder } from './runtime-folder.ts';
import { launchSandbox, type LaunchedSandbox, type LaunchGround } from './sandbox-launch.ts';
import { cgroupCheck, checkInside, findBubblewrap, summarize } from './tier-probe.ts';

export interface BubblewrapSandboxOptions {
  /** A Node of version 24 or newer for the workers; a file of this host. */
  readonly nodePath: string;
  /** The worker: one CommonJS file of this host. It is copied at start. */
  readonly workerBundlePath: string;
  /** A folder for files of this driver; made where it does not exist. */
  readonly stateDir: string;
  /** Default: `bwrap` in the usual folders for programs. */
  readonly bwrapPath?: string;
  /** More flags for the Node of the workers. */
  readonly nodeFlags?: readonly string[];
  /** Default true. False keeps to tier A- on a host that could do more. */
  readonly useCgroups?: boolean;
  readonly log: Log;
}

interface Prepared {
  readonly probe: SandboxProbe;
  /** Undefined when no sandbox can be built here. */
  readonly ground: LaunchGround | undefined;
}

export function createBubblewrapSandbox(options: BubblewrapSandboxOptions): Sandbox {
  const instance = process.platform === 'linux' ? ownInstance() : '';
  const watchdog = createMemoryWatchdog();
  const running = new Set<LaunchedSandbox>();
  let closed = false;
  let preparing: Promise<Prepared> | undefined;
  const prepared = (): Promise<Prepared> => (preparing ??= prepare(options, instance, watchdog));
  // A server that ends without `close` leaves no files behind; what a killed one leaves is for `sweep`.
  const folder = join(options.stateDir, 'sandboxes', instance);
  const removeFolder = (): void => rmSync(folder, { recursive: true, force: true });
  process.once('exit', removeFolder);

  return {
    name: 'bubblewrap',
    probe: async () => (await prepared()).probe,
    async launch(limits) {
      const { ground, probe } = await prepared();
      if (ground === undefined) throw new PlatformError('worker_start_failed', cannotLaunch(probe));
      if (ground.plan.asRoot) await openToNobody(limits);
      const launched = await launchSandbox(ground, limits);
      running.add(launched);
      if (closed) launched.process.kill();
      void launched.removed.then(() => running.delete(launched));
      return launched.process;
    },
    async sweep() {
      const { ground } = await prepared();
      await sweepCgroups(new Set([...(ground?.cgroups?.parents ?? []), ...(await deadCgroupParents(options.stateDir))]));
      await sweepRuntimeFolders(options.stateDir);
    },
    async close() {
      closed = true;
      const ground = preparing === undefined ? undefined : (await preparing).ground;
      for (const launched of running) launched.process.kill();
      // A launch that was under way may add itself while the others end.
      while (running.size > 0) await Promise.all([...running].map((launched) => launched.removed));
      watchdog.close();
      if (ground?.cgroups !== undefined) await closeCgroups(ground.cgroups, instance);
      await rm(folder, { recursive: true, force: true });
      process.off('exit', removeFolder);
    },
  };
}

async function prepare(options: BubblewrapSandboxOptions, instance: string, watchdog: MemoryWatchdog): Promise<Prepared> {
  if (process.platform !== 'linux') {
    const detail = `bubblewrap needs Linux; this is ${process.platform}. Run the server on Linux, or in a Linux virtual machine`;
    return { probe: { tier: 'C', checks: [{ feature: 'linux', ok: false, detail }] }, ground: undefined };
  }
  const { path: bwrapPath, check } = await findBubblewrap(options.bwrapPath);
  const checks: SandboxCheck[] = [check];
  if (bwrapPath === undefined) return { probe: summarize(checks), ground: undefined };

  const files = await gatherFiles(options, instance);
  if (files instanceof Error) {
    checks.push({ feature: 'files', ok: false, detail: files.message });
    return { probe: summarize(checks), ground: undefined };
  }
  const cgroups = await detectWanted(options, instance);
  checks.push(cgroupCheck(cgroups));
  if (cgroups.ok) await recordCgroupParents(files.folder, cgroups.cgroups.parents);
  const ground: LaunchGround = {
    plan: {
      bwrapPath,
      nodePath: files.nodePath,
      nodeFlags: [...nodeFlags, ...(options.nodeFlags ?? [])],
      runtime: files.runtime,
      libraryFolders: files.libraryFolders,
      asRoot: process.getuid?.() === 0,
    },
    seccompFile: files.seccompFile,
    cgroups: cgroups.ok ? cgroups.cgroups : undefined,
    watchdog,
    log: options.log,
  };
  checks.push(...(await checkInside(ground)));
  const probe = summarize(checks);
  return { probe, ground: probe.tier === 'C' ? undefined : ground };
}

/** A file that is not there is a finding of the probe: the caller may go on with a weaker driver. */
async function gatherFiles(options: BubblewrapSandboxOptions, instance: string): Promise<(RuntimeFolder & { nodePath: string }) | Error> {
  try {
    const nodePath = await realpath(options.nodePath);
    return { nodePath, ...(await createRuntimeFolder({ ...options, instance, nodePath })) };
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

const detectWanted = (options: BubblewrapSandboxOptions, instance: string): ReturnType<typeof detectCgroups> =>
  options.useCgroups === false
    ? Promise.resolve({ ok: false, detail: 'switched off by configuration. Memory is held by a watchdog instead' })
    : detectCgroups(instance);

function cannotLaunch(probe: SandboxProbe): string {
  const reasons = probe.checks.filter((check) => !check.ok).map((check) => `${check.feature}: ${check.detail}`);
  return `Cannot start a worker: this host cannot build a sandbox (${reasons.join('; ')})`;
}

/** Workers of a server that is root run as nobody, who has to be able to read the tree and to connect to the proxy. */
async function openToNobody({ tree, egressSocket }: LaunchOptions): Promise<void> {
  const wanted = [
    ...(tree === undefined ? [] : [{ path: tree, bits: 0o555 }]),
    ...(egressSocket === undefined ? [] : [{ path: egressSocket, bits: 0o666 }]),
  ];
  for (const { path, bits } of wanted) {
    const { mode } = await stat(path);
    if ((mode & bits) !== bits) await chmod(path, (mode & 0o7777) | bits);
  }
}
