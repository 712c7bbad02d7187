/**
 * The smallest typed function: a web `Request` in, a web `Response` out, and a context with log, variables and facts.
 *
 *   curl 'http://127.0.0.1:8787/functions/hello?name=Ada'
 *   curl -H 'content-type: application/json' -d '{"name":"Ada"}' http://127.0.0.1:8787/functions/hello
 */
import type { FunctionConfig, FunctionContext } from 'martlet';

export const config: FunctionConfig = { timeout: 5, memory: 128 };

export default async (request: Request, ctx: FunctionContext): Promise<Response> => {
  const name = new URL(request.url).searchParams.get('name') ?? (await nameInBody(request)) ?? 'world';
  ctx.log('greeting %s in execution %s', name, ctx.execution.id);
  return Response.json({ greeting: `Hello, ${name}!` });
};

async function nameInBody(request: Request): Promise<string | undefined> {
  if (!request.headers.get('content-type')?.startsWith('application/json')) return undefined;
  const { name } = (await request.json()) as { name?: string };
  return name;
}
