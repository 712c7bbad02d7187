/**
 * Finds out how strong a wall this host allows, by building one with a worker inside that tries what must be impossible.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { SandboxCheck, SandboxProbe, Tier } from '../../ports/sandbox.ts';
import type { CgroupDetection } from './cgroup/detect-cgroups.ts';
import { launchSandbox, type LaunchGround } from './sandbox-launch.ts';

const WELL_KNOWN = ['/usr/bin/bwrap', '/usr/local/bin/bwrap', '/bin/bwrap'];
const PROBE_LIMITS = { memoryMb: 256, tmpMb: 8, processes: 64 };
const PROBE_TIMEOUT_MS = 10_000;

const run = promisify(execFile);

/** The path of bubblewrap and what was found; `path` is undefined where it does not run. */
export async function findBubblewrap(configured: string | undefined): Promise<{ path: string | undefined; check: SandboxCheck }> {
  const path = configured ?? WELL_KNOWN.find((candidate) => existsSync(candidate));
  const missing = (detail: string) => ({
    path: undefined,
    check: { feature: 'bubblewrap', ok: false, detail: `${detail}; install the package \`bubblewrap\` (0.8 or newer)` },
  });
  if (path === undefined) return missing(`not found (looked for ${WELL_KNOWN.join(', ')})`);
  try {
    const { stdout } = await run(path, ['--version'], { env: {} });
    return { path, check: { feature: 'bubblewrap', ok: true, detail: `${stdout.trim()} at ${path}` } };
  } catch (error) {
    return missing(`${path} does not run: ${reasonOf(error)}`);
  }
}

export function cgroupCheck(detection: CgroupDetection): SandboxCheck {
  return { feature: 'cgroup', ok: detection.ok, detail: detection.detail };
}

/** What the worker of the probe reports from inside. */
interface InsideFacts {
  readonly uid: number;
  readonly capabilities: string;
  readonly noNewPrivileges: string;
  readonly seccomp: string;
  readonly spawn: string;
  readonly network: string;
  readonly processes: number;
  readonly root: readonly string[];
}

/** Builds a sandbox and judges it from inside. One check for each property; all have to be ok for tier A or A-. */
export async function checkInside(ground: LaunchGround): Promise<SandboxCheck[]> {
  let facts: InsideFacts;
  try {
    facts = await lookInside(ground);
  } catch (error) {
    return [{ feature: 'namespaces', ok: false, detail: `no sandbox could be built: ${reasonOf(error)}. ${namespaceRemedy(ground)}` }];
  }
  const visible = facts.root.toSorted().join(' ');
  return [
    check(
      'namespaces',
      facts.processes <= 3 && !facts.root.includes('etc'),
      `${facts.processes} processes and only ${visible} visible inside`,
    ),
    check(
      'privileges',
      facts.uid !== 0 && /^0+$/.test(facts.capabilities) && facts.noNewPrivileges === '1',
      `uid ${facts.uid}, capabilities ${facts.capabilities}, no_new_privs ${facts.noNewPrivileges}`,
    ),
    check(
      'seccomp',
      facts.seccomp === '2' && facts.spawn === 'EPERM' && facts.network === 'EAFNOSUPPORT',
      `filter mode ${facts.seccomp}; starting a process: ${facts.spawn}, opening a network socket: ${facts.network}`,
    ),
  ];
}

export function summarize(checks: readonly SandboxCheck[]): SandboxProbe {
  const wall = checks.filter((one) => one.feature !== 'cgroup').every((one) => one.ok);
  const accounts = checks.some((one) => one.feature === 'cgroup' && one.ok);
  const tier: Tier = !wall ? 'C' : accounts ? 'A' : 'A-';
  return { tier, checks };
}

const check = (feature: string, ok: boolean, detail: string): SandboxCheck => ({ feature, ok, detail });

async function lookInside(ground: LaunchGround): Promise<InsideFacts> {
  const { process: sandbox, removed } = await launchSandbox(ground, PROBE_LIMITS, '/rt/probe-worker.cjs');
  const expired = AbortSignal.timeout(PROBE_TIMEOUT_MS);
  expired.addEventListener('abort', () => sandbox.kill());
  let text = '';
  sandbox.channel.setEncoding('utf8').on('data', (part: string) => (text += part));
  const exit = await sandbox.exited;
  await removed;
  // The end of the process and the last bytes of the channel arrive in any order.
  for (let wait = 0; wait < 50 && !text.endsWith('\n') && !sandbox.channel.readableEnded; wait += 1) await sleep(5);
  if (!text.endsWith('\n')) {
    const ending = exit.signal ?? `exit code ${exit.exitCode}`;
    throw new Error(`it ended with ${ending} and said: ${sandbox.stderr().trim() || 'nothing'}`);
  }
  return JSON.parse(text) as InsideFacts;
}

function namespaceRemedy(ground: LaunchGround): string {
  return ground.plan.asRoot
    ? 'Run the server where root has CAP_SYS_ADMIN, or as another user on a host that allows user namespaces'
    : 'Allow user namespaces (kernel.unprivileged_userns_clone=1, user.max_user_namespaces above 0; on Ubuntu 24.04 an AppArmor profile for bwrap)';
}

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
