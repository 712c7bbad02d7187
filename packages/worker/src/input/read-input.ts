/** What a caller sent as the input of a function: the query of requests without a body, else JSON or the fields of a form. */

export interface InputSource {
  readonly method: string;
  readonly query: URLSearchParams;
  readonly contentType: string;
  text(): Promise<string>;
  formData(): Promise<FormData>;
}

/** The body is not what its type says; the message is for the caller. */
export class InputUnreadable extends Error {
  override readonly name = 'InputUnreadable';
}

const WITHOUT_BODY = new Set(['GET', 'HEAD', 'DELETE']);
const FORM = /^(?:multipart\/form-data|application\/x-www-form-urlencoded)\b/i;

/**
 * An empty body is an object without fields, as callers without parameters send it.
 * @throws {InputUnreadable}
 */
export async function readInput(source: InputSource): Promise<unknown> {
  if (WITHOUT_BODY.has(source.method)) return fieldsOf(source.query);
  if (FORM.test(source.contentType)) return fieldsOf(await readForm(source));
  const text = await source.text();
  if (text === '') return {};
  try {
    return JSON.parse(text) as unknown;
  } catch {
    // The words of the engine quote the body, which may hold what nobody else is to read.
    throw new InputUnreadable('the body is not JSON');
  }
}

async function readForm(source: InputSource): Promise<FormData> {
  try {
    return await source.formData();
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new InputUnreadable('the body is not a form of the kind that its type says');
  }
}

/** A name that comes more than once is a list. */
function fieldsOf(entries: URLSearchParams | FormData): Record<string, unknown> {
  // Without a prototype while it is filled: `__proto__` is a name like any other.
  const fields: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
  for (const name of new Set(entries.keys())) {
    const values = entries.getAll(name);
    fields[name] = values.length === 1 ? values[0] : values;
  }
  return Object.fromEntries(Object.entries(fields));
}
