/** What repeats work while the store is away, and when it stops to. */
import { PlatformError } from '@martlet/protocol';
import { describe, expect, it } from 'vitest';
import { untilStored } from '../../src/services/queue/until-stored.ts';

const log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const away = () => new PlatformError('store_unavailable');

describe('untilStored', () => {
  it('tries again until the store is back', async () => {
    let tries = 0;
    const answer = await untilStored(
      log,
      async () => {
        tries += 1;
        if (tries < 3) throw away();
        return 'stored';
      },
      new AbortController().signal,
    );
    expect([answer, tries]).toEqual(['stored', 3]);
  });

  it('gives up when the server closes, at once', async () => {
    const closing = new AbortController();
    let tries = 0;
    const given = untilStored(
      log,
      async () => {
        tries += 1;
        throw away();
      },
      closing.signal,
    );
    setTimeout(() => closing.abort(), 20);
    await expect(given).rejects.toMatchObject({ code: 'store_unavailable' });
    expect(tries).toBe(1);
  });
});
