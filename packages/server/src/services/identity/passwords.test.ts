import { expect, test } from 'vitest';
import { createSystemClock } from '../../drivers/system/system-clock.ts';
import { createSystemIds } from '../../drivers/system/system-ids.ts';
import { createPasswords, passwordCost } from './passwords.ts';
import { addressBucket } from './rate-limiter.ts';

const ids = createSystemIds(createSystemClock());
const cheap = { memoryKib: 64, passes: 1, lanes: 1 };

test('a password matches itself in any spelling of Unicode, and nothing else', async () => {
  const passwords = createPasswords({ ids });
  const stored = await passwords.hash('pässwörd');
  expect(stored).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
  expect(await passwords.matches('pässwörd'.normalize('NFD'), stored)).toBe(true);
  expect(await passwords.matches('passwort', stored)).toBe(false);
  expect(await passwords.matches('', null)).toBe(false);
  expect(await passwords.hash('pässwörd')).not.toBe(stored);
});

test('a hash of other costs is still read', async () => {
  const stored = await createPasswords({ ids, cost: cheap }).hash('secret');
  expect(await createPasswords({ ids, cost: passwordCost }).matches('secret', stored)).toBe(true);
});

test('nobody takes as long as somebody', async () => {
  const passwords = createPasswords({ ids });
  const stored = await passwords.hash('secret');
  const time = async (hash: string | null) => {
    const began = performance.now();
    await passwords.matches('wrong', hash);
    return performance.now() - began;
  };
  const ratios: number[] = [];
  for (let n = 0; n < 7; n += 1) ratios.push((await time(null)) / (await time(stored)));
  const median = ratios.toSorted((a, b) => a - b)[3] ?? 0;
  expect(median).toBeGreaterThan(0.4);
  expect(median).toBeLessThan(2.5);
});

test('few are checked at a time, and too many are refused at once', async () => {
  const passwords = createPasswords({ ids, cost: cheap });
  const results = await Promise.allSettled(Array.from({ length: 200 }, () => passwords.matches('x', null)));
  const refused = results.filter((result) => result.status === 'rejected');
  expect(refused).toHaveLength(98);
  expect(refused[0]).toMatchObject({ reason: { code: 'general_rate_limit_exceeded', retryAfterSeconds: 2 } });
  expect(await passwords.matches('x', null)).toBe(false);
});

test('a household has one allowance, however many addresses it has', () => {
  expect(addressBucket('203.0.113.7')).toBe('203.0.113.7');
  expect(addressBucket('::ffff:203.0.113.7')).toBe('203.0.113.7');
  expect(addressBucket('2001:db8:1:2:3:4:5:6')).toBe('2001:db8:1:2::/64');
  expect(addressBucket('2001:DB8:1:2::1')).toBe('2001:db8:1:2::/64');
  expect(addressBucket('2001:db8::1')).toBe('2001:db8:0:0::/64');
  expect(addressBucket('::1')).toBe('0:0:0:0::/64');
});
