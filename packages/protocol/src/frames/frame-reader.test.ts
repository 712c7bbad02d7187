import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FrameError, FrameReader } from './frame-reader.ts';
import { FRAME_HEADER_BYTES } from './frame-types.ts';

interface Frame {
  readonly type: number;
  readonly stream: number;
  readonly payload: Buffer;
}

const frames = fc.array(
  fc.record({
    type: fc.integer({ min: 0, max: 255 }),
    stream: fc.integer({ min: 0, max: 0xffff_ffff }),
    payload: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  }),
  { maxLength: 20 },
);

describe('FrameReader', () => {
  test('gives back every frame however the bytes are cut', () => {
    fc.assert(
      fc.property(frames, fc.infiniteStream(fc.integer({ min: 1, max: 64 })), (sent, cuts) => {
        const read: Frame[] = [];
        const reader = new FrameReader(1000, (type, stream, payload) => read.push({ type, stream, payload: Buffer.from(payload) }));
        for (const piece of cut(Buffer.concat(sent.map(encode)), cuts)) reader.push(piece);
        expect(read).toEqual(sent);
      }),
    );
  });

  test('never calls back for bytes that are not a whole frame, and only ever throws a FrameError', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ minLength: 1, maxLength: 200 }), { maxLength: 20 }), (pieces) => {
        let payloadBytes = 0;
        let headers = 0;
        const reader = new FrameReader(5000, (_type, _stream, payload) => {
          payloadBytes += payload.length;
          headers += FRAME_HEADER_BYTES;
        });
        try {
          pieces.forEach((piece) => reader.push(Buffer.from(piece)));
        } catch (error) {
          expect(error).toBeInstanceOf(FrameError);
        }
        expect(payloadBytes + headers).toBeLessThanOrEqual(pieces.reduce((sum, piece) => sum + piece.length, 0));
      }),
      { numRuns: 500 },
    );
  });

  test('refuses a frame that is longer than allowed before its payload has arrived', () => {
    const reader = new FrameReader(100, () => expect.unreachable());
    const header = encode({ type: 1, stream: 1, payload: Buffer.alloc(0) });
    header.writeUInt32LE(101, 0);
    expect(() => reader.push(header)).toThrow(FrameError);
  });

  test('joins a large frame of many pieces in linear time', () => {
    const payload = Buffer.alloc(8_000_000, 7);
    let length = 0;
    const reader = () =>
      new FrameReader(payload.length, (_type, _stream, bytes) => {
        length = bytes.length;
      });
    const bytes = encode({ type: 1, stream: 0, payload });
    // The least of several: other processes may hold up any one of them.
    const least = (work: () => void) => Math.min(...Array.from({ length: 5 }, () => time(work)));
    const small = least(() => feed(new FrameReader(payload.length, () => undefined), bytes.subarray(0, 1_000_000)));
    const large = least(() => feed(reader(), bytes));
    expect(length).toBe(payload.length);
    // Eight times the bytes; a quadratic reader takes sixty times as long.
    expect(large).toBeLessThan(Math.max(small, 1) * 40);
  });
});

function encode({ type, stream, payload }: Frame): Buffer {
  const header = Buffer.alloc(FRAME_HEADER_BYTES);
  header.writeUInt32LE(payload.length, 0);
  header.writeUInt32LE(stream, 4);
  header[8] = type;
  return Buffer.concat([header, payload]);
}

function* cut(bytes: Buffer, lengths: Iterable<number>): Generator<Buffer> {
  let at = 0;
  for (const length of lengths) {
    if (at >= bytes.length) return;
    yield bytes.subarray(at, at + length);
    at += length;
  }
}

function feed(reader: FrameReader, bytes: Buffer): void {
  for (let at = 0; at < bytes.length; at += 4096) reader.push(bytes.subarray(at, at + 4096));
}

function time(action: () => void): number {
  const startedAt = performance.now();
  action();
  return performance.now() - startedAt;
}
