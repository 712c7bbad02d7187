/** The server's log as JSON lines. */
import { pino } from 'pino';
import type { Log } from '../../ports/system/log.ts';

export interface PinoLogOptions {
  /** Default `info`. */
  readonly level?: string;
  /** Path or file descriptor. Default: stderr, since stdout belongs to the ready line. */
  readonly destination?: number | string;
}

export function createPinoLog(options: PinoLogOptions = {}): Log {
  return pino({ level: options.level ?? 'info', base: null }, pino.destination({ dest: options.destination ?? 2, sync: false }));
}
