/** Server-sent events without an end, unless a count is given; logs after how many its reader went away. */
const encoder = new TextEncoder();

export default async (request: Request): Promise<Response> => {
  const { count = Number.POSITIVE_INFINITY } = (await request.json()) as { count?: number };
  let sent = 0;
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      if (sent === count) return controller.close();
      controller.enqueue(encoder.encode(`id: ${sent}\nevent: tick\ndata: {"n":${sent}}\n\n`));
      sent += 1;
    },
    cancel() {
      console.log('the reader went away');
    },
  });
  return new Response(body, { headers: { 'content-type': 'text/event-stream' } });
};
