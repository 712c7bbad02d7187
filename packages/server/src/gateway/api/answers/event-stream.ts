/** Server-sent events from an async iterable, ended by whichever side goes first. */

/** Proxies close connections that are silent for a minute. */
const PING_MS = 15_000;
const encoder = new TextEncoder();

export interface ServerEvent {
  readonly event: string;
  readonly data: unknown;
}

/** `stop` is aborted when the reader has gone away, so that `events` can let go of what it holds. */
export function eventStream(events: AsyncIterable<ServerEvent>, stop: AbortController): Response {
  const iterator = events[Symbol.asyncIterator]();
  let ping: NodeJS.Timeout | undefined;
  const body = new ReadableStream<Uint8Array>(
    {
      start(controller) {
        controller.enqueue(encoder.encode(': follows\n\n'));
        ping = setInterval(() => {
          // A reader that takes nothing needs no pings either.
          if ((controller.desiredSize ?? 0) > 0) controller.enqueue(encoder.encode(': ping\n\n'));
        }, PING_MS);
      },
      async pull(controller) {
        const next = await iterator.next().catch((error: unknown) => {
          clearInterval(ping);
          throw error;
        });
        if (next.done !== true) {
          controller.enqueue(encoder.encode(`event: ${next.value.event}\ndata: ${JSON.stringify(next.value.data)}\n\n`));
          return;
        }
        clearInterval(ping);
        controller.close();
      },
      async cancel() {
        clearInterval(ping);
        stop.abort();
        await iterator.return?.();
      },
    },
    { highWaterMark: 16 },
  );
  return new Response(body, {
    headers: { 'Content-Type': 'text/event-stream; charset=utf-8', 'Cache-Control': 'no-store', 'X-Accel-Buffering': 'no' },
  });
}
