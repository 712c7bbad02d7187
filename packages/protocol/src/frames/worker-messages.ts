/** Reads the JSON messages of a worker. They are hostile: form and sizes are checked before anything is believed. */
import { z } from 'zod/mini';
import { FrameError } from './frame-reader.ts';
import { failureKinds, type FailureMessage, type LoadedMessage } from './messages.ts';

const loadedSchema = z.object({
  handler: z.enum(['request', 'fetch', 'deno', 'appwrite']),
  cacheRejected: z.boolean(),
  loadMs: z.number(),
});

const failureSchema = z.object({
  kind: z.enum(failureKinds),
  name: z.string().check(z.maxLength(200)),
  message: z.string().check(z.maxLength(10_000)),
  stack: z.string().check(z.maxLength(100_000)),
});

/** @throws {FrameError} */
export const readLoaded = (payload: Buffer): LoadedMessage => readJson(loadedSchema, payload);

/** @throws {FrameError} */
export const readFailure = (payload: Buffer): FailureMessage => readJson(failureSchema, payload);

function readJson<T>(schema: z.ZodMiniType<T>, payload: Buffer): T {
  let value: unknown;
  try {
    value = JSON.parse(payload.toString());
  } catch {
    throw new FrameError('Cannot read a message: it is not JSON');
  }
  const result = schema.safeParse(value);
  if (!result.success) throw new FrameError('Cannot read a message: it has not the agreed form');
  return result.data;
}
