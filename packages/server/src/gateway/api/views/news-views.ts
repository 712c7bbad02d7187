/** What events of the platform show of their resources: what the control API shows, without secrets and logs. */
import type { NewsViews } from '../../../services/events/news-views.ts';
import { viewMembership, viewSession, viewTeam, viewUser } from '../identity/identity-views.ts';
import { viewDeployment } from './deployment-view.ts';
import { viewExecution } from './execution-view.ts';
import { viewFunction } from './function-view.ts';

export const newsViews: NewsViews = {
  user: viewUser,
  session: (row) => viewSession(row, { current: false }),
  team: viewTeam,
  membership: ({ row, team, user }) => viewMembership(row, team, user),
  function: viewFunction,
  deployment: (row, activeDeploymentId) => viewDeployment(row, { activeDeploymentId, buildLog: '' }),
  execution: (row) => viewExecution(row),
};
