/** Everything that a key may manage, over the control API. */
import { createClient } from '../client.ts';
import type { ClientOptions } from '../options.ts';
import type { CallApi } from '../transport/http.ts';
import { createDeployments, type Deployments } from './deployments.ts';
import { createEvents, type Events } from './events.ts';
import { createAdminExecutions, type AdminExecutions } from './executions.ts';
import { createFunctions, type AdminFunctions } from './functions.ts';
import { createKeys, type Keys } from './keys.ts';
import { createSchedules, type Schedules } from './schedules.ts';
import { createUsers, type Users } from './users.ts';
import { createSecrets, createVariables, type Secrets, type Variables } from './variables.ts';

export interface Admin {
  readonly functions: AdminFunctions;
  readonly deployments: Deployments;
  readonly variables: Variables;
  readonly secrets: Secrets;
  readonly executions: AdminExecutions;
  readonly schedules: Schedules;
  readonly events: Events;
  readonly keys: Keys;
  readonly users: Users;
}

/** Of a client with a key, of the service role inside a function, or of the options for such a client. */
export function createAdmin(caller: { readonly api: CallApi } | ClientOptions): Admin {
  const { api } = 'api' in caller ? caller : createClient(caller);
  const variables = createVariables(api);
  return {
    functions: createFunctions(api),
    deployments: createDeployments(api),
    variables,
    secrets: createSecrets(variables),
    executions: createAdminExecutions(api),
    schedules: createSchedules(api),
    events: createEvents(api),
    keys: createKeys(api),
    users: createUsers(api),
  };
}
