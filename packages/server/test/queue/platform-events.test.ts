/** What the platform tells of itself: a change, its event in the same commit, and the function that listens. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EventResource, ExecutionResource } from '@martlet/protocol';
import { startPlatform, type TestPlatform } from '../platform/start-platform.ts';

let test: TestPlatform;
beforeAll(async () => {
  test = await startPlatform();
});
afterAll(() => test.close());

async function events(): Promise<EventResource[]> {
  const { body } = await test.api('GET', `/v1/events?queries[0]=${encodeURIComponent('{"method":"limit","values":[500]}')}`);
  return (body as { events: EventResource[] }).events;
}

const namesOf = async (subject: string): Promise<string[]> =>
  (await events()).filter((event) => event.source === 'martlet' && event.type.includes(subject)).map(({ type }) => type);

async function post(path: string, body: unknown): Promise<{ $id: string }> {
  const answer = await test.api('POST', path, body);
  if (answer.status >= 300) throw new Error(JSON.stringify(answer.body));
  return answer.body as { $id: string };
}

async function firstExecution(functionId: string): Promise<ExecutionResource> {
  for (let tries = 0; tries < 400; tries += 1) {
    const { executions } = (await test.api('GET', `/v1/functions/${functionId}/executions`)).body as { executions: ExecutionResource[] };
    const [one] = executions;
    if (one?.status === 'completed' || one?.status === 'failed') return one;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error('nothing was executed');
}

describe('the platform tells', () => {
  it('a function that listens of a user, once and with the user', async () => {
    const id = await test.deployCode(
      'greets',
      `export const config = { events: ['users.*.create', 'users.*'] };
      export default async (request, ctx) => {
        ctx.log(JSON.stringify([request.method, new URL(request.url).pathname, request.headers.get('content-type'), request.headers.get('x-appwrite-event'), await request.json()]));
        return new Response();
      };`,
    );
    const user = await post('/v1/users', { userId: 'greeted', email: 'g@example.com', password: 'correct horse', name: 'Gina' });
    const execution = await firstExecution(id);
    const record = await test.recordOf(execution.$id);
    expect(JSON.parse(record.logs)).toEqual(['POST', '/', 'application/json', 'users.greeted.create', user]);
    const { body } = await test.api('GET', `/v1/functions/${id}/executions`);
    expect(body).toMatchObject({ total: 1 });
    await test.api('DELETE', `/v1/functions/${id}`);
  });

  it('of users and their sessions, by the part that changed', async () => {
    await post('/v1/users', { userId: 'ann', email: 'ann@example.com', password: 'correct horse' });
    await test.api('PATCH', '/v1/users/ann/name', { name: 'Ann' });
    await test.api('PUT', '/v1/users/ann/labels', { labels: ['vip'] });
    const one = await post('/v1/users/ann/sessions', {});
    await test.api('DELETE', `/v1/users/ann/sessions/${one.$id}`);
    const two = await post('/v1/users/ann/sessions', {});
    await test.api('PATCH', '/v1/users/ann/status', { status: false });
    await test.api('DELETE', '/v1/users/ann');
    await test.api('DELETE', '/v1/users/ann');
    await expect(namesOf('users.ann')).resolves.toEqual([
      'users.ann.create',
      'users.ann.update.name',
      'users.ann.update.labels',
      `users.ann.sessions.${one.$id}.create`,
      `users.ann.sessions.${one.$id}.delete`,
      `users.ann.sessions.${two.$id}.create`,
      'users.ann.update.status',
      `users.ann.sessions.${two.$id}.delete`,
      'users.ann.delete',
    ]);
  });

  it('of teams, functions and deployments, and of executions only where somebody listens', async () => {
    await post('/v1/users', { userId: 'member' });
    await post('/v1/teams', { teamId: 'crew', name: 'Crew' });
    const { $id: membership } = await post('/v1/teams/crew/memberships', { userId: 'member', roles: [] });
    await test.api('DELETE', `/v1/teams/crew/memberships/${membership}`);
    await test.api('DELETE', '/v1/teams/crew');
    await expect(namesOf('teams.crew')).resolves.toEqual([
      'teams.crew.create',
      `teams.crew.memberships.${membership}.create`,
      `teams.crew.memberships.${membership}.delete`,
      'teams.crew.delete',
    ]);
    const id = await test.deployCode('told', 'export default () => new Response("x")');
    await test.recordOf(await test.call('told'));
    const { deploymentId } = (await test.api('GET', `/v1/functions/${id}`)).body as { deploymentId: string };
    await test.api('DELETE', `/v1/functions/${id}`);
    const update = `functions.${id}.deployments.${deploymentId}.update`;
    await expect(namesOf(`functions.${id}`)).resolves.toEqual([
      `functions.${id}.create`,
      `functions.${id}.deployments.${deploymentId}.create`,
      update,
      update,
      update,
      `functions.${id}.deployments.${deploymentId}.delete`,
      `functions.${id}.delete`,
    ]);
  });

  it('nothing of a change that was refused', async () => {
    await post('/v1/users', { userId: 'once' });
    await expect(test.api('POST', '/v1/users', { userId: 'once' })).resolves.toMatchObject({ status: 409 });
    await expect(namesOf('users.once')).resolves.toEqual(['users.once.create']);
  });

  it('a function that changes what it listens to no more than sixteen times', async () => {
    await post('/v1/users', { userId: 'looped' });
    const id = await test.deployCode(
      'loops',
      `export const config = { events: ['users.looped.update.name'], scopes: ['users.write'] };
      export default async (request, ctx) => {
        const answer = await fetch(ctx.env.MARTLET_URL + '/v1/users/looped/name', {
          method: 'PATCH',
          headers: { 'content-type': 'application/json', 'x-appwrite-key': request.headers.get('x-appwrite-key') ?? '' },
          body: JSON.stringify({ name: String(Math.random()) }),
        });
        ctx.log(answer.status);
        return new Response();
      };`,
    );
    await test.api('PATCH', '/v1/users/looped/name', { name: 'begin' });
    const count = async () => ((await test.api('GET', `/v1/functions/${id}/executions`)).body as { total: number }).total;
    await expect.poll(count, { timeout: 20_000 }).toBe(17);
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(await count()).toBe(17);
    const last = (await events()).find(({ type, hops }) => type === 'users.looped.update.name' && hops === 17);
    const { body } = await test.api('GET', `/v1/events/why?source=martlet&id=${last?.$id}`);
    expect(body).toMatchObject({ lines: [{ code: 'hops_exceeded' }] });
    await test.api('DELETE', `/v1/functions/${id}`);
  });
});
