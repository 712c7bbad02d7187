import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FrameReader } from './frame-reader.ts';
import { FrameWriter } from './frame-writer.ts';

const lengths = fc.oneof(fc.nat({ max: 300 }), fc.constantFrom(16_366, 16_374, 16_375, 16_376, 40_000));
const steps = fc.array(
  fc.oneof(
    { weight: 8, arbitrary: fc.record({ type: fc.nat({ max: 255 }), stream: fc.nat({ max: 0xffff_ffff }), length: lengths }) },
    { weight: 1, arbitrary: fc.constant('flush' as const) },
  ),
  { maxLength: 120 },
);

describe('FrameWriter', () => {
  test('sends every frame whole and in order, and never touches again what it has sent', () => {
    fc.assert(
      fc.property(steps, (script) => {
        // Kept as a socket keeps what the kernel does not take yet, and read at the very end.
        const sent: Buffer[] = [];
        const writer = new FrameWriter({ destroyed: false, write: (bytes) => sent.push(bytes) });
        const expected: unknown[] = [];
        script.forEach((step, index) => {
          if (step === 'flush') return writer.flush();
          const { type, stream, length } = step;
          expected.push({ type, stream, length, filling: length === 0 ? undefined : index % 256 });
          const payload = new Uint8Array(length).fill(index);
          if (index % 2 === 0) writer.send(type, stream, payload);
          else {
            const at = writer.begin(type, stream, length);
            writer.slab.set(payload, at);
          }
          payload.fill(0);
        });
        writer.flush();
        const read: unknown[] = [];
        const reader = new FrameReader(40_000, (type, stream, payload) => {
          expect(payload.every((byte) => byte === payload[0])).toBe(true);
          read.push({ type, stream, length: payload.length, filling: payload[0] });
        });
        for (const bytes of sent) reader.push(bytes);
        expect(read).toEqual(expected);
      }),
    );
  });

  test('sends the frames of one turn at once, by itself', async () => {
    const sent: Buffer[] = [];
    const writer = new FrameWriter({ destroyed: false, write: (bytes) => sent.push(bytes) });
    for (let turn = 0; turn < 3; turn += 1) {
      for (let stream = 0; stream < 18; stream += 1) writer.send(1, stream, Buffer.from('payload'));
      expect(sent).toHaveLength(turn);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(sent.map(({ length }) => length)).toEqual([288, 288, 288]);
  });

  test('writes nothing to a socket that is destroyed', () => {
    const writer = new FrameWriter({ destroyed: true, write: () => expect.unreachable() });
    for (let stream = 0; stream < 3; stream += 1) writer.send(1, stream, new Uint8Array(10_000));
    writer.flush();
  });
});
