/** Says how long after it was sent a job has begun. */
const sentHeader = (body: unknown): number => (body as { sentAt: number }).sentAt;

// oxlint-disable-next-line import/no-default-export -- the shape of a function
export default async function lag(request: Request): Promise<Response> {
  const now = performance.timeOrigin + performance.now();
  console.log(now - sentHeader(await request.json()));
  return new Response(null, { status: 204 });
}
