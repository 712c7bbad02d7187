/** Runs a classic BPF program as the kernel does for seccomp, so that a filter can be tested for a machine that is not here. */
export interface SystemCall {
  readonly architecture: number;
  readonly number: number;
  /** Low 32 bits of each argument. */
  readonly args?: readonly number[];
}

/** Returns the verdict. Throws where the kernel would refuse to load the program. */
export function runFilter(program: Buffer, call: SystemCall): number {
  if (program.length % 8 !== 0 || program.length / 8 > 4096) throw new Error('not a program that the kernel takes');
  const data = seccompData(call);
  let accumulator = 0;
  for (let at = 0; at < program.length / 8; at += 1) {
    const code = program.readUInt16LE(at * 8);
    const operand = program.readUInt32LE(at * 8 + 4);
    const jump = (condition: boolean): void => void (at += program.readUInt8(at * 8 + (condition ? 2 : 3)));
    if (code === 0x20) accumulator = data.readUInt32LE(operand);
    else if (code === 0x15) jump(accumulator === operand);
    else if (code === 0x25) jump(accumulator > operand);
    else if (code === 0x45) jump((accumulator & operand) !== 0);
    else if (code === 0x06) return operand;
    else throw new Error(`unknown instruction ${code}`);
  }
  throw new Error('the program ran past its end');
}

/** struct seccomp_data: nr, arch, instruction pointer, six arguments of 64 bits. */
function seccompData({ architecture, number, args = [] }: SystemCall): Buffer {
  const data = Buffer.alloc(64);
  data.writeUInt32LE(number >>> 0, 0);
  data.writeUInt32LE(architecture >>> 0, 4);
  args.forEach((value, index) => data.writeUInt32LE(value >>> 0, 16 + index * 8));
  return data;
}
