/** Three values as lines of JSON, then text where it is asked for. */
export default async (request: Request): Promise<Response> => {
  const { as } = (await request.json()) as { as?: string };
  if (as === 'text') return new Response('wörds come in pieces', { headers: { 'content-type': 'text/plain; charset=utf-8' } });
  return new Response('{"n":1}\n{"n":2}\n{"n":3}', { headers: { 'content-type': 'application/x-ndjson' } });
};
