/**
 * Names and types of the functions of a project. Both registries are empty here; a file that `martlet types generate`
 * writes fills them by module augmentation, and so does the one that the CLI of Base44 writes.
 */

/** Names: `interface FunctionNameRegistry { 'orders/process': true }`. */
// oxlint-disable-next-line typescript/no-empty-object-type -- filled by augmentation
export interface FunctionNameRegistry {}

/** Names with types: `interface FunctionRegistry { 'orders/process': { input: { id: string }; output: { total: number } } }`. */
// oxlint-disable-next-line typescript/no-empty-object-type -- filled by augmentation
export interface FunctionRegistry {}

type KnownName = keyof FunctionNameRegistry | keyof FunctionRegistry;

/** Any string until types are generated, then the names of the functions. */
export type FunctionName = [KnownName] extends [never] ? string : Extract<KnownName, string>;

/** Names whose input and output are known. */
export type TypedFunctionName = Extract<keyof FunctionRegistry, string>;

/** Names of which nothing but the name is known. */
export type UntypedFunctionName = Exclude<FunctionName, TypedFunctionName>;

/** Named parameters of a function that no type is known of. */
export type FunctionData = object;

type EntryOf<Name> = Name extends keyof FunctionRegistry ? FunctionRegistry[Name] : unknown;
type Known<Type, Otherwise> = unknown extends Type ? Otherwise : Type;

/** What a function takes. */
export type FunctionInput<Name> =
  EntryOf<Name> extends { input: infer Input } ? Known<Input, FunctionData | undefined> : FunctionData | undefined;

/** What a function gives. */
export type FunctionOutput<Name> = EntryOf<Name> extends { output: infer Output } ? Output : unknown;

/** A form is taken for every input. Where any object is, it is one of them: a union of the two would refuse other keys. */
export type Sendable<Input> = [FunctionData | undefined] extends [Input] ? Input : Input | FormData;

/** Data may be left out where the function needs none. */
export type DataArguments<Input, Options> = undefined extends Input
  ? [data?: Sendable<Input>, options?: Options]
  : Record<never, never> extends Input
    ? [data?: Sendable<Input>, options?: Options]
    : [data: Sendable<Input>, options?: Options];
