/**
 * Streams an answer word by word as server-sent events, the way a language model does. Stops working the moment the
 * reader goes away: `ctx.signal` aborts, and the stream is canceled.
 *
 *   curl -N 'http://127.0.0.1:8787/functions/chat?message=hello'
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { FunctionContext } from 'martlet';

export default (request: Request, ctx: FunctionContext): Response => {
  const query = new URL(request.url).searchParams;
  const delayMs = Math.min(Number(query.get('delay') ?? 60) || 0, 1000);
  const tokens = answerTo(query.get('message') ?? 'nothing');
  const events = eventsOf(tokens, delayMs, ctx);
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const next = await events.next();
      if (next.done) controller.close();
      else controller.enqueue(next.value);
    },
    async cancel() {
      await events.return(undefined);
    },
  });
  return new Response(body, { headers: { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' } });
};

async function* eventsOf(tokens: readonly string[], delayMs: number, ctx: FunctionContext): AsyncGenerator<Uint8Array> {
  const encoder = new TextEncoder();
  let sent = 0;
  try {
    for (const token of tokens) {
      await sleep(delayMs, undefined, { signal: ctx.signal });
      sent += 1;
      yield encoder.encode(`event: token\ndata: ${JSON.stringify({ token })}\n\n`);
    }
    yield encoder.encode(`event: done\ndata: ${JSON.stringify({ tokens: sent })}\n\n`);
  } finally {
    ctx.log('sent %d of %d tokens', sent, tokens.length);
  }
}

function answerTo(message: string): string[] {
  return `You said "${message.slice(0, 200)}", and I answer one word at a time.`.split(/(?<= )/);
}
