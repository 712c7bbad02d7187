/** What every route of the control API has at hand. */
import type { Context } from 'hono';
import type { Limits } from '@martlet/protocol';
import type { Principal } from '../../domain/principal.ts';
import type { Clock } from '../../ports/system/clock.ts';
import type { Ids } from '../../ports/system/ids.ts';
import type { Log } from '../../ports/system/log.ts';
import type { Store } from '../../ports/store.ts';
import type { Deployments } from '../../services/deployments.ts';
import type { Executions } from '../../services/executions.ts';
import type { Functions } from '../../services/functions.ts';
import type { Identity } from '../../services/identity/identity.ts';
import type { Keys } from '../../services/keys.ts';
import type { Principals } from '../../services/principals.ts';
import type { DeadLetters } from '../../services/queue/dead-letters.ts';
import type { Events } from '../../services/events/manage-events.ts';
import type { Schedules } from '../../services/schedules/manage-schedules.ts';
import type { Webhooks } from '../../services/webhooks/manage-webhooks.ts';
import type { Hooks } from '../../services/webhooks/take-hook.ts';
import type { Uploads } from '../../services/uploads.ts';
import type { Variables } from '../../services/variables.ts';

export interface ApiOptions {
  readonly functions: Functions;
  readonly deployments: Deployments;
  readonly uploads: Uploads;
  readonly variables: Variables;
  readonly executions: Executions;
  readonly deadLetters: DeadLetters;
  readonly events: Events;
  readonly schedules: Schedules;
  readonly webhooks: Webhooks;
  readonly hooks: Hooks;
  readonly keys: Keys;
  readonly principals: Principals;
  readonly identity: Identity;
  readonly projects: Store['projects'];
  readonly ids: Ids;
  readonly clock: Clock;
  readonly log: Log;
  readonly limits: Limits;
  /** Version of the server, as answers and error envelopes show it. */
  readonly version: string;
  /** Project of requests that name none. */
  readonly defaultProject: string;
  /** Origins of browser apps that may call, e.g. `https://app.example.com`; `*` allows all. Those of this machine always may. */
  readonly origins: readonly string[];
}

/** What the listener knows of a request and a header could only pretend. */
export interface RequestFacts {
  readonly clientIp: string;
}

export interface ApiEnv {
  Bindings: RequestFacts;
  Variables: {
    requestId: string;
    principal: Principal;
    projectId: string;
  };
}

export type ApiContext = Context<ApiEnv>;
