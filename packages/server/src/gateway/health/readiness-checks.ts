/** What a server needs to do its work: a store that answers, a wall as strong as was asked for, workers. */
import { tiers, type Tier } from '../../ports/sandbox.ts';
import type { Store } from '../../ports/store.ts';
import type { HealthCheck } from './health-routes.ts';

export interface ReadinessOptions {
  readonly store: Pick<Store, 'projects'>;
  readonly defaultProject: string;
  readonly tier: Tier;
  readonly wantedTier: Tier;
  /** Whether a request for a function would find or get a worker; `detail` in a few words. */
  readonly pool: () => { readonly ok: boolean; readonly detail: string };
  /** True once the server takes no new work. */
  readonly isDraining: () => boolean;
}

export function readinessChecks(options: ReadinessOptions): HealthCheck[] {
  const { store, defaultProject, tier, wantedTier, pool, isDraining } = options;
  return [
    {
      name: 'store',
      async check() {
        const project = await store.projects.get(defaultProject);
        return project === null ? { ok: false, detail: 'answers, but has no default project' } : { ok: true, detail: 'answers' };
      },
    },
    {
      name: 'sandbox',
      check: async () => ({ ok: tiers.indexOf(tier) <= tiers.indexOf(wantedTier), detail: `tier ${tier}, wanted ${wantedTier}` }),
    },
    { name: 'pool', check: async () => pool() },
    { name: 'draining', check: async () => (isDraining() ? { ok: false, detail: 'shutting down' } : { ok: true, detail: 'no' }) },
  ];
}
