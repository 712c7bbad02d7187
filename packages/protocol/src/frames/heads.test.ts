import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FrameError } from './frame-reader.ts';
import { FRAME_HEADER_BYTES } from './frame-types.ts';
import { layOutRequest, layOutResponse, readRequest, readResponse, readUsage, writeUsage, type RequestHead } from './heads.ts';

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
        const read = readRequest(layOutRequest(head, bytes).subarray(FRAME_HEADER_BYTES));
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
        const read = readResponse(layOutResponse({ status, headers: pairs.flat(), body: bytes, usage }).subarray(FRAME_HEADER_BYTES));
        expect({ ...read, body: new Uint8Array(read.body ?? []) }).toEqual({ status, headers: pairs.flat(), body: bytes, usage });
      }),
    );
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
    const frame = layOutResponse({ status: 200, headers: [], body: undefined, usage: { cpuMicros: 1, memoryKb: 1 } });
    expect(() => readResponse(frame.subarray(FRAME_HEADER_BYTES))).toThrow(FrameError);
  });
});

describe('usage', () => {
  test('arrives as it was sent and has exactly eight bytes', () => {
    expect(readUsage(writeUsage({ cpuMicros: 5, memoryKb: 7 }))).toEqual({ cpuMicros: 5, memoryKb: 7 });
    expect(() => readUsage(Buffer.alloc(9))).toThrow(FrameError);
  });
});
