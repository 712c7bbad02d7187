/** What `invoke` sends: named parameters as JSON, or as a form as soon as a file is among them. */

export type Payload = { readonly form: FormData } | { readonly json: string };

/** @throws {TypeError} for what is no object with named parameters */
export function payloadOf(name: string, data: unknown): Payload {
  // A function that takes no parameters may still read them.
  if (data === undefined) return { json: '{}' };
  const kind = kindOf(data);
  if (kind === 'FormData') return { form: data as FormData };
  if (kind !== 'Object' && kind !== 'Array') throw new TypeError(refusal(name, data, kind));
  if (!holdsFile(data, new Set())) return { json: jsonOf(name, data) };
  if (kind === 'Array')
    throw new TypeError(`Cannot invoke "${name}": a list of files has no names; give an object such as { files: [...] }.`);
  return { form: formOf(name, data as object) };
}

function refusal(name: string, data: unknown, kind: string): string {
  const must = `Cannot invoke "${name}": \`data\` must be an object with named parameters`;
  if (kind === 'File' || kind === 'Blob') return `${must}, not a ${kind}; give it a name, such as { file }.`;
  if (typeof data === 'string' || data === null) return `${must}, not ${data === null ? 'null' : 'a string'}.`;
  return `${must}, not ${typeof data === 'object' ? kind : `a ${typeof data}`}; for any other body use functions.fetch().`;
}

/** By tag, as classes of another realm are others. */
const kindOf = (value: unknown): string => Object.prototype.toString.call(value).slice(8, -1);
const isFile = (value: unknown): value is Blob => typeof value === 'object' && /^(?:File|Blob)$/.test(kindOf(value));

function holdsFile(value: unknown, seen: Set<unknown>): boolean {
  if (typeof value !== 'object' || value === null || seen.has(value)) return false;
  seen.add(value);
  return isFile(value) || Object.values(value).some((one) => holdsFile(one, seen));
}

/**
 * One field for each parameter: files as they are, text and numbers as text, anything else as JSON. Where files are
 * deeper inside, they are fields of their own, and the JSON holds the name of the field in their place.
 */
function formOf(name: string, data: object): FormData {
  const form = new FormData();
  for (const [key, value] of Object.entries(data)) {
    if (value === undefined) continue;
    if (isFile(value)) form.append(key, value);
    else if (Array.isArray(value) && value.length > 0 && value.every(isFile)) for (const file of value) form.append(key, file);
    else if (typeof value === 'object' && !(value instanceof Date))
      form.append(key, jsonOf(name, withoutFiles(value, { form, at: key, above: [] })));
    else form.append(key, value instanceof Date ? value.toISOString() : String(value));
  }
  return form;
}

/** A copy with the names of form fields where files were; the files go into the form. */
function withoutFiles(value: unknown, place: { form: FormData; at: string; above: readonly unknown[] }): unknown {
  const { form, at, above } = place;
  if (isFile(value)) {
    form.append(at, value);
    return at;
  }
  // What refers to itself is left as it is: writing it as JSON says so.
  if (typeof value !== 'object' || value === null || above.includes(value) || !holdsFile(value, new Set())) return value;
  const below = (key: string, one: unknown): unknown => withoutFiles(one, { form, at: `${at}[${key}]`, above: [...above, value] });
  if (Array.isArray(value)) return value.map((one, index) => below(String(index), one));
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, below(key, one)]));
}

function jsonOf(name: string, value: unknown): string {
  try {
    return JSON.stringify(value);
  } catch (cause) {
    throw new TypeError(
      `Cannot invoke "${name}": \`data\` cannot be written as JSON: ${cause instanceof Error ? cause.message : 'unknown reason'}`,
      { cause },
    );
  }
}
