import { expect, test } from 'vitest';
import { createSystemClock } from './system-clock.ts';
import { createSystemIds } from './system-ids.ts';

test('a secret has exactly its bytes in base64url, whichever length was drawn before, and none comes twice', () => {
  const ids = createSystemIds(createSystemClock());
  const seen = new Set<string>();
  for (let round = 0; round < 1500; round += 1) {
    const bytes = 6 + (round % 43);
    const secret = ids.secret(bytes);
    const decoded = Buffer.from(secret, 'base64url');
    expect(decoded.length).toBe(bytes);
    expect(decoded.toString('base64url')).toBe(secret);
    seen.add(secret);
  }
  expect(seen.size).toBe(1500);
});

test('ids are twenty hexadecimal digits that grow', () => {
  const ids = createSystemIds(createSystemClock());
  const made = Array.from({ length: 3000 }, () => ids.next());
  for (const id of made) expect(id).toMatch(/^[0-9a-f]{20}$/);
  expect(made.toSorted()).toEqual(made);
});
