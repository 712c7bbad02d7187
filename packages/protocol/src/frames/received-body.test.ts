import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FrameError } from './frame-reader.ts';
import { WINDOW_BYTES } from './frame-types.ts';
import { ReceivedBody } from './received-body.ts';
import { SendCredit } from './stream-credit.ts';

describe('ReceivedBody', () => {
  test('gives out what was pushed, in order, and grants credit only for what was read', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 60_000 }), { maxLength: 60 }), async (sizes) => {
        const sender = new SendCredit();
        let onTheWay = 0;
        let peak = 0;
        const body = new ReceivedBody({
          grant(bytes) {
            onTheWay -= bytes;
            sender.grant(bytes);
          },
        });
        const sending = (async () => {
          for (const [index, size] of sizes.entries()) {
            while (sender.left < size) await sender.available().then(() => new Promise(setImmediate));
            sender.take(size);
            onTheWay += size;
            peak = Math.max(peak, onTheWay);
            body.push(new Uint8Array(size).fill(index));
          }
          body.end();
        })();
        // Small chunks may be joined; what counts is the bytes and their order.
        const read: Uint8Array[] = [];
        for await (const chunk of body.stream) read.push(chunk);
        await sending;
        const sent = sizes.map((size, index) => new Uint8Array(size).fill(index));
        expect(Buffer.concat(read).equals(Buffer.concat(sent))).toBe(true);
        expect(peak).toBeLessThanOrEqual(WINDOW_BYTES);
      }),
      { numRuns: 30 },
    );
  });

  test('refuses a peer that sends without credit', () => {
    const body = new ReceivedBody({ grant: () => undefined });
    body.push(new Uint8Array(WINDOW_BYTES));
    expect(() => body.push(new Uint8Array(1))).toThrow(FrameError);
  });

  test('tells the sender when its reader gives up, and swallows what still comes', async () => {
    let canceled = false;
    const body = new ReceivedBody({ grant: () => undefined, onCancel: () => (canceled = true) });
    body.push(new Uint8Array(10));
    await body.stream.cancel();
    expect(canceled).toBe(true);
    expect(() => body.push(new Uint8Array(10))).not.toThrow();
  });

  test('breaks its stream when it fails', async () => {
    const body = new ReceivedBody({ grant: () => undefined });
    const reading = body.stream.getReader().read();
    body.fail(new Error('gone'));
    await expect(reading).rejects.toThrow('gone');
  });
});

describe('SendCredit', () => {
  test('refuses a grant beyond the window', () => {
    expect(() => new SendCredit().grant(1)).toThrow(FrameError);
  });
});
