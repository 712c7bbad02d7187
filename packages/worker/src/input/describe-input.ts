/** Says what input a function declares, as JSON Schema, in words small enough for the wall. */
import {
  INPUT_SCHEMA_BYTES_MAX,
  INPUT_SCHEMA_DEPTH_MAX,
  isNestedTooDeep,
  writeInputDescription,
  type InputDescription,
} from '@martlet/protocol/frames';
import type { DeclaredInput } from './declared-input.ts';

/** Parts that JSON Schema has no words for are then anything, each library by its own option: zod, arktype, valibot. */
const LENIENT = { unrepresentable: 'any', fallback: ({ base }: { base?: unknown }) => base ?? {}, errorMode: 'ignore' };
const REASON_MAX = 500;

/** The payload of the frame. */
export function describeInput(declared: DeclaredInput | undefined): Buffer {
  if (declared === undefined) return writeInputDescription({ declared: false });
  const payload = writeInputDescription(describe(declared));
  if (payload.length <= INPUT_SCHEMA_BYTES_MAX) return payload;
  const reason = `its JSON Schema is longer than ${INPUT_SCHEMA_BYTES_MAX} bytes`;
  return writeInputDescription({ declared: true, vendor: declared.vendor, reason });
}

function describe({ vendor, toJsonSchema }: DeclaredInput): InputDescription {
  if (toJsonSchema === undefined) return { declared: true, vendor, reason: `${vendor} gives no Standard JSON Schema for it` };
  try {
    const schema = convert(toJsonSchema);
    if (isNestedTooDeep(schema))
      return { declared: true, vendor, reason: `its JSON Schema is nested deeper than ${INPUT_SCHEMA_DEPTH_MAX} levels` };
    if (typeof schema === 'object' && schema !== null && !Array.isArray(schema))
      return { declared: true, vendor, schema: schema as Record<string, unknown> };
    return { declared: true, vendor, reason: `${vendor} gave no object as its JSON Schema` };
  } catch (error) {
    return { declared: true, vendor, reason: String(error instanceof Error ? error.message : error).slice(0, REASON_MAX) };
  }
}

/** As it is written and read again: what cannot be JSON must not fail later. */
function convert(toJsonSchema: NonNullable<DeclaredInput['toJsonSchema']>): unknown {
  try {
    return JSON.parse(JSON.stringify(toJsonSchema({ target: 'draft-2020-12' })));
  } catch {
    return JSON.parse(JSON.stringify(toJsonSchema({ target: 'draft-2020-12', libraryOptions: LENIENT })));
  }
}
