/** Parts of route descriptions that repeat. */
import type { z } from '@hono/zod-openapi';
import { errorSchema } from './resources.ts';

export const failure = { description: 'An error of the registry', content: { 'application/json': { schema: errorSchema } } };

/** The answers of a route: its success with JSON, and the error envelope for everything else. */
export const answers = <Status extends number, Schema extends z.ZodType>(status: Status, schema: Schema, description: string) => ({
  ...({ [status]: { description, content: { 'application/json': { schema } } } } as {
    [Key in Status]: { description: string; content: { 'application/json': { schema: Schema } } };
  }),
  default: failure,
});

/** The answers of a route that has nothing to say, or says it in something else than JSON. */
export const noContent = { 204: { description: 'Done' }, default: failure };

/** Required, so that an absent body is checked like an empty object and not passed on unchecked. */
export const jsonBody = <Schema extends z.ZodType>(schema: Schema) => ({ required: true, content: { 'application/json': { schema } } });

export const binary = (type: string, description: string) => ({
  200: { description, content: { [type]: { schema: { type: 'string' as const, format: 'binary' } } } },
  default: failure,
});
