/**
 * Sources that are the platform's own. Source and id together name an event, and the second one of a name is none: whoever
 * could send from here, and guess an id, could take the place of what the platform tells.
 */

/** Of everything that the platform tells of itself. */
export const PLATFORM_SOURCE = 'martlet';
const HOOKS = '/webhooks/';

/** Of what comes in through a webhook. */
export const hookSource = (webhookId: string): string => HOOKS + webhookId;

export const isReservedSource = (source: string): boolean => source === PLATFORM_SOURCE || source.startsWith(HOOKS);
