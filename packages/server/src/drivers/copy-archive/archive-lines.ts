/** The lines of an archive, each a JSON value. An archive is gzip over them: the head, pieces of tables, artifacts, the end. */
import { z } from 'zod';

export const FORMAT = 1;

const bytesSchema = z.strictObject({ base64: z.base64() });
const cellSchema = z.union([z.string(), z.number(), z.null(), bytesSchema]);

export const headSchema = z.strictObject({
  martlet: z.literal('backup'),
  format: z.literal(FORMAT),
  id: z.string().min(1).max(100),
  createdAt: z.iso.datetime(),
  migration: z.int().min(1),
  vaultKey: z.string().min(1).max(100).nullable(),
});

export const lineSchema = z.union([
  z.strictObject({ table: z.string(), columns: z.array(z.string()), last: z.string(), rows: z.array(z.array(cellSchema)) }),
  z.strictObject({ part: z.base64() }),
  z.strictObject({ artifact: z.string(), bytes: z.int().min(0) }),
  z.strictObject({ end: z.record(z.string(), z.int().min(0)), artifacts: z.int().min(0) }),
]);

export type Head = z.infer<typeof headSchema>;
export type Line = z.infer<typeof lineSchema>;
export type ArchivedCell = z.infer<typeof cellSchema>;
/** Bytes of an artifact in one line. */
export const PART_BYTES = 3_000_000;
