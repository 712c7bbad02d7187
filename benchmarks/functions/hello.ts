/** What every server of the benchmark answers: JSON out, and on POST JSON in as well. */
// oxlint-disable-next-line import/no-default-export -- the shape of a function
export default async function hello(request: Request): Promise<Response> {
  if (request.method !== 'POST') return Response.json({ hello: 'world' });
  const order = (await request.json()) as object;
  return Response.json({ ...order, seen: true });
}
