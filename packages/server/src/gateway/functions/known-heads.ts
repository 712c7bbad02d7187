/**
 * The head of a short answer as text. Between two answers of a function nothing of it changes but ids, length and second;
 * `writeHead` checks and joins all of it each time. Here each set of headers is looked at once, with all that Node refuses,
 * and whatever Node treats in a way of its own is left to Node.
 */
import { STATUS_CODES } from 'node:http';
import { RecentTexts } from '@martlet/protocol/frames';
import { isPassedOn } from './passed-headers.ts';

export interface ShortAnswer {
  readonly status: number;
  readonly headers: readonly string[];
  /** The headers as one text, by which they are known. */
  readonly headerText: string;
  readonly executionId: string;
  readonly length: number;
}

/** As Node has them: what a name is made of (RFC 9110, section 5.6.2), and what no value may hold. */
const NAME = /^[\^_`a-zA-Z0-9!#$%&'*+.|~-]+$/;
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
/** Names at which Node does more than write them. What belongs to the connection is not passed on in any case. */
const NODES_OWN = new Set(['date', 'expect', 'trailer', 'content-disposition']);

/** Lines of headers; undefined where they are Node's to write, or to refuse. */
const recent = new RecentTexts<{ readonly lines: string | undefined }>();

/** The head without date, connection and its end; undefined where Node must make it. */
export function beginHead({ status, headers, headerText, executionId, length }: ShortAnswer): string | undefined {
  const reason = STATUS_CODES[status];
  let known = recent.get(headerText);
  if (known === undefined) {
    known = { lines: linesOf(headers) };
    recent.keep(headerText, known);
  }
  if (reason === undefined || known.lines === undefined) return undefined;
  return `HTTP/1.1 ${status} ${reason}\r\n${known.lines}x-martlet-execution-id: ${executionId}\r\nx-appwrite-execution-id: ${executionId}\r\ncontent-length: ${length}\r\n`;
}

function linesOf(headers: readonly string[]): string | undefined {
  let lines = '';
  for (let at = 0; at + 1 < headers.length; at += 2) {
    const name = headers[at] as string;
    const value = headers[at + 1] as string;
    const lower = name.toLowerCase();
    if (!isPassedOn(lower)) continue;
    if (!NAME.test(name) || !VALUE.test(value) || NODES_OWN.has(lower)) return undefined;
    lines += `${name}: ${value}\r\n`;
  }
  return lines;
}

let second = -1;
let keepAlive = -1;
let end = '';

/** The rest of a head whose connection stays open for `keepAliveMs`. */
export function endHead(keepAliveMs: number): string {
  const now = Math.floor(Date.now() / 1000);
  if (now !== second || keepAliveMs !== keepAlive) {
    second = now;
    keepAlive = keepAliveMs;
    const date = new Date(now * 1000).toUTCString();
    end = `Date: ${date}\r\nConnection: keep-alive\r\nKeep-Alive: timeout=${Math.floor(keepAliveMs / 1000)}\r\n\r\n`;
  }
  return end;
}
