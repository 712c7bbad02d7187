/** Which event patterns a function may listen to: `service.<id|*>[.sub.<id|*>…][.action[.attribute]]`. */

const EVENTS_MAX = 100;
const ID = /^[A-Za-z0-9_*.@-]{1,64}$/;

interface Node {
  /** Actions, each with the attributes that may follow it. */
  readonly actions: Readonly<Record<string, readonly string[]>>;
  readonly subs?: Readonly<Record<string, Node>>;
}

const actions = (...names: string[]): Node['actions'] => Object.fromEntries(names.map((name) => [name, []]));
const crud = actions('create', 'delete', 'update');
const crudUpsert = actions('create', 'delete', 'update', 'upsert');
const leaf: Node = { actions: crud };
const collections: Node = { actions: crud, subs: { attributes: leaf, indexes: leaf, documents: { actions: crudUpsert } } };
const tables: Node = { actions: crud, subs: { columns: leaf, indexes: leaf, rows: { actions: crudUpsert } } };
const withUpdates = (...attributes: string[]): Node['actions'] => ({ ...crud, update: attributes });

const services: Readonly<Record<string, Node>> = {
  buckets: { actions: crud, subs: { files: leaf } },
  databases: { actions: crud, subs: { collections, tables } },
  documentsdb: { actions: crud, subs: { collections } },
  vectorsdb: { actions: crud, subs: { collections } },
  tablesdb: { actions: crud, subs: { tables } },
  messages: { actions: actions('create', 'update') },
  providers: leaf,
  reports: { actions: crud, subs: { insights: leaf } },
  rules: leaf,
  schedules: { actions: actions('create') },
  sites: { actions: crud, subs: { deployments: leaf } },
  teams: { actions: withUpdates('prefs'), subs: { memberships: { actions: withUpdates('status') } } },
  topics: { actions: crud, subs: { subscribers: { actions: actions('create', 'delete') } } },
  users: {
    actions: withUpdates('email', 'impersonator', 'labels', 'mfa', 'name', 'password', 'phone', 'prefs', 'status', 'verification'),
    subs: {
      recovery: { actions: actions('create', 'update') },
      verification: { actions: actions('create', 'update') },
      sessions: leaf,
      targets: leaf,
      tokens: { actions: actions('create') },
    },
  },
};

/** The reason why a function may not listen to these events, in the words of the contract, or undefined where it may. */
export function eventsProblem(events: readonly string[]): string | undefined {
  if (events.length > EVENTS_MAX) return `Value must a valid array no longer than ${EVENTS_MAX} items and Event is not valid.`;
  if (events.some((event) => event.startsWith('functions.'))) return 'Triggering a function on a function event is not allowed.';
  return events.every(isEvent) ? undefined : 'Event is not valid.';
}

function isEvent(event: string): boolean {
  const [service = '', id, ...rest] = event.split('.');
  const node = Object.hasOwn(services, service) ? services[service] : undefined;
  return node !== undefined && id !== undefined && ID.test(id) && matches(node, rest);
}

/** What follows the id of a node: nothing, an action, an action with its attribute, or a sub-resource with its id. */
function matches(node: Node, rest: readonly string[]): boolean {
  const [word, next, ...more] = rest;
  if (word === undefined) return true;
  const sub = node.subs !== undefined && Object.hasOwn(node.subs, word) ? node.subs[word] : undefined;
  if (sub !== undefined) return next !== undefined && ID.test(next) && matches(sub, more);
  const attributes = Object.hasOwn(node.actions, word) ? node.actions[word] : undefined;
  if (attributes === undefined || more.length > 0) return false;
  return next === undefined || attributes.includes(next);
}
