/** The page for logins of terminals as hostile callers see it, over HTTP. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startPlatform, type TestPlatform } from './start-platform.ts';

let martlet: TestPlatform;
beforeAll(async () => {
  martlet = await startPlatform({ trustProxy: true });
});
afterAll(() => martlet.close());

const PAGE = '/console/device';
let addresses = 0;
/** Each from an address of its own, so that the bound on tries is met where it is tested only. */
const freshAddress = () => ({ 'x-forwarded-for': `198.51.${(addresses += 1) >> 8}.${addresses & 255}` });
const open = (query = '', headers: Record<string, string> = freshAddress()) => fetch(martlet.url + PAGE + query, { headers });

async function startLogin(machine = 'laptop'): Promise<{ userCode: string; deviceCode: string }> {
  return (await martlet.api('POST', '/v1/login/device', { machine })).body as { userCode: string; deviceCode: string };
}
const isPending = async (deviceCode: string) => {
  const { body } = await martlet.api('POST', '/v1/login/device/token', { deviceCode });
  return ['login_pending', 'login_slow_down'].includes((body as { type: string }).type);
};
const send = (fields: Record<string, string>, headers: Record<string, string> = { origin: martlet.url }) =>
  fetch(martlet.url + PAGE, { method: 'POST', headers: { ...freshAddress(), ...headers }, body: new URLSearchParams(fields) });
const ownKey = () => martlet.headers['x-martlet-key'] ?? '';

test('is kept by nobody, framed by nobody, and runs no script', async () => {
  const { userCode } = await startLogin();
  for (const response of [await open(), await open(`?code=${userCode}`), await open('?code=wrong'), await send({}, {})]) {
    const html = await response.text();
    expect(html).not.toMatch(/<script|\son\w+=|style=|<style/);
    expect(response.headers.get('content-security-policy')).toBe(
      "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    );
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'cache-control': 'no-store',
      'x-frame-options': 'DENY',
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'same-origin',
      'content-type': 'text/html; charset=UTF-8',
    });
  }
  const style = await fetch(`${martlet.url}${PAGE}/style.css`);
  expect([style.status, style.headers.get('content-type')]).toEqual([200, 'text/css; charset=utf-8']);
});

test('shows what callers send as text', async () => {
  const html = await (await open(`?code=${encodeURIComponent('"><img src=x onerror=alert(1)>')}`)).text();
  expect(html).toContain('&quot;&gt;&lt;img');
  expect(html).not.toContain('<img');
  const { userCode } = await startLogin('a.b-c d_e');
  expect(await (await open(`?code=${userCode}`)).text()).toContain('a.b-c d_e');
});

test('takes decisions from itself only', async () => {
  const { userCode, deviceCode } = await startLogin();
  const fields = { code: userCode, key: ownKey(), decision: 'allow' };
  const strangers: Record<string, string>[] = [
    {},
    { origin: 'null' },
    { origin: 'http://evil.example' },
    { origin: 'http://127.0.0.1:1' },
    { origin: `${martlet.url}.evil.example` },
    { origin: martlet.url, 'sec-fetch-site': 'cross-site' },
    { origin: martlet.url, 'sec-fetch-site': 'same-site' },
    { 'sec-fetch-site': 'none' },
  ];
  for (const headers of strangers) expect([headers, (await send(fields, headers)).status]).toEqual([headers, 403]);
  expect(await isPending(deviceCode)).toBe(true);
  expect((await send({ ...fields, decision: 'perhaps' })).status).toBe(400);
  expect((await send({ ...fields, key: '' })).status).toBe(403);
  expect((await send({ ...fields, more: 'x'.repeat(10_000) })).status).toBe(413);
  expect((await fetch(martlet.url + PAGE, { method: 'DELETE' })).status).toBe(404);
  expect(await isPending(deviceCode)).toBe(true);
  expect((await send(fields, { 'sec-fetch-site': 'same-origin', origin: 'https://behind.a.proxy' })).status).toBe(200);
  expect(await isPending(deviceCode)).toBe(false);
});

test('lets one address try so many codes only', async () => {
  const { userCode } = await startLogin();
  const address = { 'x-forwarded-for': '203.0.113.9' };
  const statuses: number[] = [];
  for (let tries = 0; tries < 61; tries += 1) statuses.push((await open('?code=BBBB-BBBB', address)).status);
  expect(statuses.slice(0, 60).every((status) => status === 404)).toBe(true);
  expect(statuses[60]).toBe(429);
  const bounded = await open(`?code=${userCode}`, address);
  expect([bounded.status, Number(bounded.headers.get('retry-after')) > 0]).toEqual([429, true]);
  expect((await send({ code: userCode, key: ownKey(), decision: 'allow' }, { ...address, origin: martlet.url })).status).toBe(429);
  expect((await open(`?code=${userCode}`)).status).toBe(200);
});
