/** Functions called from pages of other origins, and executions followed as events. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startPlatform, type TestPlatform } from './start-platform.ts';

const OWN = `export default () => new Response('own', { headers: {
  'access-control-allow-origin': 'https://elsewhere.example', 'access-control-allow-credentials': 'true', 'access-control-expose-headers': 'x-own', 'x-own': '1' } });`;

let martlet: TestPlatform;
beforeAll(async () => {
  martlet = await startPlatform({ corsOrigins: ['https://app.example'] });
  await Promise.all([martlet.deployCode('own-cors', OWN), martlet.deploy('prints'), martlet.deploy('throws')]);
});
afterAll(() => martlet.close());

const from = (origin: string): RequestInit => ({ headers: { origin } });

describe('a page', () => {
  test('of an allowed origin gets one answer, the platform’s, and sees the ids of the execution', async () => {
    const { headers } = await martlet.call('own-cors', from('https://app.example'));
    // Two values in one header are none for a browser.
    expect([headers.get('access-control-allow-origin'), headers.get('access-control-allow-credentials')]).toEqual([
      'https://app.example',
      'true',
    ]);
    const exposed = headers.get('access-control-expose-headers')?.split(', ') ?? [];
    expect(exposed).toEqual(expect.arrayContaining(['x-own', 'x-martlet-execution-id', 'retry-after']));
  });

  test('of any other origin gets what the function says', async () => {
    const { headers } = await martlet.call('own-cors', from('https://elsewhere.example'));
    expect([headers.get('access-control-allow-origin'), headers.get('access-control-expose-headers')]).toEqual([
      'https://elsewhere.example',
      'x-own',
    ]);
  });

  test('sees the ids of a failure too', async () => {
    const { status, headers } = await martlet.call('throws', from('https://app.example'));
    expect([status, headers.get('access-control-expose-headers')]).toEqual([
      500,
      'x-martlet-execution-id, x-appwrite-execution-id, retry-after',
    ]);
  });
});

describe('the events of an execution', () => {
  const eventsOf = async (id: string, headers: Record<string, string> = { ...martlet.headers }): Promise<Response> =>
    fetch(`${martlet.url}/v1/executions/${id}/events`, { headers });

  test('that has ended are its lines and its end', async () => {
    const { $id, logLines = [] } = await martlet.recordOf(await martlet.call('prints'));
    expect(logLines.length).toBeGreaterThan(0);
    const events = (await (await eventsOf($id)).text()).split('\n\n').filter((block) => block.startsWith('event: '));
    expect(events.map((block) => block.split('\n')[0])).toEqual([...logLines.map(() => 'event: line'), 'event: ended']);
    const data = events.map((block) => JSON.parse(block.split('\ndata: ')[1] ?? '') as Record<string, unknown>);
    expect(data.slice(0, -1)).toEqual(logLines);
    expect(data.at(-1)).toMatchObject({ $id, status: 'completed' });
    expect(data.at(-1)).not.toHaveProperty('logLines');
  });

  test('are not there for an execution that is not, nor for nobody', async () => {
    expect((await eventsOf('nothing')).status).toBe(404);
    const { $id } = await martlet.recordOf(await martlet.call('prints'));
    expect((await eventsOf($id, {})).status).toBe(401);
  });
});
