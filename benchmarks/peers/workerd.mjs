/** The same function for workerd. */
// oxlint-disable-next-line import/no-default-export -- the shape that workerd asks for
export default {
  async fetch(request) {
    if (request.method !== 'POST') return Response.json({ hello: 'world' });
    return Response.json({ ...(await request.json()), seen: true });
  },
};
