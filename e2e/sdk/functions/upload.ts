/** Tells what a form holds: files as name, type and sum of their bytes. */
export default async (request: Request): Promise<Response> => {
  const fields: [string, unknown][] = [];
  for (const [name, value] of await request.formData()) {
    if (typeof value === 'string') fields.push([name, value]);
    else fields.push([name, [value.name, value.type, sumOf(new Uint8Array(await value.arrayBuffer()))]]);
  }
  return Response.json({ fields });
};

const sumOf = (bytes: Uint8Array): number => bytes.reduce((sum, byte) => sum + byte, 0);
