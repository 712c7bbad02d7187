/** Server-sent events out of text that comes in pieces, as the HTML standard says ("Interpreting an event stream"). */
import { StreamError } from '../errors.ts';

export interface ServerSentEvent {
  /** `message` where the server names none. */
  readonly event: string;
  readonly data: string;
  /** Of the last event that had one; empty before. */
  readonly id: string;
  /** Milliseconds to wait before coming back, once the server said so. */
  readonly retry: number | undefined;
}

export interface SseParser {
  /** The events that this piece completes. An event that the end of the stream cuts off is none. */
  push(text: string): ServerSentEvent[];
}

/** Of one event; a server that sends more without an end is not to fill the memory. */
const CHARACTERS_MAX = 16_777_216;

export function createSseParser(): SseParser {
  let line = '';
  let data: string[] = [];
  let event = '';
  let id = '';
  let retry: number | undefined;
  let size = 0;
  let afterCr = false;
  const breaks = /[\r\n]/g;

  function endLine(found: ServerSentEvent[]): void {
    if (line === '') dispatch(found);
    else if (!line.startsWith(':')) takeField(line);
    line = '';
  }

  function takeField(text: string): void {
    const colon = text.indexOf(':');
    const name = colon === -1 ? text : text.slice(0, colon);
    const value = colon === -1 ? '' : text.slice(text[colon + 1] === ' ' ? colon + 2 : colon + 1);
    if (name === 'data') data.push(value);
    else if (name === 'event') event = value;
    else if (name === 'id' && !value.includes('\0')) id = value;
    else if (name === 'retry' && /^\d+$/.test(value)) retry = Number(value);
  }

  function dispatch(found: ServerSentEvent[]): void {
    if (data.length > 0) found.push({ event: event || 'message', data: data.join('\n'), id, retry });
    data = [];
    event = '';
    size = 0;
  }

  return {
    push(text) {
      const found: ServerSentEvent[] = [];
      let at = 0;
      // The second half of a CRLF whose first half ended a line already.
      if (afterCr && text !== '') {
        afterCr = false;
        if (text[0] === '\n') at = 1;
      }
      size += text.length;
      while (at < text.length) {
        breaks.lastIndex = at;
        const end = breaks.exec(text)?.index;
        line += text.slice(at, end);
        if (end === undefined) break;
        endLine(found);
        at = end + 1;
        if (text[end] !== '\r') continue;
        if (at === text.length) afterCr = true;
        else if (text[at] === '\n') at += 1;
      }
      if (size > CHARACTERS_MAX) throw new StreamError(`Cannot read the stream: an event is longer than ${CHARACTERS_MAX} characters.`);
      return found;
    },
  };
}
