/**
 * Moving everything that a platform keeps from one place to another: rows as they lie in tables, and artifacts. What is
 * sent is as of one moment, also while servers write.
 */

export type CopyCell = string | number | null | Uint8Array;

export interface RowsPiece {
  readonly kind: 'rows';
  readonly table: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly CopyCell[])[];
  /** Names the last row of the piece. Two pieces of one source that end alike are the same piece. */
  readonly last: string;
}

export interface ArtifactPiece {
  readonly kind: 'artifact';
  readonly key: string;
  readonly bytes: Uint8Array;
}

export type CopyPiece = RowsPiece | ArtifactPiece;

/** Where a copy was cut off: of each table that was begun the end of its last piece. */
export type CopyProgress = ReadonlyMap<string, string>;
/** Rows by table. */
export type CopyCounts = ReadonlyMap<string, number>;

export interface CopyFacts {
  /** The same for every copy from one source as it is, so that a copy can be resumed. */
  readonly origin: string;
  /** Number of the last migration that its tables have. */
  readonly migration: number;
  /** Name of the key that seals its secrets; null where none is known. */
  readonly vaultKey: string | null;
}

export interface CopySource {
  readonly facts: CopyFacts;
  /**
   * Sends every table, referenced ones first, and then the artifacts; what `progress` names is left out.
   * @returns the rows that each table has
   * @throws {PlatformError} `store_unavailable`, `config_invalid` for a source that is damaged or not of Martlet
   */
  send(progress: CopyProgress, receive: (piece: CopyPiece) => Promise<void>): Promise<CopyCounts>;
  close(): Promise<void>;
}

export interface CopyTarget {
  /**
   * Makes the tables. @returns where the copy goes on, or `complete` when it was ended before
   * @throws {PlatformError} `config_invalid` for a target that holds anything else, `store_unavailable`
   */
  begin(facts: CopyFacts): Promise<CopyProgress | 'complete'>;
  /** Stores a piece whole or not at all. */
  write(piece: CopyPiece): Promise<void>;
  counts(): Promise<CopyCounts>;
  /** From here on the target is used as if it had never been anything else. */
  finish(counts: CopyCounts): Promise<void>;
  close(): Promise<void>;
}
