/**
 * System calls that a sandboxed worker may not use, with their numbers on the two architectures that Martlet knows.
 * `undefined` means that the architecture does not have the call. The numbers are kernel ABI and never change.
 */

export const architectures = ['x64', 'arm64'] as const;
export type Architecture = (typeof architectures)[number];

/** `AUDIT_ARCH_*` of linux/audit.h: what the kernel tells a filter about the ABI of the call. */
export const auditArchitectures: Record<Architecture, number> = { x64: 0xc000003e, arm64: 0xc00000b7 };

export interface DeniedCall {
  readonly x64: number | undefined;
  readonly arm64: number | undefined;
  readonly why: string;
}

const denied = (why: string, x64: number | undefined, arm64: number | undefined): DeniedCall => ({ why, x64, arm64 });

const NEW_PROCESS = 'a worker has threads but never a second process';
const OTHERS = 'reaches into another process';
const MOUNTS = 'changes what is mounted';
const NAMESPACES = 'makes or enters a namespace';
const CODE = 'loads code into the kernel, or replaces it';
const KEYS = 'the keyring is not namespaced';
const RING = 'does the work of calls that are denied here without making them';
const HANDLES = 'opens files by number, past the mounts';
const DEVICES = 'makes device nodes or speaks to hardware';
const CLOCK = 'sets the clock of the host';
const HOST = 'administers the host';
const ATTACK = 'a frequent way into the kernel that no function needs';

/** Denied with EPERM whatever the arguments are. Calls that depend on arguments are in `seccomp-program.ts`. */
export const deniedCalls = {
  fork: denied(NEW_PROCESS, 57, undefined),
  vfork: denied(NEW_PROCESS, 58, undefined),
  // `execve` itself has to stay: it starts Node after the filter is on. Without fork it can only replace the worker.
  execveat: denied(NEW_PROCESS, 322, 281),
  ptrace: denied(OTHERS, 101, 117),
  process_vm_readv: denied(OTHERS, 310, 270),
  process_vm_writev: denied(OTHERS, 311, 271),
  process_madvise: denied(OTHERS, 440, 440),
  pidfd_getfd: denied(OTHERS, 438, 438),
  kcmp: denied(OTHERS, 312, 272),
  mount: denied(MOUNTS, 165, 40),
  umount2: denied(MOUNTS, 166, 39),
  pivot_root: denied(MOUNTS, 155, 41),
  chroot: denied(MOUNTS, 161, 51),
  open_tree: denied(MOUNTS, 428, 428),
  move_mount: denied(MOUNTS, 429, 429),
  fsopen: denied(MOUNTS, 430, 430),
  fsconfig: denied(MOUNTS, 431, 431),
  fsmount: denied(MOUNTS, 432, 432),
  fspick: denied(MOUNTS, 433, 433),
  mount_setattr: denied(MOUNTS, 442, 442),
  unshare: denied(NAMESPACES, 272, 97),
  setns: denied(NAMESPACES, 308, 268),
  bpf: denied(CODE, 321, 280),
  init_module: denied(CODE, 175, 105),
  finit_module: denied(CODE, 313, 273),
  delete_module: denied(CODE, 176, 106),
  kexec_load: denied(CODE, 246, 104),
  kexec_file_load: denied(CODE, 320, 294),
  add_key: denied(KEYS, 248, 217),
  request_key: denied(KEYS, 249, 218),
  keyctl: denied(KEYS, 250, 219),
  io_uring_setup: denied(RING, 425, 425),
  io_uring_enter: denied(RING, 426, 426),
  io_uring_register: denied(RING, 427, 427),
  name_to_handle_at: denied(HANDLES, 303, 264),
  open_by_handle_at: denied(HANDLES, 304, 265),
  mknod: denied(DEVICES, 133, undefined),
  mknodat: denied(DEVICES, 259, 33),
  iopl: denied(DEVICES, 172, undefined),
  ioperm: denied(DEVICES, 173, undefined),
  settimeofday: denied(CLOCK, 164, 170),
  clock_settime: denied(CLOCK, 227, 112),
  adjtimex: denied(CLOCK, 159, 171),
  clock_adjtime: denied(CLOCK, 305, 266),
  acct: denied(HOST, 163, 89),
  swapon: denied(HOST, 167, 224),
  swapoff: denied(HOST, 168, 225),
  reboot: denied(HOST, 169, 142),
  sethostname: denied(HOST, 170, 161),
  setdomainname: denied(HOST, 171, 162),
  quotactl: denied(HOST, 179, 60),
  quotactl_fd: denied(HOST, 443, 443),
  syslog: denied(HOST, 103, 116),
  vhangup: denied(HOST, 153, 58),
  nfsservctl: denied(HOST, 180, 42),
  lookup_dcookie: denied(HOST, 212, 18),
  fanotify_init: denied(HOST, 300, 262),
  uselib: denied(ATTACK, 134, undefined),
  ustat: denied(ATTACK, 136, undefined),
  sysfs: denied(ATTACK, 139, undefined),
  _sysctl: denied(ATTACK, 156, undefined),
  modify_ldt: denied(ATTACK, 154, undefined),
  personality: denied(ATTACK, 135, 92),
  perf_event_open: denied(ATTACK, 298, 241),
  userfaultfd: denied(ATTACK, 323, 282),
  memfd_secret: denied(ATTACK, 447, 447),
} as const satisfies Record<string, DeniedCall>;

/** Calls whose arguments decide. */
export const inspectedCalls: Record<'clone' | 'clone3' | 'socket' | 'socketpair' | 'ioctl', Record<Architecture, number>> = {
  clone: { x64: 56, arm64: 220 },
  clone3: { x64: 435, arm64: 435 },
  socket: { x64: 41, arm64: 198 },
  socketpair: { x64: 53, arm64: 199 },
  ioctl: { x64: 16, arm64: 29 },
};

/** `mseal`, the newest call that this table was checked against; later ones are answered as if the kernel were older. */
export const NEWEST_KNOWN_CALL = 462;
