/** All that is known from outside when the faults are over; what `check.ts` judges. */
import type { Asked } from './journal.ts';
import type { Run } from './effects-server.ts';

export interface RecordSeen {
  readonly id: string;
  readonly functionId: string;
  readonly trigger: string;
  readonly status: string;
  readonly errorCode: string;
  /** From the path of its request. */
  readonly token: string;
  readonly attempt: number;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly logs: string;
}

export interface EventSeen {
  readonly id: string;
  readonly dispatched: boolean;
  readonly started: number;
}

export interface ScheduleSeen {
  readonly createdAt: number;
  readonly pausedAt: number;
  readonly lastTick: number;
  readonly counters: { readonly ran: number; readonly missed: number; readonly skipped: number };
}

export interface Observations {
  readonly asked: readonly Asked[];
  readonly runs: readonly Run[];
  readonly records: readonly RecordSeen[];
  /** The same ones, read again after whatever was late had its chance. */
  readonly recordsLater: readonly RecordSeen[];
  readonly events: readonly EventSeen[];
  readonly schedule: ScheduleSeen;
  /** Ids of functions by name. */
  readonly functions: Readonly<Record<string, string>>;
  /** When faults ended, and until when everything had to have ended. */
  readonly quietAt: number;
  readonly patientUntil: number;
  /** Whether no fault was injected at all: then no attempt may be wasted. */
  readonly calm: boolean;
  /** While a node was frozen its runs could go on unseen: overlaps with those are judged by the fence alone. */
  readonly frozen: readonly { readonly from: number; readonly until: number }[];
  /** While the clock of the servers went wrong: from and until when by ours, and by how much. */
  readonly clock: readonly { readonly from: number; readonly until: number; readonly aheadMs: number }[];
}
