/** Which headers the record of an execution keeps: only those of the contract's allow-list, as they may hold secrets. */

const REQUEST = new Set(['content-type', 'content-length', 'host', 'user-agent']);
const RESPONSE = new Set(['content-type', 'content-length']);

const LENGTHS = new Set([...REQUEST, ...RESPONSE].map((name) => name.length));

export function recordedRequestHeaders(headers: readonly string[]): string[] {
  return pick(headers, REQUEST);
}

export function recordedResponseHeaders(headers: readonly string[]): string[] {
  return pick(headers, RESPONSE);
}

function pick(headers: readonly string[], allowed: ReadonlySet<string>): string[] {
  const picked: string[] = [];
  for (let at = 0; at + 1 < headers.length; at += 2) {
    const spelt = headers[at] as string;
    // Lower-casing every header of every execution costs more than the rest of its record.
    if (!LENGTHS.has(spelt.length)) continue;
    const name = spelt.toLowerCase();
    if (allowed.has(name)) picked.push(name, headers[at + 1] as string);
  }
  return picked;
}
