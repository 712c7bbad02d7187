/** The record of one attempt while it runs: the queue writes it, with the fence, when the attempt has ended. */
import type { LogLine } from '@martlet/protocol';
import type { ExecutionRow } from '../../ports/store.ts';
import type { Recordable, Recording } from '../invoke/recorder.ts';

export class JobRecording implements Recording {
  readonly #execution: Recordable;
  readonly #ended = Promise.withResolvers<void>();
  readonly #recorded = Promise.withResolvers<void>();
  #written = 0;
  #row: ExecutionRow | undefined;

  constructor(execution: Recordable) {
    this.#execution = execution;
  }

  ended(): void {
    this.#row = this.#execution.row();
    this.#ended.resolve();
  }

  get hasEnded(): boolean {
    return this.#row !== undefined;
  }

  /** Resolves when nothing of the attempt runs any longer. */
  whenEnded(): Promise<void> {
    return this.#ended.promise;
  }

  whenRecorded(): Promise<void> {
    return this.#recorded.promise;
  }

  /** Its end is on record, or was refused. */
  settle(): void {
    this.#recorded.resolve();
  }

  row(): ExecutionRow {
    return this.#row ?? this.#execution.row();
  }

  unwritten(): readonly LogLine[] {
    return this.#execution.lines().slice(this.#written);
  }

  /** Lines that were taken could not be written. */
  putBack(count: number): void {
    this.#written -= count;
  }

  /** The lines that are to be written now; they are not asked for again. */
  takeLines(): readonly LogLine[] {
    const lines = this.unwritten();
    this.#written += lines.length;
    return lines;
  }
}
