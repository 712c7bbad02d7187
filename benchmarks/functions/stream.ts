/** Sends one chunk at once, and another a little later. */
// oxlint-disable-next-line import/no-default-export -- the shape of a function
export default function stream(): Response {
  const chunks = new ReadableStream<Uint8Array>({
    async start(controller) {
      controller.enqueue(new TextEncoder().encode('first\n'));
      await new Promise((done) => setTimeout(done, 5));
      controller.enqueue(new TextEncoder().encode('last\n'));
      controller.close();
    },
  });
  return new Response(chunks, { headers: { 'content-type': 'text/plain' } });
}
