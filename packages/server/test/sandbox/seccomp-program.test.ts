import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seccompInstructions, seccompProgram, verdicts } from '../../src/drivers/bubblewrap-sandbox/seccomp/seccomp-program.ts';
import {
  architectures,
  auditArchitectures,
  deniedCalls,
  inspectedCalls,
  NEWEST_KNOWN_CALL,
  type Architecture,
} from '../../src/drivers/bubblewrap-sandbox/seccomp/seccomp-syscalls.ts';
import { runFilter } from './bpf-interpreter.ts';

/** Numbers written down here a second time, from the kernel's tables, so that a slip of the pen in either place shows. */
const mustBeDenied: Record<Architecture, Record<string, number>> = {
  x64: {
    fork: 57,
    ptrace: 101,
    mount: 165,
    unshare: 272,
    setns: 308,
    bpf: 321,
    io_uring_setup: 425,
    init_module: 175,
    keyctl: 250,
    mknod: 133,
    process_vm_writev: 311,
    chroot: 161,
    pivot_root: 155,
    execveat: 322,
    open_by_handle_at: 304,
    userfaultfd: 323,
    kexec_load: 246,
    reboot: 169,
  },
  arm64: {
    ptrace: 117,
    mount: 40,
    unshare: 97,
    setns: 268,
    bpf: 280,
    io_uring_setup: 425,
    init_module: 105,
    keyctl: 219,
    mknodat: 33,
    process_vm_writev: 271,
    chroot: 51,
    pivot_root: 41,
    execveat: 281,
    open_by_handle_at: 265,
    userfaultfd: 282,
    kexec_load: 104,
    reboot: 142,
  },
};
/** What Node cannot live without. */
const mustBeAllowed: Record<Architecture, Record<string, number>> = {
  x64: {
    read: 0,
    write: 1,
    mmap: 9,
    mprotect: 10,
    execve: 59,
    openat: 257,
    futex: 202,
    epoll_pwait: 281,
    connect: 42,
    sendmsg: 46,
    setuid: 105,
    setgroups: 116,
    getrandom: 318,
    statx: 332,
    rseq: 334,
    memfd_create: 319,
    prctl: 157,
  },
  arm64: {
    read: 63,
    write: 64,
    mmap: 222,
    mprotect: 226,
    execve: 221,
    openat: 56,
    futex: 98,
    epoll_pwait: 22,
    connect: 203,
    sendmsg: 211,
    setuid: 146,
    setgroups: 159,
    getrandom: 278,
    statx: 291,
    rseq: 293,
    memfd_create: 279,
    prctl: 167,
  },
};

const CLONE_THREAD = 0x10000;
/** The flags with which glibc starts a thread. */
const THREAD_FLAGS = 0x3d0f00;

describe.each(architectures)('the seccomp filter for %s', (architecture) => {
  const program = seccompProgram(architecture);
  const verdict = (number: number, ...args: number[]): number =>
    runFilter(program, { architecture: auditArchitectures[architecture], number, args });
  const calls = Object.fromEntries(Object.entries(inspectedCalls).map(([name, numbers]) => [name, numbers[architecture]])) as Record<
    keyof typeof inspectedCalls,
    number
  >;
  const denied = Object.values(deniedCalls).flatMap((call) => call[architecture] ?? []);
  const inspected = Object.values(calls);

  it('has jumps that a byte can hold and ends in an answer', () => {
    for (const [, ifTrue, ifFalse] of seccompInstructions(architecture)) expect(Math.max(ifTrue, ifFalse)).toBeLessThan(256);
    expect(seccompInstructions(architecture).at(-1)?.[0]).toBe(0x06);
  });

  it('denies what would break out, and allows what Node needs', () => {
    for (const [name, number] of Object.entries(mustBeDenied[architecture]))
      expect([name, verdict(number)]).toEqual([name, verdicts.denied]);
    for (const [name, number] of Object.entries(mustBeAllowed[architecture]))
      expect([name, verdict(number)]).toEqual([name, verdicts.allow]);
  });

  it('denies each call of the table whatever its arguments are', () => {
    const anyArguments = fc.array(fc.integer({ min: 0, max: 0xffffffff }), { minLength: 6, maxLength: 6 });
    fc.assert(fc.property(fc.constantFrom(...denied), anyArguments, (number, args) => verdict(number, ...args) === verdicts.denied));
  });

  it('allows each known call that the table does not name', () => {
    const others = fc
      .integer({ min: 0, max: NEWEST_KNOWN_CALL })
      .filter((number) => !denied.includes(number) && !inspected.includes(number));
    fc.assert(fc.property(others, (number) => verdict(number) === verdicts.allow));
  });

  it('answers calls that are newer than the table as if the kernel did not have them', () => {
    fc.assert(fc.property(fc.integer({ min: NEWEST_KNOWN_CALL + 1, max: 0x3fffffff }), (number) => verdict(number) === verdicts.missing));
  });

  it('kills a process that calls by another ABI', () => {
    const foreign = fc.integer({ min: 0, max: 0xffffffff }).filter((value) => value !== auditArchitectures[architecture]);
    fc.assert(
      fc.property(
        foreign,
        fc.integer({ min: 0, max: 600 }),
        (other, number) => runFilter(program, { architecture: other, number }) === verdicts.kill,
      ),
    );
  });

  it('lets threads start but no process and no namespace', () => {
    expect(verdict(calls.clone, THREAD_FLAGS)).toBe(verdicts.allow);
    expect(verdict(calls.clone, 17)).toBe(verdicts.denied);
    expect(verdict(calls.clone3)).toBe(verdicts.missing);
    const namespaces = fc.constantFrom(0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000);
    fc.assert(
      fc.property(
        namespaces,
        fc.integer({ min: 0, max: 0xffff }),
        (flag, more) => verdict(calls.clone, CLONE_THREAD | flag | more) === verdicts.denied,
      ),
    );
  });

  it('knows no network but unix sockets', () => {
    for (const name of ['socket', 'socketpair'] as const) {
      expect(verdict(calls[name], 1)).toBe(verdicts.allow);
      fc.assert(
        fc.property(
          fc.integer({ min: 0, max: 0xffffffff }).filter((family) => family !== 1),
          (family) => verdict(calls[name], family) === verdicts.noNetwork,
        ),
      );
    }
  });

  it('denies typing into a terminal, and no other ioctl', () => {
    expect(verdict(calls.ioctl, 0, 0x5412)).toBe(verdicts.denied);
    expect(verdict(calls.ioctl, 0, 0x541c)).toBe(verdicts.denied);
    expect(verdict(calls.ioctl, 0x5412, 0x541b)).toBe(verdicts.allow);
  });
});

describe('the seccomp filter for x64', () => {
  it('kills a process that calls by the x32 ABI, whose numbers differ', () => {
    const program = seccompProgram('x64');
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 600 }),
        (number) => runFilter(program, { architecture: auditArchitectures.x64, number: 0x40000000 | number }) === verdicts.kill,
      ),
    );
  });
});
