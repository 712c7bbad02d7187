export default async (request: Request): Promise<Response> => {
  const caller = request.headers.get('authorization') === null ? 'nobody' : 'somebody';
  return Response.json({ got: await request.json(), caller, own: request.headers.get('x-own') });
};
