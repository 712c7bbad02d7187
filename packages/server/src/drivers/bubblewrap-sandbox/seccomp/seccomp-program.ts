/**
 * Generates the seccomp filter of a worker: a classic BPF program that the kernel runs at each system call. Written by
 * hand instead of taken from a library because it is small, and because a reader should be able to check all of it.
 */
import { auditArchitectures, deniedCalls, inspectedCalls, NEWEST_KNOWN_CALL, type Architecture } from './seccomp-syscalls.ts';

/** Answers of a filter (linux/seccomp.h): the high half says what, the low half of ERRNO is the error. */
export const verdicts = {
  allow: 0x7fff0000,
  kill: 0x80000000,
  /** EPERM */
  denied: 0x00050001,
  /** ENOSYS: what callers that have a fallback look for, e.g. glibc for `clone3`. */
  missing: 0x00050026,
  /** EAFNOSUPPORT: reads as "this machine has no such network", which is the truth inside a sandbox. */
  noNetwork: 0x00050061,
} as const;

/** One instruction: code, jump if true, jump if false, operand (struct sock_filter). */
export type Instruction = readonly [code: number, ifTrue: number, ifFalse: number, operand: number];

const load = (offset: number): Instruction => [0x20, 0, 0, offset];
const ifEqual = (value: number, ifTrue: number, ifFalse: number): Instruction => [0x15, ifTrue, ifFalse, value];
const ifGreater = (value: number, ifTrue: number, ifFalse: number): Instruction => [0x25, ifTrue, ifFalse, value];
const ifAnyBit = (mask: number, ifTrue: number, ifFalse: number): Instruction => [0x45, ifTrue, ifFalse, mask];
const answer = (verdict: number): Instruction => [0x06, 0, 0, verdict];

/** Offsets in struct seccomp_data. Both architectures are little endian: the low half of an argument comes first. */
const CALL = 0;
const ARCHITECTURE = 4;
const argument = (index: number): number => 16 + index * 8;

/** x32 calls carry this bit under the x86-64 architecture, and would slip past every number below. */
const X32_BIT = 0x40000000;
const CLONE_THREAD = 0x00010000;
/** CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET. */
const CLONE_NAMESPACES = 0x7e020000;
const AF_UNIX = 1;
/** Put characters into the terminal of whoever started the server. */
const TIOCSTI = 0x5412;
const TIOCLINUX = 0x541c;

/** The filter in the form that `bwrap --seccomp` reads. */
export function seccompProgram(architecture: Architecture): Buffer {
  const instructions = seccompInstructions(architecture);
  const program = Buffer.alloc(instructions.length * 8);
  instructions.forEach(([code, ifTrue, ifFalse, operand], index) => {
    program.writeUInt16LE(code, index * 8);
    program.writeUInt8(ifTrue, index * 8 + 2);
    program.writeUInt8(ifFalse, index * 8 + 3);
    program.writeUInt32LE(operand, index * 8 + 4);
  });
  return program;
}

export function seccompInstructions(architecture: Architecture): Instruction[] {
  return [
    load(ARCHITECTURE),
    ifEqual(auditArchitectures[architecture], 1, 0),
    answer(verdicts.kill),
    load(CALL),
    ...(architecture === 'x64' ? [ifAnyBit(X32_BIT, 0, 1), answer(verdicts.kill)] : []),
    ifGreater(NEWEST_KNOWN_CALL, 0, 1),
    answer(verdicts.missing),
    ...alwaysDenied(architecture),
    ...decidedByArguments(architecture),
    answer(verdicts.allow),
  ];
}

function alwaysDenied(architecture: Architecture): Instruction[] {
  return Object.values(deniedCalls).flatMap((call) => {
    const number = call[architecture];
    return number === undefined ? [] : [ifEqual(number, 0, 1), answer(verdicts.denied)];
  });
}

function decidedByArguments(architecture: Architecture): Instruction[] {
  const call = (name: keyof typeof inspectedCalls, body: readonly Instruction[]): Instruction[] => [
    ifEqual(inspectedCalls[name][architecture], 0, body.length),
    ...body,
  ];
  const unixOnly = [load(argument(0)), ifEqual(AF_UNIX, 1, 0), answer(verdicts.noNetwork), answer(verdicts.allow)];
  return [
    // The flags of clone3 are behind a pointer, which a filter cannot follow. glibc falls back to clone on ENOSYS.
    ...call('clone3', [answer(verdicts.missing)]),
    ...call('clone', [
      load(argument(0)),
      ifAnyBit(CLONE_NAMESPACES, 1, 0),
      ifAnyBit(CLONE_THREAD, 1, 0),
      answer(verdicts.denied),
      answer(verdicts.allow),
    ]),
    ...call('socket', unixOnly),
    ...call('socketpair', unixOnly),
    ...call('ioctl', [
      load(argument(1)),
      ifEqual(TIOCSTI, 1, 0),
      ifEqual(TIOCLINUX, 0, 1),
      answer(verdicts.denied),
      answer(verdicts.allow),
    ]),
  ];
}
