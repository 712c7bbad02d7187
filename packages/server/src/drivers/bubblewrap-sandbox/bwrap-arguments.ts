/** The command line that builds one sandbox: what is done before bubblewrap starts, what it mounts, what runs inside. */
import { dirname } from 'node:path';
import { EGRESS_SOCKET, type LaunchOptions } from '../../ports/sandbox.ts';

export interface SandboxPlan {
  readonly bwrapPath: string;
  readonly nodePath: string;
  readonly nodeFlags: readonly string[];
  /** File inside the sandbox that Node runs. */
  readonly script: string;
  /** Folder of the host for `/rt`. */
  readonly runtime: string;
  readonly libraryFolders: readonly string[];
  /** Whether the server runs as root; see `identity`. */
  readonly asRoot: boolean;
  readonly joinFiles: readonly string[];
  readonly limits: Pick<LaunchOptions, 'memoryMb' | 'tmpMb' | 'tree' | 'egressSocket'>;
}

/** Number of the descriptor from which bubblewrap reads the seccomp filter. */
export const SECCOMP_DESCRIPTOR = 4;

const OPEN_FILES = 1024;

/**
 * Joins the cgroups, then becomes bubblewrap. It has to be in this order: bubblewrap forks at once, and a process that is
 * moved afterwards leaves its children outside. Every value is a positional parameter, none is part of the program.
 */
const ENTER = [
  'set -eu',
  'ulimit -c 0; ulimit -n "$1"; ulimit -f "$2"',
  'if [ "$3" -gt 0 ]; then ulimit -d "$3"; fi',
  'count=$4; shift 4',
  'while [ "$count" -gt 0 ]; do echo $$ > "$1"; shift; count=$((count - 1)); done',
  // Shells export where they are, which is a path of the host.
  'unset PWD OLDPWD SHLVL',
  'exec "$@"',
].join('\n');

/** Arguments for `/bin/sh`. */
export function sandboxArguments(plan: SandboxPlan): string[] {
  return [
    ['-c', ENTER, 'sh', String(OPEN_FILES), fileSizeBlocks(plan), dataKilobytes(plan)],
    [String(plan.joinFiles.length), ...plan.joinFiles],
    [plan.bwrapPath, ...bwrapArguments(plan), '--'],
    ['/rt/node', ...plan.nodeFlags, '--require', '/rt/enter-sandbox.cjs', plan.script],
  ].flat();
}

/** Twice the size of /tmp, in blocks of 512 bytes: a full /tmp is to answer ENOSPC before SIGXFSZ ends the process. */
const fileSizeBlocks = (plan: SandboxPlan): string => String(plan.limits.tmpMb * 2 * 2048);

/**
 * A coarse net below the watchdog where no cgroup counts memory: a bomb gets at most this far between two looks. Node
 * does not start with less than 600 MB of it, and it cannot be changed later, hence 4 GB at least. 0 is no limit.
 */
const dataKilobytes = (plan: SandboxPlan): string =>
  plan.joinFiles.length > 0 ? '0' : String(Math.max(4096, plan.limits.memoryMb + 1024) * 1024);

function bwrapArguments(plan: SandboxPlan): string[] {
  return [
    ['--seccomp', String(SECCOMP_DESCRIPTOR), '--die-with-parent', '--new-session', '--clearenv'],
    ['--unshare-pid', '--unshare-net', '--unshare-ipc', '--unshare-uts', '--unshare-cgroup', '--hostname', 'martlet'],
    identity(plan.asRoot),
    mounts(plan),
    ['--chdir', '/tmp'],
  ].flat();
}

/**
 * Nobody inside may be root outside. In a user namespace made by root, every uid maps to root of the host, who may write
 * files of /proc that are protected by their mode alone; so a server that is root does without one, keeps just the right to
 * change the uid, and `enter-sandbox.cjs` gives that up too. Any other server's own uid is hidden behind a user namespace.
 */
function identity(asRoot: boolean): string[] {
  if (asRoot) return ['--cap-drop', 'ALL', '--cap-add', 'CAP_SETUID', '--cap-add', 'CAP_SETGID'];
  return ['--unshare-user', '--disable-userns', '--uid', '65534', '--gid', '65534'];
}

function mounts(plan: SandboxPlan): string[] {
  const { tree, egressSocket, tmpMb } = plan.limits;
  return [
    // Before the binds: one whose target lay under /tmp would be hidden by it.
    ['--perms', '1777', '--size', String(tmpMb * 1024 * 1024), '--tmpfs', '/tmp'],
    ['--ro-bind', plan.runtime, '/rt', '--ro-bind', plan.nodePath, '/rt/node'],
    plan.libraryFolders.flatMap((folder) => ['--symlink', '/rt/lib', folder]),
    tree === undefined ? [] : ['--ro-bind', tree, '/function'],
    // A folder that bubblewrap makes on its own way is closed to other users, and the worker may be another.
    egressSocket === undefined ? [] : ['--perms', '0755', '--dir', dirname(EGRESS_SOCKET), '--ro-bind', egressSocket, EGRESS_SOCKET],
    ['--proc', '/proc', '--dev', '/dev'],
    // Both are memory file systems without a size: only /tmp may be written to.
    ['--remount-ro', '/dev', '--remount-ro', '/'],
  ].flat();
}
