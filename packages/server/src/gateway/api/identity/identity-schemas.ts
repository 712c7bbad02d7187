/** Resources and parameters of identity. */
import { membershipResource, sessionResource, teamResource, tokenResource, trustedIssuerResource, userResource } from '@martlet/protocol';
import { z } from '@hono/zod-openapi';
import { checkedList, customId, pathId, text } from '../params.ts';

export const userSchema = userResource.meta({ id: 'User' });
export const sessionSchema = sessionResource.meta({ id: 'Session' });
export const teamSchema = teamResource.meta({ id: 'Team' });
export const membershipSchema = membershipResource.meta({ id: 'Membership' });
export const issuerSchema = trustedIssuerResource.meta({ id: 'TrustedIssuer' });
export const tokenSchema = tokenResource.meta({ id: 'UserToken' });
export const sessionList = z.object({ total: z.int(), sessions: z.array(sessionSchema) });
export const membershipList = z.object({ total: z.int(), memberships: z.array(membershipSchema) });

const PASSWORD = 'Password must be between 8 and 256 characters long.';
/** Counted in characters, not in bytes; what is long is not cut but refused. */
export const password = () => z.string(PASSWORD).min(8, PASSWORD).max(256, PASSWORD);

export const email = () => z.string('Value must be a valid email address').max(320, 'Value must be a valid email address');
export const personName = () => text(0, 128);
export const userId = () => customId().openapi({ description: '`unique()` for a fresh id' });
export const userParams = z.object({ userId: pathId('Id of the user') });

const LABEL = /^[A-Za-z0-9][A-Za-z0-9._-]{0,35}$/;
const LABELS =
  'Value must a valid array no longer than 100 items and Value must contain at most 36 chars of a-z, A-Z, 0-9, period, hyphen and underscore';
/** What `execute` roles can name. */
export const labels = () =>
  checkedList((values) => (values.length <= 100 && values.every((value) => LABEL.test(value)) ? undefined : LABELS), LABELS);

const PREFS = 'Value must be a valid JSON object no longer than 65535 chars';
export const prefs = () => z.record(z.string(), z.unknown(), PREFS).refine((value) => JSON.stringify(value).length <= 65_535, PREFS);

const DURATION = 'Value must be a valid range between 1 and 3600';
export const duration = () =>
  z.int(DURATION).min(1, DURATION).max(3600, DURATION).nullish().openapi({ description: 'Seconds; default 900' });
export const TOKEN_SECONDS = 900;
