import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FrameError } from './frame-reader.ts';
import { FRAME_HEADER_BYTES } from './frame-types.ts';
import { FrameWriter } from './frame-writer.ts';
import {
  readRequest,
  readResponse,
  readUsage,
  writeRequest,
  writeResponse,
  writeUsage,
  type RequestHead,
  type ResponseHead,
  type SentResponse,
  SHORT_BODY_BYTES_MAX,
  ShortBody,
} from './heads.ts';

const token = fc.stringMatching(/^[\x21-\x7e]{0,40}$/);
const headerPairs = fc.array(fc.tuple(fc.stringMatching(/^[A-Za-z-]{1,20}$/), fc.stringMatching(/^[\x20-\x7e\x80-\xff]{0,60}$/)), {
  maxLength: 20,
});
const body = fc.uint8Array({ maxLength: 500 });

const requestHead: fc.Arbitrary<RequestHead> = fc.record({
  executionId: token,
  token,
  trigger: token,
  method: fc.oneof(token, fc.constantFrom('GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS', 'get', '')),
  url: token,
  clientIp: token,
  userId: token,
  userToken: token,
  event: token,
  platformUrl: token,
  timeoutMs: fc.integer({ min: 0, max: 900_000 }),
  headers: headerPairs.map((pairs) => pairs.flat()),
});

describe('request heads', () => {
  test('arrive as they were sent', () => {
    fc.assert(
      fc.property(requestHead, fc.option(body, { nil: undefined }), (head, bytes) => {
        const read = readRequest(payloadOf((writer) => writeRequest(writer, 1, { head, body: bytes })));
        for (const [name, value] of Object.entries(head)) expect(read.head[name as keyof RequestHead]).toEqual(value);
        expect(read.body === undefined ? undefined : new Uint8Array(read.body)).toEqual(bytes);
      }),
    );
  });
});

describe('response heads', () => {
  test('arrive as they were sent', () => {
    fc.assert(
      fc.property(fc.integer({ min: 200, max: 599 }), headerPairs, body, fc.boolean(), (status, pairs, bytes, finished) => {
        const usage = finished ? { cpuMicros: 12, memoryKb: 34 } : undefined;
        const read = readResponse(responsePayload({ status, headers: pairs.flat(), body: bytes, usage }));
        expect({ ...read, body: new Uint8Array(bytesOf(read)) }).toEqual({
          status,
          headers: pairs.flat(),
          headerText: pairs.flat().join('\0'),
          body: bytes,
          usage,
        });
      }),
    );
  });

  test('carry a text as its bytes in UTF-8', () => {
    fc.assert(
      fc.property(
        headerPairs,
        fc.string({ unit: fc.oneof(fc.constantFrom('a', 'ä', '\uD800', '\uFEFF', '\0'), fc.string({ unit: 'binary' })) }),
        (pairs, text) => {
          const read = readResponse(responsePayload({ status: 200, headers: pairs.flat(), body: text, usage: undefined }));
          expect([read.headers, bytesOf(read)]).toEqual([pairs.flat(), Buffer.from(text)]);
        },
      ),
    );
  });

  test.each([0, 1, SHORT_BODY_BYTES_MAX, SHORT_BODY_BYTES_MAX + 1])('with a body of %i bytes outlive their frame', (length) => {
    const headers = ['x-length', String(length)];
    const sent = Buffer.alloc(length, 'añ', 'latin1');
    const payload = responsePayload({ status: 200, headers, body: sent, usage: undefined });
    const read = readResponse(payload);
    payload.fill(0);
    expect(read.body instanceof ShortBody).toBe(length <= SHORT_BODY_BYTES_MAX);
    expect([read.headers, read.headerText, bytesOf(read)]).toEqual([headers, headers.join('\0'), sent]);
  });

  test('of a hostile worker are refused or well-formed', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          const read = readResponse(Buffer.from(bytes));
          expect(read.status).toBeGreaterThanOrEqual(200);
          expect(read.status).toBeLessThanOrEqual(599);
          expect(read.headers.length % 2).toBe(0);
        } catch (error) {
          expect(error).toBeInstanceOf(FrameError);
        }
      }),
      { numRuns: 2000 },
    );
  });

  test('cannot claim to have finished while their body is still to come', () => {
    const payload = responsePayload({ status: 200, headers: [], body: undefined, usage: { cpuMicros: 1, memoryKb: 1 } });
    expect(() => readResponse(payload)).toThrow(FrameError);
  });
});

describe('usage', () => {
  test('arrives as it was sent and has exactly eight bytes', () => {
    expect(readUsage(writeUsage({ cpuMicros: 5, memoryKb: 7 }))).toEqual({ cpuMicros: 5, memoryKb: 7 });
    expect(() => readUsage(Buffer.alloc(9))).toThrow(FrameError);
  });
});

/** The payload of the one frame that is written. */
function payloadOf(write: (writer: FrameWriter) => void): Buffer {
  const sent: Buffer[] = [];
  const writer = new FrameWriter({ destroyed: false, write: (bytes) => sent.push(bytes) });
  // The frame is not always the first of its slab.
  writer.send(0, 0, new Uint8Array(7));
  writer.flush();
  write(writer);
  writer.flush();
  return Buffer.concat(sent.slice(1)).subarray(FRAME_HEADER_BYTES);
}

const responsePayload = (response: SentResponse): Buffer => payloadOf((writer) => writeResponse(writer, 1, response));

function bytesOf({ body }: ResponseHead): Uint8Array {
  return body instanceof ShortBody ? body.bytes : (body ?? new Uint8Array());
}
