/** The story of one execution; see `invocation.ts` for its words. */
export type { Body, FollowedLine, FollowQuery, Invoke, Invoked, InvokeRequest, Outcome, PendingExecution } from './invocation.ts';
