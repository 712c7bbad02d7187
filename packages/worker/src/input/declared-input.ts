/** `export const input`: a schema of the Standard Schema specification, which checks what callers send. */

export interface DeclaredInput {
  readonly vendor: string;
  /** May answer later; an answer is either `{ value }` or `{ issues }`. */
  validate(value: unknown): unknown;
  /** JSON Schema of what a caller sends, where the library speaks Standard JSON Schema; may throw. */
  readonly toJsonSchema: ((options: JsonSchemaOptions) => unknown) | undefined;
}

export interface JsonSchemaOptions {
  readonly target: 'draft-2020-12';
  readonly libraryOptions?: Readonly<Record<string, unknown>>;
}

/** Undefined for a module without one; an export of this name that is no schema is the author's own affair. */
export function findDeclaredInput(exports: unknown): DeclaredInput | undefined {
  const module = partsOf(exports);
  // Bundles of CommonJS sources put `module.exports` where others have `default`.
  return readSchema(module?.['input']) ?? readSchema(partsOf(module?.['default'])?.['input']);
}

function readSchema(value: unknown): DeclaredInput | undefined {
  const standard = partsOf(partsOf(value)?.['~standard']);
  const validate = standard?.['validate'];
  if (standard === undefined || standard['version'] !== 1 || typeof validate !== 'function') return undefined;
  const converter = partsOf(standard['jsonSchema']);
  const convert = converter?.['input'];
  return {
    vendor: String(standard['vendor']).slice(0, 100),
    validate: (input): unknown => Reflect.apply(validate, standard, [input]),
    toJsonSchema: typeof convert === 'function' ? (options): unknown => Reflect.apply(convert, converter, [options]) : undefined,
  };
}

/** Schemas of some libraries are functions. */
function partsOf(value: unknown): Record<string, unknown> | undefined {
  return (typeof value === 'object' && value !== null) || typeof value === 'function' ? (value as Record<string, unknown>) : undefined;
}
