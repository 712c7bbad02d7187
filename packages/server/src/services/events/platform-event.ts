/** An event of the platform, made where a resource changes. */
import type { Clock } from '../../ports/system/clock.ts';
import type { Ids } from '../../ports/system/ids.ts';
import type { EventRow } from '../../ports/store/event-store.ts';
import { concreteName, type PlatformEvent } from '../../domain/events/event-name.ts';
import { PLATFORM_SOURCE } from '../../domain/events/event-sources.ts';
import { presentCause, type Cause } from './cause.ts';

export interface PlatformChange extends Omit<PlatformEvent, 'kind'> {
  readonly projectId: string;
  /** The resource as the control API shows it. */
  readonly resource: unknown;
  /** Default: a fresh one. One that is known already makes that the event is stored once. */
  readonly id?: string;
  /** Default: that of what goes on now. */
  readonly cause?: Cause;
}

export function platformEvent({ clock, ids }: { readonly clock: Clock; readonly ids: Ids }, change: PlatformChange): EventRow {
  const { projectId, resource, id = ids.next(), cause = presentCause(), ...event } = change;
  const now = clock.now();
  const { userId, hops } = cause;
  return {
    id,
    createdAt: now,
    updatedAt: now,
    projectId,
    source: PLATFORM_SOURCE,
    type: concreteName({ kind: 'platform', ...event }),
    subject: event.resources.at(-1)?.id ?? '',
    time: now,
    contentType: 'application/json',
    data: Buffer.from(JSON.stringify(resource)),
    origin: 'platform',
    fired: { kind: 'platform', ...event },
    userId,
    hops,
    dispatchedAt: null,
    started: 0,
  };
}
