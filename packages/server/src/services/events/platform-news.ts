/** What the platform tells of its own resources, in the commit of the change that it tells of. */
import type { Clock } from '../../ports/system/clock.ts';
import type { Ids } from '../../ports/system/ids.ts';
import type { DeploymentChange, DeploymentRow, Store, StoreNouns } from '../../ports/store.ts';
import type { SessionRow, UserRow } from '../../ports/store/user-store.ts';
import { platformEvent, type PlatformChange } from './platform-event.ts';
import type { NewsViews } from './news-views.ts';

type Action = 'create' | 'update' | 'delete';

export interface PlatformNews {
  /** Makes a change through the given nouns, with what is told of it in the same commit. A change of nothing tells nothing. */
  tell<Result>(changes: readonly PlatformChange[], change: (nouns: StoreNouns) => Promise<Result>): Promise<Result>;
  /** As `DeploymentStore.update`, told as an update of the deployment. */
  changeDeployment(row: DeploymentRow, from: readonly DeploymentRow['status'][], change: DeploymentChange): Promise<DeploymentRow | null>;
  user(row: UserRow, action: Action, attribute?: string): PlatformChange;
  session(row: SessionRow, action: 'create' | 'delete'): PlatformChange;
  team(team: Parameters<NewsViews['team']>[0], action: Action): PlatformChange;
  membership(facts: Parameters<NewsViews['membership']>[0], action: Action): PlatformChange;
  function(details: Parameters<NewsViews['function']>[0], action: Action): PlatformChange;
  deployment(row: DeploymentRow, action: Action, activeId?: string | null): PlatformChange;
}

export interface PlatformNewsOptions {
  readonly store: Pick<Store, 'announcing'>;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly views: NewsViews;
  /** Called when events were stored. */
  readonly onStored: () => void;
}

export function createPlatformNews({ store, clock, ids, views, onStored }: PlatformNewsOptions): PlatformNews {
  const news: PlatformNews = {
    async tell(changes, change) {
      const told = changes.map((each) => platformEvent({ clock, ids }, each));
      const result = await change(store.announcing(told));
      if (told.length > 0) onStored();
      return result;
    },
    changeDeployment: (row, from, change) =>
      news.tell([news.deployment({ ...row, ...change }, 'update')], ({ deployments }) => deployments.update(row.id, from, change)),
    user: (row, action, attribute) => ({
      projectId: row.projectId,
      resources: [{ type: 'users', id: row.id }],
      action,
      ...(attribute !== undefined && { attribute }),
      resource: views.user(row),
    }),
    session: (row, action) => ({
      projectId: row.projectId,
      resources: [
        { type: 'users', id: row.userId },
        { type: 'sessions', id: row.id },
      ],
      action,
      resource: views.session(row),
    }),
    team: (team, action) => ({
      projectId: team.row.projectId,
      resources: [{ type: 'teams', id: team.row.id }],
      action,
      resource: views.team(team),
    }),
    membership: (facts, action) => ({
      projectId: facts.row.projectId,
      resources: [
        { type: 'teams', id: facts.row.teamId },
        { type: 'memberships', id: facts.row.id },
      ],
      action,
      resource: views.membership(facts),
    }),
    function: (details, action) => ({
      projectId: details.row.projectId,
      resources: [{ type: 'functions', id: details.row.id }],
      action,
      resource: views.function(details),
    }),
    deployment: (row, action, activeId = null) => ({
      projectId: row.projectId,
      resources: [
        { type: 'functions', id: row.functionId },
        { type: 'deployments', id: row.id },
      ],
      action,
      resource: views.deployment(row, activeId),
    }),
  };
  return news;
}
