/** Resources as the control API shows them, for the data of events: the gateway knows how, and hands it in. */
import type { DeploymentRow, ExecutionRow, FunctionRow, VariableRow } from '../../ports/store.ts';
import type { MembershipRow, SessionRow, TeamRow, UserRow } from '../../ports/store/user-store.ts';

export interface NewsViews {
  user(row: UserRow): unknown;
  session(row: SessionRow): unknown;
  team(team: { readonly row: TeamRow; readonly members: number }): unknown;
  membership(facts: { readonly row: MembershipRow; readonly team: string; readonly user: UserRow | null }): unknown;
  function(details: {
    readonly row: FunctionRow;
    readonly active: DeploymentRow | null;
    readonly latest: DeploymentRow | null;
    readonly variables: readonly VariableRow[];
  }): unknown;
  deployment(row: DeploymentRow, activeId: string | null): unknown;
  execution(row: ExecutionRow): unknown;
}
