/** The record of one attempt while it runs: the queue writes it, with the fence, when the attempt has ended. */
import type { LogLine } from '@martlet/protocol';
import type { ExecutionRow } from '../../ports/store.ts';
import type { Recordable, Recording } from '../invoke/recorder.ts';

export class JobRecording implements Recording {
  readonly #execution: Recordable;
  readonly #ended = Promise.withResolvers<void>();
  readonly #recorded = Promise.withResolvers<void>();
  #written = 0;
  #saving: Promise<void> | undefined;
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

  /** Lines that `takeLines` gave out are on their way; when they cannot be stored they belong to those that are left. */
  saving(count: number, stored: Promise<unknown>): void {
    this.#saving = stored.then(
      () => undefined,
      () => {
        this.#written -= count;
      },
    );
  }

  /** Resolves when it is known what became of lines that are on their way: before that nobody can say what is left. */
  async whenSaved(): Promise<void> {
    await this.#saving;
  }

  /** The lines that are to be written now; they are not asked for again. */
  takeLines(): readonly LogLine[] {
    const lines = this.unwritten();
    this.#written += lines.length;
    return lines;
  }
}
