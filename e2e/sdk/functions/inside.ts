/** The same as everywhere else, from inside a function: as the caller, then as the service role. */
import { createClientFromRequest } from '@martlet/sdk';
import { tryEverything } from '../shared/try-everything.ts';

export const config = { timeout: 60, scopes: ['executions.read'] };

export default async (request: Request): Promise<Response> => {
  const client = createClientFromRequest(request);
  const asCaller = await tryEverything(client, { streamsBodies: true });
  const { data, executionId = '' } = await client.asServiceRole.functions.invoke<{ caller: string }>('echo', {});
  const record = await client.asServiceRole.executions.wait(executionId);
  return Response.json({
    asCaller,
    service: { caller: data.caller, status: record.status, responseStatusCode: record.responseStatusCode },
  });
};
