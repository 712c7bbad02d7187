/** Facts about the machine, without which no figure means anything. */
import { cpus, release, totalmem } from 'node:os';
import { hasWrk } from '../load/closed-loop.ts';

export interface MachineFacts {
  readonly date: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGb: number;
  readonly kernel: string;
  readonly node: string;
  readonly load: string;
  readonly quick: boolean;
}

export function readMachine(quick: boolean): MachineFacts {
  const processors = cpus();
  return {
    date: new Date().toISOString().slice(0, 10),
    cpu: processors[0]?.model.trim() ?? 'an unknown processor',
    cores: processors.length,
    memoryGb: Math.round(totalmem() / 1024 ** 3),
    kernel: release(),
    node: process.versions.node,
    load: hasWrk ? 'wrk -t1 -c32' : 'the own generator (wrk is not installed)',
    quick,
  };
}
