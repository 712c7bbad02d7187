/** The control API as HTTP clients reach it, through the adapter that the other tests of the API leave out. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startPlatform, type TestPlatform } from './start-platform.ts';

let server: TestPlatform;

beforeAll(async () => {
  server = await startPlatform({ blanks: 0 });
});
afterAll(() => server.close());

/** Sent in pieces, without a content-length. */
const inPieces = (text: string): RequestInit & { duplex: 'half' } => ({ body: new Blob([text]).stream(), duplex: 'half' });
const request = (method: string, path: string, init: RequestInit = {}) =>
  fetch(`${server.url}/v1${path}`, { method, headers: server.headers, ...init });

test('a body in pieces is read like one of a known length', async () => {
  const response = await request('POST', '/project/variables', inPieces('{"key":"IN_PIECES","value":"whole","secret":false}'));
  expect([response.status, await response.json()]).toEqual([201, expect.objectContaining({ key: 'IN_PIECES', value: 'whole' })]);
});

test('a body in pieces is held to the same limit', async () => {
  const response = await request('POST', '/project/variables', inPieces(`{"key":"LARGE","value":"${'x'.repeat(1_100_000)}"}`));
  expect([response.status, await response.json()]).toEqual([413, expect.objectContaining({ type: 'general_request_too_large' })]);
});

test('DELETE without a body and without a content-length is answered', async () => {
  const created = await request('POST', '/project/variables', { body: '{"key":"TO_DELETE","value":"1"}' });
  const { $id } = (await created.json()) as { $id: string };
  const deleted = await request('DELETE', `/project/variables/${$id}`);
  expect([deleted.status, await deleted.text()]).toEqual([204, '']);
  expect((await request('GET', `/project/variables/${$id}`)).status).toBe(404);
});
