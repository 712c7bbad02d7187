/** For each piece of the body a line with the sum of all bytes so far, while the body still comes. */
export default (request: Request): Response => {
  let sum = 0;
  const sums = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      for (const byte of chunk) sum += byte;
      controller.enqueue(new TextEncoder().encode(`${sum}\n`));
    },
  });
  return new Response(request.body?.pipeThrough(sums) ?? '0\n', { headers: { 'content-type': 'application/x-ndjson' } });
};
