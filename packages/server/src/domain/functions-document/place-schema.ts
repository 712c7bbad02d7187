/**
 * Puts a JSON Schema that a function gave into a larger document. Its references mean its own root, which is no longer the
 * root; those that lead elsewhere are taken out, so that no reader of the document is sent to an address of the function's choice.
 */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** Keywords whose values are schemas by name; the names are no keywords. */
const SCHEMAS_BY_NAME = new Set(['properties', 'patternProperties', '$defs', 'definitions', 'dependentSchemas']);
/** Keywords whose values are data, whatever they look like. */
const DATA = new Set(['const', 'enum', 'default', 'examples', 'example', 'required', 'dependentRequired', 'type']);
/** What names a schema, or leads out of it. */
const DROPPED = new Set(['$schema', '$id', '$anchor', '$dynamicAnchor', '$dynamicRef', '$recursiveAnchor', '$recursiveRef', '$vocabulary']);

/** `at`: where the root of the schema comes to lie, e.g. `#/components/schemas/orders`. */
export function placeSchema(schema: JsonSchema, at: string): JsonSchema {
  return placeKeywords(schema, at);
}

function place(value: unknown, at: string): unknown {
  if (Array.isArray(value)) return value.map((one) => place(one, at));
  return isObject(value) ? placeKeywords(value, at) : value;
}

function placeKeywords(schema: JsonSchema, at: string): JsonSchema {
  return Object.fromEntries(
    Object.entries(schema).flatMap(([keyword, value]): [string, unknown][] => {
      if (DROPPED.has(keyword)) return [];
      if (keyword === '$ref') return placeReference(value, at);
      if (DATA.has(keyword)) return [[keyword, value]];
      if (SCHEMAS_BY_NAME.has(keyword) && isObject(value))
        return [[keyword, Object.fromEntries(Object.entries(value).map(([name, one]) => [name, place(one, at)]))]];
      return [[keyword, place(value, at)]];
    }),
  );
}

function placeReference(value: unknown, at: string): [string, unknown][] {
  return value === '#' || (typeof value === 'string' && value.startsWith('#/')) ? [['$ref', at + value.slice(1)]] : [];
}

function isObject(value: unknown): value is JsonSchema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
