/** The OpenAPI document of the functions of a project: what can be called, and what each takes. */
import { errorSpecs } from '@martlet/protocol';
import type { InputDescription } from '@martlet/protocol/frames';
import { placeSchema, type JsonSchema } from './place-schema.ts';

export interface DescribedFunction {
  readonly path: string;
  readonly execute: readonly string[];
  /** Undefined when it could not be found out. */
  readonly input: InputDescription | undefined;
}

export interface FunctionsDocumentOptions {
  readonly projectId: string;
  readonly version: string;
  /** What stands before `/functions/…` in URLs of this project: empty, `/api` or `/api/apps/<project>`. */
  readonly base: string;
  readonly functions: readonly DescribedFunction[];
}

const ERROR = { $ref: '#/components/schemas/FunctionError' };
const ANSWERS = {
  '200': { description: 'What the function answers.' },
  default: { description: 'A refusal or a failure.', content: { 'application/json': { schema: ERROR } } },
};

export function describeFunctions({ projectId, version, base, functions }: FunctionsDocumentOptions): JsonSchema {
  const schemas: Record<string, JsonSchema> = { FunctionError: functionErrorSchema };
  const operationIds = new UniqueNames();
  const schemaNames = new UniqueNames();
  const paths = functions.map(({ path, execute, input }): [string, JsonSchema] => {
    const name = input?.declared === true ? `input.${schemaNames.take(path.replaceAll('/', '.'))}` : undefined;
    if (name !== undefined && input?.declared === true) schemas[name] = inputSchema(input, `#/components/schemas/${name}`);
    const operation = operationIds.take(path.replaceAll(/[^A-Za-z0-9]+/g, '_'));
    const shared = { tags: [path.split('/', 1)[0]], security: execute.some(isOpen) ? [] : [{ apiKey: [] }, { bearer: [] }] };
    return [
      `/functions/${path}`,
      {
        get: { ...shared, operationId: `${operation}_get`, summary: path, ...inQuery(name), responses: answersOf(name) },
        post: { ...shared, operationId: operation, summary: path, requestBody: inBody(name), responses: answersOf(name) },
      },
    ];
  });
  return {
    openapi: '3.1.0',
    info: { title: `Functions of the project ${projectId}`, version, description: DESCRIPTION },
    servers: [{ url: base === '' ? '/' : base }],
    paths: Object.fromEntries(paths),
    components: { schemas, securitySchemes },
  };
}

const DESCRIPTION =
  'Every function that is active and that the caller of this document may call. A function takes every method and every path below ' +
  'its own; shown are GET, with the input in the query, and POST, with the input as JSON.';

const securitySchemes = {
  apiKey: { type: 'apiKey', in: 'header', name: 'X-Martlet-Key' },
  bearer: { type: 'http', scheme: 'bearer' },
};

const text = { type: 'string' };
const functionErrorSchema = {
  type: 'object',
  required: ['error', 'message', 'detail', 'code'],
  properties: {
    error: text,
    message: text,
    detail: text,
    code: { ...text, description: 'A code of the error registry, in capitals.' },
    executionId: text,
    fields: {
      description: 'With FUNCTION_INPUT_INVALID: the fields that do not fit.',
      type: 'array',
      items: {
        type: 'object',
        required: ['path', 'message'],
        properties: { path: { type: 'array', items: { type: ['string', 'integer'] } }, message: text },
      },
    },
  },
};

function inputSchema(input: Extract<InputDescription, { declared: true }>, at: string): JsonSchema {
  if (input.schema !== undefined) return placeSchema(input.schema, at);
  return {
    description: `The function checks its input with ${input.vendor}. There is no JSON Schema of it: ${input.reason ?? 'no reason is known'}.`,
  };
}

/** Each field of the input is a parameter of its own. */
function inQuery(schemaName: string | undefined): JsonSchema {
  return schemaName === undefined
    ? {}
    : { parameters: [{ name: 'input', in: 'query', style: 'form', explode: true, schema: referenceTo(schemaName) }] };
}

function inBody(schemaName: string | undefined): JsonSchema {
  return { content: { 'application/json': { schema: schemaName === undefined ? {} : referenceTo(schemaName) } } };
}

function answersOf(schemaName: string | undefined): JsonSchema {
  if (schemaName === undefined) return ANSWERS;
  const { message } = errorSpecs.function_input_invalid;
  return { ...ANSWERS, '400': { description: message, content: { 'application/json': { schema: ERROR } } } };
}

const referenceTo = (name: string): JsonSchema => ({ $ref: `#/components/schemas/${name}` });
const isOpen = (role: string): boolean => role === 'any' || role === 'guests';

/** `a/b` and `a.b` are two functions. */
class UniqueNames {
  readonly #taken = new Set<string>();

  take(wanted: string): string {
    let name = wanted;
    for (let count = 2; this.#taken.has(name); count += 1) name = `${wanted}_${count}`;
    this.#taken.add(name);
    return name;
  }
}
