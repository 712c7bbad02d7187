/** The body of an answer as an async iterator of what is in it. */
import { createJsonLines } from './json-lines.ts';
import { createSseParser } from './sse-parser.ts';

/** What a stream is read as. */
export type StreamFormat = 'sse' | 'ndjson' | 'text' | 'bytes';

/** Reads on only as fast as it is taken from. When the taker stops, the body is canceled, and with it the function. */
export async function* readStream(response: Response, format: StreamFormat): AsyncGenerator<unknown, void, undefined> {
  const items = itemsOf(format);
  const body = response.body as ReadableStream<Uint8Array> | null | undefined;
  if (body === null || body === undefined) {
    // No body, or a runtime that gives bodies only whole, as React Native does.
    yield* items.push(new Uint8Array(await response.arrayBuffer()));
    yield* items.end();
    return;
  }
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      yield* items.push(value);
    }
    yield* items.end();
  } finally {
    // Nothing is left to cancel in a stream that came to its end or broke.
    await reader.cancel().catch(() => undefined);
  }
}

/** By the content type of the answer; what is neither events nor lines is text. */
export function formatOf(contentType: string): StreamFormat {
  const type = contentType.toLowerCase();
  if (type.startsWith('text/event-stream')) return 'sse';
  return /^application\/(?:x-)?(?:ndjson|jsonl|json-lines|jsonlines|stream\+json)\b/.test(type) ? 'ndjson' : 'text';
}

interface Items {
  push(chunk: Uint8Array): Iterable<unknown>;
  end(): Iterable<unknown>;
}

function itemsOf(format: StreamFormat): Items {
  if (format === 'bytes') return { push: (chunk) => (chunk.length === 0 ? [] : [chunk]), end: () => [] };
  // Keeps the bytes of a cut character for the next chunk, and drops a byte order mark.
  const decoder = new TextDecoder();
  const texts = textItems(format);
  return {
    push: (chunk) => texts.push(decoder.decode(chunk, { stream: true })),
    end: () => [...texts.push(decoder.decode()), ...texts.end()],
  };
}

function textItems(format: Exclude<StreamFormat, 'bytes'>): { push(text: string): unknown[]; end(): unknown[] } {
  if (format === 'ndjson') return createJsonLines();
  if (format === 'sse') return { push: createSseParser().push, end: () => [] };
  return { push: (text) => (text === '' ? [] : [text]), end: () => [] };
}
