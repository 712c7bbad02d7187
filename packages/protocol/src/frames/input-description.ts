/** What a worker says of the input that its function declares. It is hostile: form and sizes are checked here, the schema itself by whoever shows it. */
import { z } from 'zod/mini';
import { FrameError } from './frame-reader.ts';

/** Longest JSON Schema of a declared input; a longer one is left out, and the description says so. */
export const INPUT_SCHEMA_BYTES_MAX = 131_072;

export type InputDescription =
  | { readonly declared: false }
  | {
      readonly declared: true;
      /** The library that checks, in its own words. */
      readonly vendor: string;
      /** JSON Schema, draft 2020-12, of what a caller sends; undefined where the library cannot tell. */
      readonly schema?: Record<string, unknown> | undefined;
      /** Why there is no schema. */
      readonly reason?: string | undefined;
    };

const descriptionSchema = z.union([
  z.object({ declared: z.literal(false) }),
  z.object({
    declared: z.literal(true),
    vendor: z.string().check(z.maxLength(100)),
    schema: z.optional(z.record(z.string(), z.unknown())),
    reason: z.optional(z.string().check(z.maxLength(1000))),
  }),
]);

export const writeInputDescription = (description: InputDescription): Buffer => Buffer.from(JSON.stringify(description));

/** Deeper nesting would exhaust the stack of whoever walks it. */
export const INPUT_SCHEMA_DEPTH_MAX = 64;

export function isNestedTooDeep(schema: unknown): boolean {
  return isDeeper(schema, INPUT_SCHEMA_DEPTH_MAX);
}

/** @throws {FrameError} */
export function readInputDescription(payload: Buffer): InputDescription {
  let value: unknown;
  try {
    value = JSON.parse(payload.toString());
  } catch {
    throw new FrameError('Cannot read the description of an input: it is not JSON');
  }
  const result = descriptionSchema.safeParse(value);
  if (!result.success || isNestedTooDeep('schema' in result.data ? result.data.schema : undefined))
    throw new FrameError('Cannot read the description of an input: it has not the agreed form');
  return result.data;
}

function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return levels === 0 || Object.values(value).some((one) => isDeeper(one, levels - 1));
}
