/**
 * The events that the platform itself can fire, as a tree: `service.<id>[.sub.<id>…].action[.attribute]`. It is the whole
 * of the contract's list, whether or not this platform has the resource.
 */

const ID = /^[A-Za-z0-9_*@-]{1,64}$/;

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
  functions: { actions: crud, subs: { deployments: leaf, executions: leaf } },
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
      sessions: { actions: actions('create', 'delete') },
      targets: leaf,
      tokens: { actions: actions('create') },
    },
  },
};

/** First words that are the platform's, so that no event from outside can pass for one of its own. */
export const platformServices: readonly string[] = Object.keys(services);

/** Whether a text is an event of the platform, or a pattern of them: ids may be `*`, and the end may be left out from the action on. */
export function isPlatformPattern(text: string): boolean {
  const [service = '', id, ...rest] = text.split('.');
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
