/** Writes how long after it was due it has begun: after its tick, or after the time that it was sent. */
// oxlint-disable-next-line import/no-default-export -- the shape of a function
export default async function lag(request: Request): Promise<Response> {
  const now = performance.timeOrigin + performance.now();
  const tick = request.headers.get('x-martlet-scheduled-at');
  const due = tick === null ? ((await request.json()) as { sentAt: number }).sentAt : Date.parse(tick);
  console.log(now - due);
  return new Response(null, { status: 204 });
}
