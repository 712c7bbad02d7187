/** What a build is asked for, what it needs, and how it ends. */
import type { Limits } from '@martlet/protocol';
import type { Artifacts } from '../../ports/artifacts.ts';
import type { BuildInput, BuildProblem, Builder } from '../../ports/builder.ts';
import type { Clock } from '../../ports/system/clock.ts';
import type { Log } from '../../ports/system/log.ts';
import type { DeploymentRow, Store } from '../../ports/store.ts';
import type { Changes } from '../changes.ts';
import type { PlatformNews } from '../events/platform-news.ts';
import type { SharedArtifacts } from './shared-artifacts.ts';

export interface BuildOrder {
  readonly row: DeploymentRow;
  /** Default: the stored source of the row. */
  readonly source?: BuildInput['source'];
  /** A ready deployment whose artifact is good for this one too. */
  readonly same?: DeploymentRow;
}

/** How a build came to its end. */
export interface BuildEnd {
  readonly deployment: DeploymentRow;
  readonly problems: readonly BuildProblem[];
  /** Files of the source that went in, relative to its root. */
  readonly inputs: readonly string[];
}

export interface BuildsOptions {
  readonly store: Store;
  readonly artifacts: Artifacts;
  readonly shared: SharedArtifacts;
  readonly builder: Builder;
  readonly clock: Clock;
  readonly changes: Changes;
  readonly news: PlatformNews;
  readonly limits: Pick<Limits, 'buildSeconds'>;
  readonly log: Log;
  /** Told of each build that has ended, for metrics. */
  readonly onEnded?: (deployment: DeploymentRow) => void;
  /** Builds at the same time. Default 2. */
  readonly width?: number;
}
