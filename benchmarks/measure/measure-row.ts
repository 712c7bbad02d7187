/** One line of the table of results. */

export interface Bound {
  /** Whether more is better. */
  readonly side: 'at least' | 'at most';
  readonly must: number;
  readonly aim: number;
  readonly unit: '×' | 'µs' | 'ms' | 'MB';
}

/** Of a row that is there to be read, and held against nothing. */
export interface Unbound {
  readonly side: 'none';
  readonly unit: Bound['unit'];
}

export interface MeasureRow {
  readonly measure: string;
  /** Absolute figures with their unit, for the reader. */
  readonly ours: string;
  readonly peer: string;
  /** What is held against the bounds: a ratio, or a difference in the unit of the bound. */
  readonly ratio: number;
  readonly unit: Bound['unit'];
  /** Empty for a row without bounds. */
  readonly must: string;
  readonly aim: string;
  readonly ok: boolean;
  /** Whether it reaches the aim as well. */
  readonly aimReached: boolean;
  /** The lowest and the highest value of the rounds, where there were several. */
  readonly spread?: readonly [number, number];
}

export interface Measured {
  readonly measure: string;
  readonly ours: string;
  readonly peer: string;
  /** One value per round; their median counts. */
  readonly values: readonly number[];
  readonly bound: Bound | Unbound;
}

/** A measure by name, and how to take it. */
export interface Measure {
  readonly name: string;
  readonly about: string;
  /** Taken only where its name is given. */
  readonly byName?: true;
  run(settings: Settings): Promise<readonly MeasureRow[]>;
}

export interface Settings {
  /** Fewer and shorter rounds: to see that everything works, not to quote. */
  readonly quick: boolean;
  /** Folder of another checkout of Martlet, for measures that compare two. */
  readonly beside?: string;
  /** Says what is going on, on stderr. */
  readonly note: (text: string) => void;
}
