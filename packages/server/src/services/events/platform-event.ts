/** An event of the platform, made where a resource changes. */
import type { Clock } from '../../ports/system/clock.ts';
import type { Ids } from '../../ports/system/ids.ts';
import type { EventRow } from '../../ports/store/event-store.ts';
import { concreteName, type PlatformEvent } from '../../domain/events/event-name.ts';

export interface PlatformChange extends Omit<PlatformEvent, 'kind'> {
  readonly projectId: string;
  /** The resource as the control API shows it. */
  readonly resource: unknown;
  /** Who did it; null: a key, or the platform itself. */
  readonly userId?: string | null;
}

/** Source of everything that the platform tells of itself. */
export const PLATFORM_SOURCE = 'martlet';

export function platformEvent({ clock, ids }: { readonly clock: Clock; readonly ids: Ids }, change: PlatformChange): EventRow {
  const { projectId, resource, userId = null, ...event } = change;
  const now = clock.now();
  const type = concreteName({ kind: 'platform', ...event });
  return {
    id: ids.next(),
    createdAt: now,
    updatedAt: now,
    projectId,
    source: PLATFORM_SOURCE,
    type,
    subject: event.resources.at(-1)?.id ?? '',
    time: now,
    contentType: 'application/json',
    data: Buffer.from(JSON.stringify(resource)),
    origin: 'platform',
    fired: { kind: 'platform', ...event },
    userId,
    hops: 0,
    dispatchedAt: null,
    started: 0,
  };
}
